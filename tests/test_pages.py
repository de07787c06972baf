"What tools/pages.py does to HTML outputs before Quarto sees them."
from pages import as_raw_block


def test_html_becomes_a_raw_block_and_nothing_else_changes():
    table, text = {"data": {"text/html": ["<b>", "1</b>"], "text/plain": "1"}}, {"text": "2"}
    as_raw_block(table)
    as_raw_block(text)
    assert table == {"data": {"text/plain": "1", "text/markdown": "`````{=html}\n<b>1</b>\n`````\n"}} and text == {"text": "2"}
