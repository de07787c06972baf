"One test for each notebook, run by nbdev's own runner, so that the count at the end is a count of notebooks."

from pathlib import Path

import pytest
from nbdev.config import get_config
from nbdev.doclinks import nbglob
from nbdev.test import test_nb as run_notebook

notebooks = sorted(map(Path, nbglob(get_config().nbs_path)))


def test_every_module_has_its_notebook():
    exported = {path.stem for path in get_config().lib_path.glob("*.py")} - {"__init__", "_modidx"}
    named = {path.stem.split("_", 1)[-1] for path in notebooks}
    assert exported and exported <= named


@pytest.mark.parametrize("notebook", notebooks, ids=lambda path: path.name)
def test_notebook(notebook):
    passed, _ = run_notebook(notebook)
    assert passed, f"{notebook.name} fails; the traceback is above"
