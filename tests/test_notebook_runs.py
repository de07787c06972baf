"What tools/notebooks.py takes for the same output, and what it does to a notebook that changes or fails."
import base64
import io

import nbformat
import notebooks
import numpy as np
import pytest
from nbformat import v4
from PIL import Image


def png(shade, size=(40, 30), dots=0):
    "A grey picture with some white pixels, in base64."
    pixels = np.full((*size, 3), shade, dtype=np.uint8)
    pixels.reshape(-1, 3)[:dots] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def test_figures_may_differ_by_antialiasing_only():
    assert notebooks.same_figure(png(100), png(110)) and notebooks.same_figure(png(100), png(100, dots=5))
    assert not notebooks.same_figure(png(100), png(100, dots=40))
    assert not notebooks.same_figure(png(100), png(100, size=(40, 31)))


def test_numbers_may_differ_in_their_last_bits_only():
    assert notebooks.same_text("F 0.24553299268638135 of 3", "F 0.24553299268638074 of 3")
    assert not notebooks.same_text("F 0.2455 of 3", "F 0.2456 of 3") and not notebooks.same_text("F 0.24 of 3", "F 0.24 of 4")


def test_where_a_stream_is_cut_does_not_matter():
    one, two, three = (v4.new_output("stream", name="stdout", text=text) for text in ("a\n", "b\n", "a\nb\n"))
    assert notebooks.alike([one, two], [three]) and not notebooks.alike([one], [three])
    assert not notebooks.alike([one], [v4.new_output("stream", name="stderr", text="a\n")])


@pytest.fixture
def ran(tmp_path):
    "Runs a notebook of the given sources, whose stored outputs are those of the first run, and returns result, text before, text after."
    def run(*sources, then=None):
        path = tmp_path/"x.ipynb"
        nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources]), path)
        notebooks.run(path, lambda path: None)
        book = nbformat.read(path, 4)
        for cell, source in zip(book.cells, then or sources): cell.source = source
        nbformat.write(book, path)
        before = path.read_text()
        return notebooks.run(path, lambda path: None), before, path.read_text()
    return run


def test_rerun_changes_a_file_only_where_an_output_changed(ran):
    changed, before, after = ran("print(1)", "x = 2; x")
    assert changed == [] and before == after and '"execution_count": null' in after
    changed, before, after = ran("print(1)", "x = 2; x", then=("print(1)", "x = 3; x"))
    assert changed == [1] and before != after and '"3"' in after


def test_failing_notebook_keeps_its_file(ran):
    error, before, after = ran("print(1)", "x = 2; x", then=("print(2)", "1/0"))
    assert error == "cell 1: ZeroDivisionError: division by zero" and before == after
