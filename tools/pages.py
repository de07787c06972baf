"""nbdev's part of the site: notebooks to _proc, with docstrings, parameters and links to the API. tools/docs.sh then renders them.

HTML outputs become raw blocks of markdown, which look the same: at the sight of an HTML output Quarto has the page fetch
require.js and jQuery from a CDN, for widgets that are not there. Links that nbdev puts into code are taken out again: there
they are no links. So is the type it makes up for a parameter that is None by default, and its entry for a command of click,
of which it knows only that it can be called.
"""

import json
import re
import warnings

from nbdev.serve import proc_nbs

FENCE = "`" * 5


def as_raw_block(output):
    "Move an output's text/html into a raw block in text/markdown."
    data = output.get("data", {})
    if html := data.pop("text/html", None):
        data["text/markdown"] = f"{FENCE}{{=html}}\n{''.join(html)}\n{FENCE}\n"


def unlinked(text):
    "`text` without markdown links inside its fenced code."
    return re.sub(
        r"^```.*?^```", lambda code: re.sub(r"\[(`[^`\n]+`)\]\([^)\s]+\)", r"\1", code[0]), text, flags=re.M | re.S
    )


def plain_signatures(text):
    "`text` without the type NoneType in its fenced code; empty where it documents a command of click."
    if re.search(r"^def (Group|Command)\.__call__\(", text, flags=re.M):
        return ""
    return re.sub(r"^```.*?^```", lambda code: code[0].replace(":NoneType=None", "=None"), text, flags=re.M | re.S)


def mended(cell):
    "Mend a cell's source and its stored markdown, in place."
    if cell["cell_type"] == "markdown":
        cell["source"] = unlinked("".join(cell["source"])).splitlines(
            keepends=True
        )  # Quarto drops the line breaks of a plain string
    for output in cell.get("outputs", []):
        as_raw_block(output)
        if text := output.get("data", {}).get("text/markdown"):
            output["data"]["text/markdown"] = plain_signatures(unlinked("".join(text)))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "Found cells containing imports")
    for path in proc_nbs(force=True, n_workers=0).glob("*.ipynb"):
        book = json.loads(path.read_text(encoding="utf-8"))
        for cell in book["cells"]:
            mended(cell)
        path.write_text(json.dumps(book), encoding="utf-8")
