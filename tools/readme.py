"Write README.md from nbs/index.ipynb, whose stored outputs are kept. Stands in for nbdev_readme, which needs Quarto."

import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

root = Path(__file__).parent.parent
kinds = {"fig": "Figure", "tbl": "Table"}


def visible(cell):
    "The cell as a reader sees it: nothing where hidden, no source where the source is not echoed."
    directives = [line.replace(" ", "") for line in cell.source.splitlines() if line.startswith("#|")]
    if "#|hide" in directives:
        return None
    if "#|echo:false" in directives:
        cell.source = ""
    return cell


def works(bibliography):
    'Authors and year of each entry, {key: ("Shi and Malik", "2000")}; a short title where there is no author.'
    found = {}
    for key, body in re.findall(r"^@\w+\{([\w-]+),\n(.*?)^\}", bibliography, flags=re.M | re.S):
        fields = {
            name: re.sub(r"[{}]", "", value).replace("\\^i", "î")
            for name, value in re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", body, flags=re.M)
        }
        names = [name.split(",")[0] for name in fields.get("author", fields.get("shorttitle", "")).split(" and ")]
        found[key] = (
            f"{names[0]} et al."
            if len(names) > 3
            else ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1],
            fields.get("year", ""),
        )
    return found


def plain(text):
    "Quarto's citations, references and labels as words, since GitHub resolves none of them."
    cited = works((root / "nbs" / "references.bib").read_text(encoding="utf-8"))
    labels = re.findall(r"#((?:fig|tbl)-[\w-]+)\}", text)
    numbers = {
        label: f"{kinds[label[:3]]} {[other for other in labels if other[:3] == label[:3]].index(label) + 1}"
        for label in labels
    }
    text = re.sub(r"^: (.*?) *\{#([\w-]+)[^}]*\}$", lambda m: f"{numbers[m[2]]}: {m[1]}", text, flags=re.M)
    text = re.sub(r"@((?:fig|tbl)-[\w-]+)", lambda m: numbers[m[1]], text)
    text = re.sub(
        r"\[(-?@[^\]]+)\]", lambda m: "(" + re.sub(r"@(\w+)", lambda k: " ".join(cited[k[1]]).strip(), m[1]) + ")", text
    )
    text = re.sub(
        r"(?<![\w`])@(\w+)", lambda m: f"{cited[m[1]][0]} ({cited[m[1]][1]})" if m[1] in cited else m[0], text
    )
    return re.sub(r"^:::.*\n|(?<=\S) *\{[#.][^}\n]*\}", "", text, flags=re.M)


notebook = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
notebook.cells = [cell for cell in map(visible, notebook.cells) if cell]
notebook.metadata["language_info"] = {"name": "python"}
text, _ = MarkdownExporter().from_notebook_node(notebook)
text = plain(text.replace("```python\n\n```\n", ""))
text = re.sub(r"\]\((\w+\.ipynb)", r"](nbs/\1", text)
lines = [line.rstrip() for line in text.strip().splitlines()]
tidy = "\n".join(line for i, line in enumerate(lines) if line or lines[i - 1]) + "\n"
(root / "README.md").write_text(
    "<!-- Made from nbs/index.ipynb by tools/readme.py: edit there. -->\n\n" + tidy, encoding="utf-8"
)
