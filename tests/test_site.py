"The site's sources are in order (tools/check_site.py); each check notices its faults, planted in a small site."

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import check_site
import nbformat
import pytest
import yaml
from nbdev import serve_drv
from nbdev.processors import FilterDefaults
from nbformat import v4

root = Path(__file__).parent.parent
site = check_site.Site(root)


@pytest.mark.parametrize("check", check_site.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_site(check):
    faults = list(check(site))
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


# nbdev's part of `make docs` ------------------------------------------------------------------------------------------


def made_by_nbdev(path, folder):
    "The markdown in the outputs of the page that nbdev makes of a notebook; it runs imports and exported cells alone."
    serve_drv.main((path, folder / path.name, FilterDefaults))
    outputs = [one for cell in nbformat.read(folder / path.name, 4).cells for one in cell.get("outputs", [])]
    return "".join(output.get("data", {}).get("text/markdown", "") for output in outputs)


def functions_of(file):
    "Public functions that the visible exported cells of a page define."
    cells = [cell for cell in site.cells if cell.file == file and not cell.hidden]
    exporting = [cell for cell in cells if {"export", "exports"} & set(cell.options)]
    nodes = [node for cell in exporting for node in cell.body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in nodes if not node.name.startswith("_")]


@pytest.mark.parametrize("file", site.ids)
@pytest.mark.filterwarnings("ignore:Found cells containing imports")
def test_nbdev_makes_the_page(file, tmp_path):
    "Every page is made, and every function that it exports is documented there."
    try:
        text = made_by_nbdev(root / "nbs" / file, tmp_path)
    except Exception as error:
        cell = str(error).splitlines()[1]
        pytest.fail(f"{file}: nbdev makes no page of it: {error.__cause__!r} from “{cell}”", pytrace=False)
    if not file.endswith("_cli.ipynb"):  # commands are no functions to nbdev
        assert [name for name in functions_of(file) if f"\n### {name}\n" not in text] == []


@pytest.mark.filterwarnings("ignore:Found cells containing imports")
def test_an_import_among_other_code_is_noticed(tmp_path):
    "nbdev runs the cell for its import, and without the cells before it."
    sources = ["#| default_exp a", "#| export\ndef f(): pass", "total = 1", "import json\ntotal += 1"]
    cells = [v4.new_markdown_cell("# A\n\n> B?"), *map(v4.new_code_cell, sources)]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "00_a.ipynb")
    (tmp_path / "made").mkdir()
    with pytest.raises(Exception, match="total"):
        made_by_nbdev(tmp_path / "00_a.ipynb", tmp_path / "made")


# A site of two pages without a fault ------------------------------------------------------------------------------

image = v4.new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
front = [
    v4.new_markdown_cell("# Front\n\n> Which question?"),
    v4.new_markdown_cell(
        "By @smith2020, as in [the sum](01_sum.ipynb#the-sum); the report flagged 31.76 % of 99 rows, in ten columns. "
        "Call `impaug.smote.oversample`, see `impaug.smote.Balanced.X`, then `impaug report` and `make test`."
    ),
    v4.new_code_cell(
        'Markdown(f"The sum is {1 + 1}.")',
        outputs=[v4.new_output("execute_result", {"text/markdown": "The sum is 2."})],
    ),
]
summed = [
    v4.new_markdown_cell("# Sum\n\n> How much?"),
    v4.new_markdown_cell(
        "## The sum\n\nTake 140 rows; @fig-sum shows them, $x = 0.7$ in @eq-sum.\n\n$$ x $$ {#eq-sum}"
    ),
    v4.new_code_cell(
        '#| label: fig-sum\n#| fig-cap: "A sum."\n#| fig-alt: "Two bars."\nplt.bar([140, 2]);', outputs=[image]
    ),
    v4.new_code_cell("total = 1\nprint(total)", outputs=[v4.new_output("stream", name="stdout", text="1\n")]),
    v4.new_code_cell("#| export\nimport os\nhere = os.curdir"),
    v4.new_code_cell("#| hide\nassert total < .82"),
]
end = [v4.new_markdown_cell("# End\n\n> And then?")]
terms = [
    v4.new_markdown_cell("# Glossary\n\n> What is meant?"),
    v4.new_markdown_cell("| [carry]{#carry} | what is left |"),
]
config = """website:
  sidebar:
    contents: [index.ipynb, {section: Parts, contents: [{text: Sum, href: 01_sum.ipynb}, 02_end.ipynb]}, glossary.ipynb]
"""
files = {
    "_quarto.yml": config,
    "nbs/references.bib": "@article{smith2020,\n title = {A}\n}\n",
    "Makefile": "test: x\n",
    "tools/numbers.yml": "- {text: 99 rows, why: the table}\n",
}


@pytest.fixture
def small(tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "nbs/_quarto.yml").symlink_to("../_quarto.yml")
    for name, cells in {"index": front, "01_sum": summed, "02_end": end, "glossary": terms}.items():
        nbformat.write(v4.new_notebook(cells=cells), tmp_path / "nbs" / f"{name}.ipynb")
    return tmp_path


def faults(folder):
    return [fault for check in check_site.CHECKS for fault in check(check_site.Site(folder))]


def test_small_site_is_in_order(small):
    assert faults(small) == []


# Faults planted in it: file, text to replace, replacement, part of the message ---------------------------------------

planted = {
    "sidebar names no page": ("_quarto.yml", "01_sum", "03_sum", "is there such a page: False"),
    "page not in the sidebar": ("_quarto.yml", "02_end.ipynb", "", "names 02_end.ipynb 0 times"),
    "page twice in the sidebar": ("_quarto.yml", "02_end", "01_sum", "names 01_sum.ipynb 2 times"),
    "page before its number": (
        "_quarto.yml",
        "{text: Sum, href: 01_sum.ipynb}, 02_end.ipynb",
        "02_end.ipynb, 01_sum.ipynb",
        "not in the order of its numbers",
    ),
    "term without a link": ("02_end", "> And then?", "> And the carry?", "“carry” is not linked"),
    "no question": ("01_sum", "> How much?", "How much?", "does not open with"),
    "introduction in the first cell": (
        "01_sum",
        "> How much?",
        r"> How much?\n\nSo much.",
        "does not open with",
    ),
    "machine folder in prose": ("01_sum", "Take 140", "In /home/anna/x take 140", "names /home/anna/x"),
    "machine folder on Windows": ("01_sum", "Take 140", r"In C:\\Users\\anna take 140", "names C:"),
    "machine folder in an output": ("01_sum", r'"1\n"', r'"/tmp/x\n"', "names /tmp/x"),
    "link to no page": ("index", "01_sum.ipynb#", "03_sum.ipynb#", "leads to nothing"),
    "link to no heading": ("index", "#the-sum", "#the-sun", "names no heading or label"),
    "link out of nbs": ("index", "01_sum.ipynb#the-sum", "../results/x.json", "leads to nothing"),
    "label twice": ("01_sum", "{#eq-sum}", "{#eq-sum} and $$ y $$ {#fig-sum}", "the label fig-sum stands there twice"),
    "reference to nothing": ("01_sum", "@fig-sum", "@fig-some", "@fig-some is no label of this page"),
    "reference to another page": (
        "index",
        "By @smith2020",
        "By @smith2020, @fig-sum",
        "@fig-sum is no label of this page",
    ),
    "cited, not listed": (
        "index",
        "@smith2020",
        "[@smith2020; @smyth2020]",
        "@smyth2020 is no label of this page and no entry",
    ),
    "listed, not cited": ("index", "By @smith2020", "By `@smith2020`", "the entry smith2020 is cited on no page"),
    "figure without a label": ("01_sum", r"#| label: fig-sum\n", "", "without label"),
    "figure without a caption": ("01_sum", r"#| fig-cap: \"A sum.\"\n", "", "without fig-cap"),
    "figure without alternative text": ("01_sum", r"#| fig-alt: \"Two bars.\"\n", "", "without fig-alt"),
    "options that do not parse": ("01_sum", r"\"A sum.\"", "A sum: a", "no YAML"),
    "image without label": ("01_sum", "Take 140", "![A](a.png) Take 140", "image a.png lacks part"),
    "image without caption": (
        "01_sum",
        "Take 140",
        r"![](a.png){#fig-a fig-alt=\"b\"} Take 140",
        "image a.png lacks part",
    ),
    "image without alternative text": (
        "01_sum",
        "Take 140",
        "![A](a.png){#fig-a} Take 140",
        "image a.png lacks part",
    ),
    "image that is not there": (
        "01_sum",
        "Take 140",
        r"![A](a.png){#fig-a fig-alt=\"b\"} Take 140",
        "leads to nothing",
    ),
    "image in HTML": ("01_sum", "Take 140", "<img src='references.bib'> Take 140", "an <img> has no alternative text"),
    "drawing without a name": (
        "index",
        '"text/markdown": [',
        '"text/html": "<svg></svg>", "text/markdown": [',
        "fig-alt",
    ),
    "written table without a caption": ("02_end", "And then?", r"And then?\n\n| a |\n|---|\n| b |", "without tbl-cap"),
    "HTML table without a caption": (
        "index",
        '"text/markdown": [',
        '"text/html": "<table>", "text/markdown": [',
        "tbl-cap",
    ),
    "table without a caption": ("index", '"Markdown(f', r'"#| label: tbl-a\n", "Markdown(f', "without tbl-cap"),
    "no such name": ("index", "impaug.smote.oversample", "impaug.smote.oversampled", "no `impaug.smote.oversampled`"),
    "no such module": ("index", "impaug.smote.oversample", "impaug.smite", "there is no `impaug.smite`"),
    "no such field": ("index", "Balanced.X", "Balanced.Z", "there is no `impaug.smote.Balanced.Z`"),
    "no such command": ("index", "impaug report", "impaug reports", "there is no `impaug reports`"),
    "no such target": ("index", "make test", "make tests", "there is no `make tests`"),
    "a figure typed": ("01_sum", "Take 140", "It reaches 0.82. Take 140", "types the number 0.82"),
    "a figure typed as percentage": ("01_sum", "Take 140", "It is 82 %. Take 140", "types the number 82 %"),
    "a report figure, rounded away": ("index", "31.76 %", "0.32", "types the number 0.32"),
    "a figure typed in a table": ("01_sum", "Take 140", r"| a | 12.5 |\n\nTake 140", "types the number 12.5"),
    "a figure typed in a caption": ("01_sum", "A sum.", "A sum of 17.", "types the number 17"),
    "a figure typed in a string": ("index", "is {1 + 1}.", "is 0.93.", "types the number 0.93"),
    "a number word typed": ("01_sum", "Take 140", "It took twelve. Take 140", "types the number twelve"),
    "a number word at the start": ("01_sum", "Take 140", "Forty rows. Take 140", "types the number Forty"),
    "an allowance no page needs": ("index", "99 rows", "the rows", "“99 rows” is in the prose of no page"),
    "stored error": (
        "01_sum",
        '"output_type": "stream"',
        '"output_type": "error", "ename": "KeyError"',
        "a stored error or warning ('KeyError')",
    ),
    "stored warning": ("01_sum", '"name": "stdout"', '"name": "stderr"', "a stored error or warning"),
    "text edited since": ("index", 'Markdown(f\\"The sum', 'Markdown(f\\"Our sum', "its source says “Our sum is”"),
    "object address": ("01_sum", r'"1\n"', r'"<a at 0x7f0011223344>\n"', "names at 0x7f"),
}


@pytest.mark.parametrize("file, old, new, message", planted.values(), ids=planted)
def test_planted_fault_is_noticed(small, file, old, new, message):
    path = small / file if "." in file else small / "nbs" / f"{file}.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    found = faults(small)
    assert any(message in fault for fault in found), found
    assert all("\n" not in fault for fault in found)


def test_missing_output_is_noticed(small):
    path = small / "nbs/01_sum.ipynb"
    book = json.loads(path.read_text())
    for cell in book["cells"][3:]:
        cell["outputs"] = []
    path.write_text(json.dumps(book))
    assert [fault.split(": ")[1] for fault in faults(small)] == [
        "should have an output and has none; run make notebooks"
    ]


def test_configuration_that_does_not_parse_is_noticed(small):
    (small / "_quarto.yml").write_text("website: [")
    with pytest.raises(yaml.YAMLError):
        faults(small)


def test_second_configuration_is_noticed(small):
    (small / "nbs/_quarto.yml").unlink()
    (small / "nbs/_quarto.yml").write_text(config)
    assert [fault.split(":")[0] for fault in faults(small)] == ["nbs/_quarto.yml"]


def test_report_figures_pass_with_three_digits_only():
    own = {0.3176, 0.8237724836895612}
    assert all(check_site.is_known(number, set(), own) for number in ("0.8238", "0.824", "31.76 %", "31.8 %"))
    assert not any(check_site.is_known(number, set(), own) for number in ("0.82", "32 %", "0.825", "82.5 %"))


def test_number_words_may_be_settings_or_vague(small):
    path = small / "nbs/01_sum.ipynb"
    path.write_text(path.read_text().replace("Take 140", "Some hundreds, a few dozen, or sixteen. Take 140"))
    assert [re.search(r"number (\w+)", fault)[1] for fault in faults(small)] == ["sixteen"]
    path.write_text(path.read_text().replace("total = 1", "total = 16"))
    assert faults(small) == []


def test_prose_leaves_out_code_formulas_links_and_headings():
    text = "# 1 Title\n\nAt `2` and $3$ [see](x.ipynb#4) {width=5}\n\n```python\n6\n```\n$$ 7 $$\n<a href='8'>end</a>"
    assert prose_digits(text) == "" and prose_digits("At 2, by $ 3 and [4](x)") == "234"


def prose_digits(text):
    return "".join(filter(str.isdigit, check_site.Text(text, None).prose))


@pytest.mark.skipif(sys.platform == "darwin", reason="not tried with the make 3.81 that macOS has")
@pytest.mark.parametrize("target", ["docs", "preview"])
def test_without_quarto_one_line_and_nothing_touched(target):
    path = "/usr/bin:/bin"
    if shutil.which("quarto", path=f"{root}/.venv/bin:{path}"):
        pytest.skip("Quarto is there")
    before = {file: file.stat().st_mtime_ns for file in root.iterdir()}
    run = subprocess.run(["make", target], cwd=root, env=dict(PATH=path), capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "") and re.fullmatch(r".*pip install quarto-cli.*\n", run.stderr)
    assert before == {file: file.stat().st_mtime_ns for file in root.iterdir()}
