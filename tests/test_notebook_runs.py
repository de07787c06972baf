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


def stream(text, name="stdout"):
    return v4.new_output("stream", name=name, text=text)


def test_figures_may_differ_by_antialiasing_only():
    assert notebooks.same_figure(png(100), png(110)) and notebooks.same_figure(png(100), png(100, dots=5))
    assert not notebooks.same_figure(png(100), png(100, dots=40))
    assert not notebooks.same_figure(png(100), png(100, size=(40, 31)))
    large = dict(shade=100, size=(300, 300))
    assert notebooks.same_figure(png(**large), png(**large, dots=20))
    assert not notebooks.same_figure(png(**large), png(**large, dots=800))  # few of all pixels, many of those around


def test_numbers_may_differ_in_their_last_bits_only():
    assert notebooks.same_text("F 0.24553299268638135 of 3", "F 0.24553299268638074 of 3")
    for other in ("F 0.2456 of 3", "F 0.2455 of 4", "F 0.2455 of 3 0.1", "G 0.2455 of 3"):
        assert not notebooks.same_text("F 0.2455 of 3", other)


def test_outputs_must_be_of_one_kind():
    assert notebooks.alike([stream("a\n")], [stream("a\n")])
    assert not notebooks.alike([stream("a\n")], [stream("b\n")])
    assert not notebooks.alike([stream("a\n")], [stream("a\n", "stderr")])
    assert not notebooks.alike([stream("a\n")], [])
    table, figure = {"text/plain": "1"}, {"text/plain": "1", "image/png": png(100)}
    for one, other in ((table, figure), (figure, table)):
        assert not notebooks.alike([v4.new_output("display_data", one)], [v4.new_output("display_data", other)])
    assert not notebooks.alike([v4.new_output("display_data", figure)], [])


@pytest.fixture
def run(tmp_path):
    "Runs a notebook of two cells over stored outputs 1 and 2; returns the result and its file's text before and after."
    outputs = stream("1\n"), v4.new_output("execute_result", {"text/plain": "2"})

    def run(*sources):
        path = tmp_path / "x.ipynb"
        cells = [v4.new_code_cell(source, outputs=[output]) for source, output in zip(sources, outputs)]
        path.write_text(nbformat.writes(v4.new_notebook(cells=cells)) + "\n")
        before = path.read_text()
        return notebooks.run(path), before, path.read_text()

    return run


@pytest.mark.parametrize("first", ["print(1)", "print(1, end='', flush=True); print()"])
def test_unchanged_notebook_keeps_its_file(run, first):
    "Where a stream is cut, which is chance, does not matter."
    changed, before, after = run(first, "x = 2; x")
    assert changed == [] and before == after


def test_changed_output_is_stored(run):
    changed, before, after = run("print(1)", "x = 3; x")
    assert changed == [1] and '"3"' in after and '"execution_count": null' in after
    assert before.count("\n") == after.count("\n")


def test_failing_notebook_keeps_its_file(run):
    error, before, after = run("print(2)", "1/0")
    assert error.startswith("cell [1]: ZeroDivisionError: division by zero;") and before == after
