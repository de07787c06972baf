"""nbdev's part of the site: notebooks to _proc, with docstrings and links to the API. tools/docs.sh renders them.

HTML outputs become raw blocks of markdown, for which Quarto does not make the page fetch scripts from a CDN. Links that
nbdev puts into code are taken out, as is the type it makes up for None, and its entry for a command of click. Code that
is shown stands without a label above it, and the tests of a page in one folded block at its end.
"""

import html
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


def scrolling(output):
    """Printed text whose lines in columns no line break may part, while sentences among them are broken as any text.

    Columns wider than their box are scrolled by keyboard too."""
    if output["output_type"] != "stream":
        return output
    lines = []
    for line in "".join(output["text"]).splitlines():
        kind = "columns" if re.search(r"^ {4}|\S {2,}\S", line) else "sentence"
        lines.append(f'<span class="{kind}">{html.escape(line)}\n</span>')
    pre = f'<pre tabindex="0"><code>{"".join(lines)}</code></pre>'
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": pre}}


def mend(cell):
    "Mend a cell's markdown and outputs, in place; its source stays a list: Quarto drops the line breaks of a string."
    if cell["cell_type"] == "markdown":
        cell["source"] = mended("".join(cell["source"])).splitlines(keepends=True)
    if cell["cell_type"] == "code" and option("".join(cell["source"]), "classes") == "aligned":
        cell["outputs"] = [scrolling(output) for output in cell["outputs"]]
    for data in [output.get("data", {}) for output in cell.get("outputs", [])]:
        if "text/html" in data:
            data["text/markdown"] = f"`````{{=html}}\n{''.join(data.pop('text/html'))}\n`````\n"
        elif "text/markdown" in data:
            data["text/markdown"] = mended("".join(data["text/markdown"]))


def option(source, name):
    "What a line of options of a code cell says, without quotes; None where there is no such line."
    found = re.search(rf"^#\|\s*{name}: *(.*)$", source, flags=re.M)
    return found and found[1].removeprefix('"').removesuffix('"').replace('\\"', '"')


def claim_of(source):
    "The claim that a folded test is of; None for other code, a test whose table or figure is referred to among it."
    is_test = re.search(r"\bassert\b|\btest_\w+\(|\bExceptionExpected\b", source)
    folded = option(source, "code-fold") == "true" and not option(source, "label")
    return option(source, "code-summary") if is_test and folded else None


def markdown(number, *lines):
    return {"cell_type": "markdown", "id": f"tests-{number}", "metadata": {}, "source": [f"{line}\n" for line in lines]}


def arranged(cells):
    "A page's cells: no label above code that is shown, and the folded tests gathered in one folded block at the end."
    page, tests = [], []
    for cell in cells:
        source = "".join(cell["source"])
        claim = claim_of(source) if cell["cell_type"] == "code" else None
        if claim or option(source, "code-fold") == "show":
            source = re.sub(r"^#\|\s*code-(fold|summary):.*\n", "", source, flags=re.M)
            cell["source"] = source.splitlines(keepends=True)
        if claim:
            tests += [markdown(len(tests) + 1, f"**{claim}**"), cell]
        else:
            page.append(cell)
    summary = f"<summary>Tests of this page ({len(tests) // 2})</summary>"
    opening = markdown(0, "```{=html}", '<details class="tests">', summary, "```")
    closing = markdown(len(tests) + 1, "```{=html}", "</details>", "```")
    return [*page, opening, *tests, closing] if tests else page


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
        book["cells"] = arranged(book["cells"])
        book["cells"].append(notebook_links(path.name))
        path.write_text(json.dumps(book), encoding="utf-8")
