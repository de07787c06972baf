"The report part as one article (tools/article.py), up to where Quarto takes it."

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from article import PAGES, ROOT, join, section

LABEL = re.compile(r"#\| label: ([\w-]+)|\{#((?:fig|tbl|eq)-[\w-]+)")


def texts(cells):
    return ["".join(cell["source"]) for cell in cells]


def test_the_article_has_the_pages_in_their_order_and_no_label_twice():
    sources = texts(join(ROOT / "nbs")["cells"])
    pages = sorted(path for path in (ROOT / "nbs").glob("*.ipynb") if re.fullmatch(PAGES, path.name))
    heads = [texts(json.loads(path.read_text(encoding="utf-8"))["cells"])[0] for path in pages]
    assert len(heads) > 9 and [source for source in sources if re.match(r"# \w", source)] == heads
    labels = Counter(one or other for source in sources for one, other in LABEL.findall(source))
    assert labels and max(labels.values()) == 1


def test_every_reference_within_the_article_has_its_label():
    cells = join(ROOT / "nbs")["cells"]
    labels = {one or other for source in texts(cells) for one, other in LABEL.findall(source)}
    outputs = json.dumps([cell.get("outputs", []) for cell in cells])
    named = re.findall(r"@((?:fig|tbl|eq)-[\w-]*\w)", "\n".join(texts(cells)) + outputs)
    assert named and set(named) <= labels


def test_hidden_cells_and_tests_are_left_out_and_links_lead_to_the_site():
    shown = [{"output_type": "stream", "name": "stdout", "text": ["1"]}]
    sources = {"code": ["#| hide\nprint(1)", '#| code-summary: "A test"\nprint(1)', "print(1)", "x = 1"]}
    cells = [{"cell_type": "code", "source": [source], "outputs": shown} for source in sources["code"]]
    cells[-1]["outputs"] = []
    cells.append({"cell_type": "markdown", "source": ["See @fig-a and [why](09_why.ipynb#fig-b)."]})
    kept = section("04_importance.ipynb", cells)
    assert texts(kept) == ["print(1)", "See @fig-a-04 and [why](https://impaug.github.io/impaug/why.html#fig-b)."]


def test_without_quarto_the_article_is_skipped_with_a_line(tmp_path):
    if shutil.which("quarto"):
        pytest.skip("Quarto is there")
    run = subprocess.run([sys.executable, ROOT / "tools/article.py"], capture_output=True, text=True, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "") and re.fullmatch("make article: skipped.*\n", run.stdout)
    assert not Path(ROOT / "_article").exists()
