"""nbdev's part of the site: notebooks to _proc, with docstrings, parameters and links to the API. tools/docs.sh then renders them.

HTML outputs become raw blocks of markdown, which look the same: at the sight of an HTML output Quarto has the page fetch
require.js and jQuery from a CDN, for widgets that are not there.
"""
import json
import warnings

from nbdev.serve import proc_nbs

FENCE = "`"*5


def as_raw_block(output):
    "Move an output's text/html into a raw block in text/markdown."
    data = output.get("data", {})
    if html := data.pop("text/html", None): data["text/markdown"] = f"{FENCE}{{=html}}\n{''.join(html)}\n{FENCE}\n"


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "Found cells containing imports")
    for path in proc_nbs(force=True, n_workers=0).glob("*.ipynb"):
        book = json.loads(path.read_text(encoding="utf-8"))
        for cell in book["cells"]:
            for output in cell.get("outputs", []): as_raw_block(output)
        path.write_text(json.dumps(book), encoding="utf-8")
