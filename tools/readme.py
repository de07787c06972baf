"Write README.md from nbs/index.ipynb, whose stored outputs are kept. Stands in for nbdev_readme, which needs Quarto."
import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

root = Path(__file__).parent.parent


def visible(cell):
    "The cell as a reader sees it: nothing where hidden, no source where the source is not echoed."
    directives = [line.replace(" ", "") for line in cell.source.splitlines() if line.startswith("#|")]
    if "#|hide" in directives:
        return None
    if "#|echo:false" in directives:
        cell.source = ""
    return cell


notebook = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
notebook.cells = [cell for cell in map(visible, notebook.cells) if cell]
notebook.metadata["language_info"] = {"name": "python"}
text, _ = MarkdownExporter().from_notebook_node(notebook)
text = text.replace("```python\n\n```\n", "")
text = re.sub(r"\]\((\w+\.ipynb)", r"](nbs/\1", text)
lines = [line.rstrip() for line in text.strip().splitlines()]
tidy = "\n".join(line for i, line in enumerate(lines) if line or lines[i - 1]) + "\n"
(root / "README.md").write_text("<!-- Made from nbs/index.ipynb by tools/readme.py: edit there. -->\n\n" + tidy, encoding="utf-8")
