"Write nbs/images/card.png, the picture that links to the site show: the front page's figure under the site's name."

from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

images = Path(__file__).parent.parent / "nbs" / "images"
card, ax = plt.subplots(figsize=(12, 6.3))
card.subplots_adjust(left=0.04, right=0.96, bottom=0.02, top=0.76)
card.text(0.5, 0.92, "impaug", ha="center", va="center", fontsize=40, weight="bold")
card.text(0.5, 0.81, "learned row importance, pseudo labels and SMOTE, without labels", ha="center", fontsize=20)
ax.imshow(plt.imread(images / "fig-front.png"))
ax.set_axis_off()
card.savefig(images / "card.png", dpi=100)
Image.open(images / "card.png").convert("RGB").quantize(32).save(images / "card.png", optimize=True)
