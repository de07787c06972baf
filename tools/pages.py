"""nbdev's part of the site: notebooks to _proc, with docstrings and links to the API. tools/docs.sh renders them.

HTML outputs become raw blocks of markdown, for which Quarto does not make the page fetch scripts from a CDN. Links that
nbdev puts into code are taken out, as is the type it makes up for None, and its entry for a command of click.
"""

import json
import re

from nbdev.serve import proc_nbs


def mended(text):
    "Markdown whose fenced code has no links and no made-up types; nothing where it documents a command of click."

    def plain(code):
        return re.sub(r"\[(`[^`\n]+`)\]\([^)\s]+\)", r"\1", code[0]).replace(":NoneType=None", "=None")

    if re.search(r"^def (Group|Command)\.__call__\(", text, flags=re.M):
        return ""
    return re.sub(r"^```.*?^```", plain, text, flags=re.M | re.S)


def mend(cell):
    "Mend a cell's markdown and outputs, in place; its source stays a list: Quarto drops the line breaks of a string."
    if cell["cell_type"] == "markdown":
        cell["source"] = mended("".join(cell["source"])).splitlines(keepends=True)
    for data in [output.get("data", {}) for output in cell.get("outputs", [])]:
        if "text/html" in data:
            data["text/markdown"] = f"`````{{=html}}\n{''.join(data.pop('text/html'))}\n`````\n"
        elif "text/markdown" in data:
            data["text/markdown"] = mended("".join(data["text/markdown"]))


REPOSITORY = "github.com/impaug/impaug"


def notebook_links(name):
    "A cell for the end of a page: its notebook to download, and to run in Colab. Plain links, which fetch nothing."
    download = f"https://{REPOSITORY}/raw/main/nbs/{name}"
    colab = f"https://colab.research.google.com/{REPOSITORY.replace('.com', '')}/blob/main/nbs/{name}"
    setup = f"!git clone https://{REPOSITORY} && pip install ./impaug"
    text = (
        f"This page is a notebook: [download it]({download}), or [open it in Colab]({colab}). In Colab, run "
        f"`{setup}` and then `%cd impaug/nbs` before its cells."
    )
    return {"cell_type": "markdown", "id": "notebook-links", "metadata": {}, "source": ["---\n", "\n", text]}


if __name__ == "__main__":
    for path in proc_nbs(force=True, n_workers=0).glob("*.ipynb"):
        book = json.loads(path.read_text(encoding="utf-8"))
        for cell in book["cells"]:
            mend(cell)
        book["cells"].append(notebook_links(path.name))
        path.write_text(json.dumps(book), encoding="utf-8")
