"The style of code that Ruff does not check, over notebooks, modules, tools, tests and benchmarks."

import ast
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import v4

root = Path(__file__).parent.parent
notebooks = sorted(root.glob("nbs/*.ipynb"))
modules = sorted(path for path in root.glob("impaug/*.py") if path.name not in ("__init__.py", "_modidx.py"))
scripts = [path for folder in ("tools", "tests", "benchmarks") for path in sorted((root / folder).glob("*.py"))]
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
NARRATIVE, EXPORTED = 21, 3  # pages numbered below; how many exported cells may stand before the first figure there


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def options(cell):
    "The `#|` lines of a code cell, `#| key: value` as a pair of the dict."
    lines = [line[2:].strip() for line in cell.source.splitlines() if line.startswith("#|")]
    return {line.partition(":")[0].strip(): line.partition(":")[2].strip(" \"'") for line in lines}


def python_of(cell):
    "Source of a code cell, magics and shell commands as the calls that IPython makes of them."
    return TransformerManager().transform_cell(cell.source) if cell.cell_type == "code" else ""


# The checks: each gives its faults ------------------------------------------------------------------------------------


def nested_comprehensions(source):
    "Lines of comprehensions and generators that stand inside another, in its elements, iterables or conditions."
    outer = [node for node in ast.walk(ast.parse(source)) if isinstance(node, COMPREHENSIONS)]
    inner = [node for one in outer for node in ast.walk(one) if isinstance(node, COMPREHENSIONS) and node is not one]
    return sorted({node.lineno for node in inner})


def untitled_folds(cells):
    "Positions of folded cells whose title is no claim; the folded code of a figure needs none."
    found = []
    for i, cell in enumerate(cells):
        given = options(cell)
        title = given.get("code-summary", "" if re.search(r"^(assert|test_\w+\()", cell.source, re.M) else "a figure")
        if given.get("code-fold") == "true" and title.lower() in ("", "code", "test", "tests"):
            found.append(i)
    return found


def is_result(cell):
    "Whether a reader sees a figure or a table: an image, an HTML table or drawing, or a table in markdown."
    if "hide" in options(cell):
        return False
    data = [item for output in cell.get("outputs", []) for item in output.get("data", {}).items()]
    shown = [
        kind.startswith("image/") or bool(re.search(r"<table|<svg|^\|.*\|", str(text), re.M)) for kind, text in data
    ]
    return any(shown)


def exported_before_result(cells):
    "How many exported cells stand before the first figure or table of a page."
    first = next((i for i, cell in enumerate(cells) if is_result(cell)), len(cells))
    return sum(bool({"export", "exports", "exporti"} & set(options(cell))) for cell in cells[:first])


def later_imports(source, numbers):
    "Modules of the package that a module imports although their page has no lower number than its own."
    own = int(re.search(r"File to edit: \S*/(\d+)_", source)[1])
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {name.name.removeprefix("impaug.") for name in node.names if name.name.startswith("impaug.")}
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "impaug"):
            path = (node.module or "").removeprefix("impaug").strip(".")
            imported |= {path.split(".")[0]} if path else {name.name for name in node.names}
    return sorted(name for name in imported if numbers.get(name, -1) >= own)


# Here -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*modules, *scripts], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_comprehension_stands_in_another_in_files(path):
    assert nested_comprehensions(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", notebooks, ids=lambda path: path.name)
def test_no_comprehension_stands_in_another_in_notebooks(path):
    lines = {i: nested_comprehensions(python_of(cell)) for i, cell in enumerate(cells_of(path))}
    assert {i: found for i, found in lines.items() if found} == {}, "{cell: lines}"


@pytest.mark.parametrize("path", notebooks, ids=lambda path: path.name)
def test_folded_cells_are_titled_by_their_claim(path):
    assert untitled_folds(cells_of(path)) == [], "cells"


@pytest.mark.parametrize("path", [path for path in notebooks if path.name < str(NARRATIVE)], ids=lambda path: path.name)
def test_a_result_comes_before_many_exported_cells(path):
    assert exported_before_result(cells_of(path)) <= EXPORTED


@pytest.mark.parametrize("path", modules, ids=lambda path: path.name)
def test_modules_import_only_from_lower_pages(path):
    pages = [(notebook.stem.partition("_"), notebook) for notebook in notebooks]
    numbers = {parts[2]: int(parts[0]) for parts, _ in pages if parts[0].isdigit()}
    assert later_imports(path.read_text(encoding="utf-8"), numbers) == []


# Planted faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source, lines",
    [
        ("[x for x in y]\n[z for z in y]", []),
        ("[f(x) for x in y if x] + [sum(z for z in y)]", []),
        ("for x in [a for a in y]:\n    print([b for b in x])", []),
        ("[[x for x in row] for row in table]", [1]),
        ("[row\n for row in\n [x for x in table]]", [3]),
        ("sum(x\n for x in y\n if any(z > x for z in y))", [3]),
        ("{a: max(b for b in a) for a in y}", [1]),
        ("[(lambda: {b for b in a}) for a in y]", [1]),
    ],
)
def test_nested_comprehensions_are_noticed(source, lines):
    assert nested_comprehensions(source) == lines


@pytest.mark.parametrize(
    "head, found",
    [
        ('#| code-fold: true\n#| code-summary: "Labels change nothing"', []),
        ('#| code-fold: true\n#| code-summary: "Tests"', [0]),
        ("#| code-fold: true\n#| code-summary: tests", [0]),
        ("#| code-fold: true", [0]),
        ("#| code-fold: true\nplot()", [0]),
        ('#| code-fold: true\n#| code-summary: "Code"', [0]),
        ("#| export", []),
    ],
)
def test_untitled_folds_are_noticed(head, found):
    assert untitled_folds([v4.new_code_cell(head + "\nassert True")]) == found


def test_the_code_of_a_figure_needs_no_title():
    assert untitled_folds([v4.new_code_cell("#| code-fold: true\nplot()")]) == []


EXPORT = v4.new_code_cell("#| export\ndef f(): pass")


def shown(data, source="f()"):
    return v4.new_code_cell(source, outputs=[v4.new_output("display_data", data)])


@pytest.mark.parametrize(
    "cells, number",
    [
        ([EXPORT, shown({"image/png": "iVBORw0KGgo="}), EXPORT], 1),
        ([EXPORT, EXPORT, shown({"text/html": "<table><td>1</table>"}), EXPORT], 2),
        ([EXPORT, shown({"text/markdown": "| a |\n|---|\n| 1 |"}), EXPORT], 1),
        ([EXPORT, shown({"text/plain": "1"}), EXPORT], 2),
        ([EXPORT, shown({"image/png": "iVBORw0KGgo="}, "#| hide\nf()"), EXPORT], 2),
        ([EXPORT, v4.new_markdown_cell("a"), EXPORT, v4.new_code_cell("#| hide\n1"), EXPORT], 3),
    ],
)
def test_exported_cells_before_a_result_are_counted(cells, number):
    assert exported_before_result(cells) == number


@pytest.mark.parametrize(
    "imports, found",
    [
        ("import numpy as np\nfrom sklearn import data", []),
        ("from impaug.data import choose", []),
        ("from impaug.learn import learn", ["learn"]),
        ("from impaug import data, learn", ["learn"]),
        ("from .learn import learn", ["learn"]),
        ("from . import learn", ["learn"]),
        ("import impaug.learn", ["learn"]),
        ("def late():\n    from impaug.model import mlp", ["model"]),
        ("from impaug import __version__", []),
    ],
)
def test_imports_from_later_pages_are_noticed(imports, found):
    head = "# AUTOGENERATED! DO NOT EDIT! File to edit: ../nbs/03_model.ipynb.\n"
    assert later_imports(head + imports, dict(data=2, model=3, learn=22)) == found
