"Write nbs/images/card.png, the picture that links to the site show, from two figures that pages store."

import base64
import io
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from PIL import Image

nbs = Path(__file__).parent.parent / "nbs"
figures = {"fig-plot-importance": "the report's importance", "fig-consensus": "about an anchor, by consensus"}
cells = [cell for path in nbs.glob("*.ipynb") for cell in nbformat.read(path, as_version=4).cells]
card, axes = plt.subplots(1, 2, figsize=(12, 6.3))
card.subplots_adjust(left=0.02, right=0.98, bottom=0.04, top=0.72, wspace=0.04)
card.text(0.5, 0.93, "impaug", ha="center", va="center", fontsize=40, weight="bold")
card.text(0.5, 0.83, "learned row importance, pseudo labels and SMOTE, without labels", ha="center", fontsize=20)
for ax, (label, title) in zip(axes, figures.items()):
    cell = next(cell for cell in cells if f"#| label: {label}\n" in cell.source)
    png = next(output.data["image/png"] for output in cell.outputs if "data" in output)
    ax.imshow(plt.imread(io.BytesIO(base64.b64decode(png))))
    ax.set_axis_off()
    ax.set_title(title, fontsize=20)
drawn = io.BytesIO()
card.savefig(drawn, dpi=100)
Image.open(drawn).convert("RGB").quantize(32).save(nbs / "images" / "card.png", optimize=True)
