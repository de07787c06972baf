"The site's sources are in order (tools/check_site.py), and each check notices the faults it is for, planted in a small site."

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


@pytest.mark.parametrize(
    "page", [page for page in site.pages if page.path.suffix == ".ipynb"], ids=lambda page: page.path.name
)
@pytest.mark.filterwarnings("ignore:Found cells containing imports")
def test_nbdev_makes_the_page(page, tmp_path):
    "nbdev's part of `make docs`: every page is made, and every function that it exports is documented there."
    try:
        serve_drv.main((page.path, tmp_path / page.path.name, FilterDefaults))
    except Exception as error:
        pytest.fail(
            f"{page.name}: nbdev makes no page of it: {error.__cause__!r} from “{str(error).splitlines()[1]}”",
            pytrace=False,
        )
    made = check_site.read_page(tmp_path / page.path.name)
    text = "\n".join(text for cell in made.cells for text in cell.data("text/markdown"))
    cells = [cell for cell in page.cells if check_site.exports(cell) and "hide" not in cell.directives]
    functions = [
        name
        for cell in cells
        for name, node in check_site.top_names(cell.tree).items()
        if isinstance(node, ast.FunctionDef) and not name.startswith("_")
    ]
    if not page.path.stem.endswith("_cli"):
        assert [name for name in functions if f"\n### {name}\n" not in text] == []  # commands are no functions to nbdev


# A site of two pages without a fault ------------------------------------------------------------------------------

image = v4.new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
front = [
    v4.new_markdown_cell("# Front\n\n> Which question?"),
    v4.new_markdown_cell(
        "By @smith2020, as in [the sum](01_sum.ipynb#the-sum); the report flagged 31.76 % of 699 rows. Call `impaug.data.rows`, then `impaug report` and `make test`."
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
config = 'project: {type: website, output-dir: _docs}\nwebsite: {sidebar: {contents: [index.ipynb, {section: "Parts", contents: [{text: Sum, href: 01_sum.ipynb}]}]}}\nbibliography: references.bib\n'
files = {
    "_quarto.yml": config,
    "nbs/references.bib": "@article{smith2020,\n title = {A}\n}\n",
    "Makefile": "test: x\n",
    "impaug/data.py": "def rows(): pass\n\nclass Table:\n    size: int = 3\n",
    "impaug/experiment.py": "report_figures = dict(share=0.3176, nmi=0.8237724836895612)\n",
    "impaug/cli.py": "@app.command(help='x')\ndef report(): pass\n",
    "tools/numbers.yml": "- {text: 699 rows, why: the table}\n",
}


@pytest.fixture
def small(tmp_path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "nbs/_quarto.yml").symlink_to("../_quarto.yml")
    for name, cells in {"index": front, "01_sum": summed}.items():
        nbformat.write(v4.new_notebook(cells=cells), tmp_path / "nbs" / f"{name}.ipynb")
    return tmp_path


def faults(folder):
    return [fault for check in check_site.CHECKS for fault in check(check_site.Site(folder))]


def test_small_site_is_in_order(small):
    assert faults(small) == []


# Faults planted in it: file, text to replace, replacement, part of the message ---------------------------------------

planted = {
    "config does not parse": ("_quarto.yml", "project: {", "project: [{", "_quarto.yml: while parsing"),
    "output elsewhere": ("_quarto.yml", "_docs", "_site", "output-dir is not _docs"),
    "no bibliography": ("_quarto.yml", "references.bib", "sources.bib", "names sources.bib, which is not in nbs/"),
    "sidebar names no page": ("_quarto.yml", "01_sum", "02_sum", "the sidebar names 02_sum.ipynb"),
    "page not in the sidebar": (
        "_quarto.yml",
        "href: 01_sum.ipynb",
        "href: index.ipynb",
        "nbs/01_sum.ipynb: not in the sidebar",
    ),
    "page twice in the sidebar": (
        "_quarto.yml",
        "href: 01_sum.ipynb",
        "href: index.ipynb",
        "names index.ipynb 2 times",
    ),
    "no question": ("01_sum", "> How much?", "How much?", "does not open with"),
    "introduction in the first cell": (
        "01_sum",
        "> How much?",
        r"> How much?\n\nSo much.",
        "nbdev leaves out what follows",
    ),
    "machine folder in prose": (
        "01_sum",
        "Take 140",
        "In /home/anna/x take 140",
        "its source names the folder /home/anna/x",
    ),
    "machine folder on Windows": ("01_sum", "Take 140", r"In C:\\Users\\anna take 140", "names the folder C:"),
    "link to no page": ("index", "01_sum.ipynb#", "03_sum.ipynb#", "leads to no page"),
    "link to no heading": ("index", "#the-sum", "#the-sun", "did you mean #the-sum?"),
    "link out of nbs": ("index", "01_sum.ipynb#the-sum", "../results/x.json", "leaves nbs/"),
    "label twice": ("01_sum", "{#eq-sum}", "{#eq-sum} and $$ y $$ {#fig-sum}", "the label fig-sum stands at"),
    "reference to nothing": ("01_sum", "@fig-sum", "@fig-some", "@fig-some is no label of this page; correct"),
    "reference to another page": (
        "index",
        "By @smith2020",
        "By @smith2020, @fig-sum",
        "link to it: [text](01_sum.ipynb#fig-sum)",
    ),
    "cited, not listed": ("index", "@smith2020", "[@smith2020; @smyth2020]", "did you mean @smith2020?"),
    "listed, not cited": ("index", "By @smith2020", "By `@smith2020`", "the entry smith2020 is cited on no page"),
    "figure without a label": ("01_sum", r"#| label: fig-sum\n", "", "without a label"),
    "figure without a caption": ("01_sum", r"#| fig-cap: \"A sum.\"\n", "", "without a caption"),
    "figure without alternative text": ("01_sum", r"#| fig-alt: \"Two bars.\"\n", "", "without an alternative text"),
    "options that do not parse": ("01_sum", r"\"A sum.\"", "A sum: a", "no YAML"),
    "image without label": ("01_sum", "Take 140", "![A](a.png) Take 140", "image a.png has no label"),
    "image without alternative text": (
        "01_sum",
        "Take 140",
        "![A](a.png){#fig-a} Take 140",
        "image a.png has no alternative text",
    ),
    "image that is not there": (
        "01_sum",
        "Take 140",
        r"![A](a.png){#fig-a fig-alt=\"b\"} Take 140",
        "image a.png is not in nbs/",
    ),
    "no such name": ("index", "impaug.data.rows", "impaug.data.row", "there is no `impaug.data.row`"),
    "no such module": ("index", "impaug.data.rows", "impaug.date", "there is no `impaug.date`"),
    "no such field": (
        "index",
        "impaug.data.rows",
        "impaug.data.Table.length",
        "there is no `impaug.data.Table.length`",
    ),
    "no such command": ("index", "impaug report", "impaug reports", "has no command reports"),
    "no such target": ("index", "make test", "make tests", "no target tests"),
    "a figure typed": ("01_sum", "Take 140", "It reaches 0.82. Take 140", "types the number 0.82"),
    "a figure typed as percentage": ("01_sum", "Take 140", "It is 82 %. Take 140", "types the number 82 %"),
    "a report figure, rounded away": ("index", "31.76 %", "32 %", "types the number 32 %"),
    "a figure typed in a table": ("01_sum", "Take 140", r"| a | 12.5 |\n\nTake 140", "types the number 12.5"),
    "a figure typed in a caption": ("01_sum", "A sum.", "A sum of 17.", "types the number 17"),
    "a figure typed in a string": ("index", "is {1 + 1}.", "is 0.93.", "types the number 0.93"),
    "an allowance no page needs": ("index", "699 rows", "the rows", "“699 rows” is in the prose of no page"),
    "an import among other code": (
        "01_sum",
        r'"total = 1\n"',
        r'"import json\n", "total = 1\n"',
        "imports and does more",
    ),
    "execution count": ("01_sum", '"execution_count": null', '"execution_count": 3', "keeps its execution count"),
    "stored error": (
        "01_sum",
        '"output_type": "stream"',
        '"output_type": "error", "ename": "KeyError"',
        "a stored KeyError",
    ),
    "stored warning": ("01_sum", '"name": "stdout"', '"name": "stderr"', "a stored warning or progress bar"),
    "text edited since": ("index", 'Markdown(f\\"The sum', 'Markdown(f\\"Our sum', "its source says “Our sum is”"),
    "object address": ("01_sum", r'"1\n"', r'"<a at 0x7f0011223344>\n"', "shows an object at 0x7f"),
    "too long to read": ("01_sum", "Take 140", "word " * 6000 + "Take 140", "the main line takes 27"),
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


def test_second_configuration_is_noticed(small):
    (small / "nbs/_quarto.yml").unlink()
    (small / "nbs/_quarto.yml").write_text(config)
    assert [fault.split(":")[0] for fault in faults(small)] == ["nbs/_quarto.yml"]


def test_report_figures_pass_with_three_digits_only():
    own = {0.3176, 0.8237724836895612}
    assert all(check_site.is_own(number, own) for number in ("0.8238", "0.824", "31.76 %", "31.8 %"))
    assert not any(check_site.is_own(number, own) for number in ("0.82", "32 %", "0.825", "82.5 %"))


def test_prose_leaves_out_code_formulas_links_and_headings():
    text = "# 1 Title\n\nAt `2` and $3$ [see](x.ipynb#4) {width=5}\n\n```python\n6\n```\n$$ 7 $$\n<a href='8'>end</a>"
    assert prose_digits(text) == "" and prose_digits("At 2, by $ 3 and [4](x)") == "234"


def prose_digits(text):
    return "".join(filter(str.isdigit, check_site.prose(text)))


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
