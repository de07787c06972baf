"""The report part as one PDF: `python tools/article.py` writes _article/article.ipynb, which Quarto renders with Typst.

Its sections are the pages of `PAGES` in nbs/, without code and tests; links to pages lead to the site.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

from pages import mend

ROOT = Path(__file__).parent.parent
PAGES = r"(0\d|1[0-5])_(?!explore).*\.ipynb"  # but for the page that is one interactive figure
SITE = "https://impaug.github.io/impaug"
HEAD = """---
title: "impaug: learned row importance, pseudo labels and SMOTE"
subtitle: A report of 2021, run again and explained
author: The impaug authors
lang: en-GB
bibliography: references.bib
csl: impaug.csl
format:
  typst:
    papersize: a4
    toc: true
    number-sections: true
execute:
  enabled: false
  echo: false
---
"""
LEFT_OUT = re.compile(r"^#\| *(hide|export|exports|default_exp|code-summary)\b", flags=re.M)


def section(name, cells):
    "Cells of one page for the article: no code that shows nothing, labels with the page's number, links to the site."
    kept = [cell for cell in cells if cell["cell_type"] == "markdown" or cell.get("outputs")]
    sources = ["".join(cell["source"]) for cell in kept]
    kept = [cell for cell, text in zip(kept, sources) if "#| label: " in text or not LEFT_OUT.search(text)]
    for cell in kept:
        mend(cell)
    text = json.dumps(kept, ensure_ascii=False)
    text = re.sub(r"(?<=\]\()(?:\d\d_)?([\w-]+)\.ipynb", rf"{SITE}/\1.html", text)
    text = re.sub(r"((?:#\| label: |@|\{#)(?:fig|tbl|eq)-[\w-]+)", rf"\1-{name[:2]}", text)
    return json.loads(text)


def join(folder):
    "The article as a notebook: a dict."
    paths = sorted(path for path in Path(folder).glob("*.ipynb") if re.fullmatch(PAGES, path.name))
    books = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    cells = [{"cell_type": "raw", "id": "head", "metadata": {}, "source": HEAD}]
    for name, book in books.items():
        cells += section(name, book["cells"])
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return next(iter(books.values())) | {"cells": cells}


if __name__ == "__main__":
    if not shutil.which("quarto"):
        print("make article: skipped, since Quarto is not on the PATH; online, pip install quarto-cli==1.7.34 gets it")
        raise SystemExit
    made = ROOT / "_article"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(ROOT / "nbs/images", made / "images")
    for name in ("references.bib", "impaug.csl"):
        shutil.copy(ROOT / "nbs" / name, made)
    (made / "_quarto.yml").write_text("project:\n  type: default\n")  # else the site's configuration would hold here
    (made / "article.ipynb").write_text(json.dumps(join(ROOT / "nbs")), encoding="utf-8")
    subprocess.run(["quarto", "render", "article.ipynb", "--to", "typst"], cwd=made, check=True)
    print("[article] _article/article.pdf")
