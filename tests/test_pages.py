"What tools/pages.py does to cells before Quarto sees them."

import re

from pages import arranged, mend, mended, notebook_links


def test_html_becomes_a_raw_block_and_nothing_else_changes():
    table, stream = {"data": {"text/html": ["<b>", "1</b>"], "text/plain": "1"}}, {"text": "2"}
    mend({"cell_type": "code", "source": [], "outputs": [table, stream]})
    assert table == {"data": {"text/plain": "1", "text/markdown": "`````{=html}\n<b>1</b>\n`````\n"}}
    assert stream == {"text": "2"}


def test_links_leave_code_and_stay_in_text():
    link = "[`Preset`](https://a.example/x.html#preset)"
    page = f"See {link}.\n\n```python\nrun(\n  p, # a {link}\n)\n```\n\nAnd {link}."
    assert mended(page) == page.replace(f"# a {link}", "# a `Preset`")


def test_source_stays_a_list_of_lines():
    "Quarto drops the line breaks of a source that is one string."
    cell = {"cell_type": "markdown", "source": ["# One\n", "\n", "Two"]}
    mend(cell)
    assert cell["source"] == ["# One\n", "\n", "Two"]


def test_signatures_say_what_is_known():
    page = "Not `a:NoneType=None`.\n\n```python\ndef run(\n    a:NoneType=None, b:int=1\n):\n```\n\n*Runs.*"
    assert mended(page) == page.replace("    a:NoneType=None", "    a=None")
    command = "---\n\n### Command\n\n```python\ndef Command.__call__(\n    *args:t.Any\n)->t.Any:\n```\n\n*Runs.*"
    assert mended(command) == ""


def code(source, **more):
    return {"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": [], **more}


def test_folded_tests_are_gathered_at_the_end_with_their_outputs():
    figure = code("#| code-fold: true\n#| label: fig-a\nplot()")
    helper = code('#| code-fold: true\n#| code-summary: "The records"\nrecords = load()')
    shown = [{"text": "0.97\n"}]
    test = code('#| code-fold: true\n#| code-summary: "One is \\"one\\""\nprint(1)\nassert 1 == 1', outputs=shown)
    end = {"cell_type": "markdown", "source": ["## What came out"]}
    page = arranged([test, figure, helper, end])
    assert page[:3] == [figure, helper, end]
    assert "".join(page[3]["source"]).splitlines()[1:3] == [
        '<details class="tests">',
        "<summary>Tests of this page (1)</summary>",
    ]
    assert ["".join(cell["source"]) for cell in page[4:6]] == ['**One is "one"**\n', "print(1)\nassert 1 == 1"]
    assert page[5]["outputs"] == shown
    assert "</details>\n" in page[6]["source"]


def test_a_table_that_is_referred_to_stays_in_place_and_no_tests_make_no_block():
    table = code('#| code-fold: true\n#| code-summary: "By hand"\n#| label: tbl-a\nassert rows\nrows')
    assert arranged([table, code("1 + 1")]) == [table, code("1 + 1")]


def test_shown_code_has_no_label_above_it():
    exported = code('#| code-fold: show\n#| code-summary: "Exported source"\n#| label: one\ndef f(): ...')
    assert arranged([exported])[0]["source"] == ["#| label: one\n", "def f(): ..."]


def test_every_page_ends_with_links_to_its_own_notebook():
    "Where GitHub serves a file of the branch main, and in Colab's form of the same address."
    cell = notebook_links("02_data.ipynb")
    assert cell["cell_type"] == "markdown" and all(line.endswith("\n") for line in cell["source"][:-1])
    assert re.findall(r"\]\((.*?)\)", "".join(cell["source"])) == [
        "https://github.com/impaug/impaug/raw/main/nbs/02_data.ipynb",
        "https://colab.research.google.com/github/impaug/impaug/blob/main/nbs/02_data.ipynb",
    ]


def test_printed_columns_are_scrolled_by_keyboard_and_sentences_among_them_are_broken():
    lines = ["name   why\n", "a < b  yes\n", "\n", "A sentence.\n"]
    cell = code("#| classes: aligned\nprint(table)", outputs=[{"output_type": "stream", "text": lines}])
    mend(cell)
    shown = cell["outputs"][0]["data"]["text/markdown"]
    assert '<pre tabindex="0"><code><span class="columns">name   why\n</span>' in shown
    assert '<span class="columns">a &lt; b  yes\n</span><span class="sentence">\n</span>' in shown
    assert '<span class="sentence">A sentence.\n</span></code></pre>' in shown
