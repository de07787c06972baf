"Write nbs/images/card.png, the picture that links to the site show: `python tools/card.py`. Made from two figures that the pages store."

import base64
import io
import json
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from PIL import Image

nbs = Path(__file__).parent.parent / "nbs"
figures = {
    "the report's importance": ("05_evaluate", "fig-plot-importance"),
    "about an anchor, by consensus": ("07_consensus", "fig-consensus"),
}


def stored(page, label):
    "The stored figure of the cell with this label, as an array."
    cells = json.loads((nbs / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    cell = next(cell for cell in cells if any(line.strip() == f"#| label: {label}" for line in cell["source"]))
    return plt.imread(
        io.BytesIO(
            base64.b64decode(next(output["data"]["image/png"] for output in cell["outputs"] if "data" in output))
        )
    )


card, axes = plt.subplots(
    1, 2, figsize=(12, 6.3), gridspec_kw=dict(left=0.02, right=0.98, bottom=0.04, top=0.72, wspace=0.04)
)
for ax, (title, place) in zip(axes, figures.items()):
    ax.imshow(stored(*place))
    ax.set_axis_off()
    ax.set_title(title, fontsize=20)
card.text(0.5, 0.93, "impaug", ha="center", va="center", fontsize=40, weight="bold")
card.text(
    0.5, 0.845, "learned row importance, pseudo labels and SMOTE, without labels", ha="center", va="center", fontsize=20
)
(nbs / "images").mkdir(exist_ok=True)
drawn = io.BytesIO()
card.savefig(drawn, dpi=100)
Image.open(drawn).convert("RGB").quantize(32).save(nbs / "images" / "card.png", optimize=True)
