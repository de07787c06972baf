"""Write README.md and its pictures in nbs/images from nbs/index.ipynb, whose stored outputs are kept.

Stands in for nbdev_readme, which needs Quarto."""

import base64
import re
from pathlib import Path

import anybadge
import nbformat
import yaml
from nbconvert import MarkdownExporter

root = Path(__file__).parent.parent


def works(bibliography):
    'Authors and year of each entry, {key: ("Shi and Malik", "2000")}; a short title where there is no author.'
    found = {}
    for key, body in re.findall(r"^@\w+\{([\w-]+),\n(.*?)^\}", bibliography, flags=re.M | re.S):
        lines = re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", body.replace("\\^i", "î"), flags=re.M)
        fields = {name: re.sub(r"[{}]", "", value) for name, value in lines}
        names = [name.split(",")[0] for name in fields.get("author", fields.get("shorttitle", "")).split(" and ")]
        some = names if len(names) < 4 else [f"{names[0]} et al."]
        found[key] = ", ".join(some[:-2] + [" and ".join(some[-2:])]), fields.get("year", "")
    return found


def plain(text, cited):
    "Quarto's citations, references and labels as words, since GitHub resolves none of them."
    figures, tables = (re.findall(rf"#({kind}-[\w-]+)\}}", text) for kind in ("fig", "tbl"))
    numbers = {label: f"Figure {i}" for i, label in enumerate(figures, 1)}
    numbers |= {label: f"Table {i}" for i, label in enumerate(tables, 1)}

    def in_brackets(group):
        return "(" + re.sub(r"-?@(\w+)", lambda key: " ".join(cited[key[1]]).strip(), group[1]) + ")"

    text = re.sub(r"^: (.*?) *\{#([\w-]+)[^}]*\}$", lambda found: f"{numbers[found[2]]}: {found[1]}", text, flags=re.M)
    text = re.sub(r"@((?:fig|tbl)-[\w-]+)", lambda label: numbers[label[1]], text)
    text = re.sub(r"\[(-?@[^\]]+)\]", in_brackets, text)
    for key, (authors, year) in cited.items():
        text = re.sub(rf"(?<![\w`])@{key}\b", f"{authors} ({year})", text)
    return re.sub(r"^:::.*\n|(?<=\S) *\{[#.][^}\n]*\}", "", text, flags=re.M)


def options(source):
    "A cell's `#| key: value` lines as a dict."
    return yaml.safe_load("\n".join(re.findall(r"^#\| (\S+: .*)$", source, flags=re.M))) or {}


def picture(cell):
    "A cell of markdown that shows the cell's figure, which is written to nbs/images."
    about = options(cell.source)
    path = Path("nbs") / "images" / f"{about['label']}.png"
    png = next(output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {}))
    (root / path).write_bytes(base64.b64decode(png))
    return nbformat.v4.new_markdown_cell(f"![{about['fig-alt']}]({path.as_posix()})\n\n{about['fig-cap']}")


def write_badges(text):
    "Write the badges that a text shows as pictures, each with what its alternative text says."
    for path, name, value in re.findall(r'<img src="(images/badge-[\w-]+\.svg)" alt="([^":]+): ([^"]+)">', text):
        svg = anybadge.Badge(name, value, default_color="#2a6fb0").badge_svg_text
        (root / "nbs" / path).write_text(svg, encoding="utf-8")


notebook = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
notebook.cells = [cell for cell in notebook.cells if "#| hide" not in cell.source.splitlines()]
notebook.cells = [picture(cell) if "#| fig-alt:" in cell.source else cell for cell in notebook.cells]
for cell in [cell for cell in notebook.cells if "#| echo: false" in cell.source]:
    if caption := options(cell.source).get("tbl-cap"):
        cell.outputs[0].data["text/markdown"] += f"\n\n{caption}"
    cell.source = ""
notebook.metadata["language_info"] = {"name": "python"}
text = MarkdownExporter().from_notebook_node(notebook)[0].replace("```python\n\n```\n", "")
text = plain(text, works((root / "nbs" / "references.bib").read_text(encoding="utf-8")))
text = re.sub(r"\]\((\w+\.ipynb)", r"](nbs/\1", re.sub(r"[ \t]+$", "", text.strip(), flags=re.M))
write_badges(text)
text = text.replace('<img src="images/', '<img src="nbs/images/')
head = "<!-- Made from nbs/index.ipynb by tools/readme.py: edit there. -->\n\n"
(root / "README.md").write_text(head + re.sub(r"\n{3,}", "\n\n", text) + "\n", encoding="utf-8")
