"""Run the notebooks again, in place: `python tools/notebooks.py [NAME.ipynb ...]`, all of them in the site's order by default.

A stored output stays as it is where the new one is alike: text equal (numbers to nine digits), figures equal but for antialiasing. So nothing in git
changes unless a number or a figure did, and the last lines say where. A notebook that fails keeps its file, and the exit code is 1.
"""

import base64
import io
import math
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
from check_site import Site
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbdev.clean import clean_nb
from PIL import Image
from tqdm import tqdm

root = Path(__file__).parent.parent
AT_ONCE = 2  # kernels; each computes on one thread


def same_figure(old, new, levels=32, share=0.01):
    "Whether two PNGs (base64) have one size and differ by more than `levels` of 255 in less than this share of their pixels."
    if old == new:
        return True
    one, other = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), dtype=int) for png in (old, new)
    )
    return one.shape == other.shape and (abs(one - other).max(axis=-1) > levels).mean() < share


def joined(outputs):
    "Outputs with streams of one name that follow each other as one: where a stream is cut is chance."
    parts = []
    for output in outputs:
        if (
            parts
            and output["output_type"] == parts[-1]["output_type"] == "stream"
            and output["name"] == parts[-1]["name"]
        ):
            parts[-1] = dict(parts[-1], text=parts[-1]["text"] + output["text"])
        else:
            parts.append(dict(output))
    return parts


def alike(old, new):
    "Whether two lists of outputs show a reader the same."
    old, new = joined(old), joined(new)
    return len(old) == len(new) and all(map(same_output, old, new))


def same_output(old, new):
    if (
        old["output_type"] != new["output_type"]
        or old.get("name") != new.get("name")
        or not same_text(old.get("text", ""), new.get("text", ""))
    ):
        return False
    before, now = old.get("data", {}), new.get("data", {})
    return before.keys() == now.keys() and all(
        (same_figure if kind == "image/png" else same_text)(before[kind], now[kind]) for kind in now
    )


def same_text(old, new):
    "Whether two texts differ at most in the last bits of their numbers, which depend on the machine."
    one, other = (re.split(r"(\d+\.\d+(?:e[+-]?\d+)?)", str(text)) for text in (old, new))
    return (
        old == new
        or len(one) == len(other)
        and all(
            a == b or i % 2 and math.isclose(float(a), float(b), rel_tol=1e-9)
            for i, (a, b) in enumerate(zip(one, other))
        )
    )


def run(path, tick):
    "Execute one notebook and write it if an output changed; returns the positions of changed cells, or the error as a string."
    book = nbformat.read(path, as_version=4)
    stored = [cell.get("outputs", []) for cell in book.cells]
    client = NotebookClient(
        book,
        timeout=900,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40"],
        on_cell_executed=lambda **_: tick(path),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return f"cell {failed(book)}: {error.ename}: {error.evalue}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"  # a kernel that died or ran out of time
    clean_nb(book)
    changed = [
        i
        for i, (cell, old) in enumerate(zip(book.cells, stored))
        if cell.cell_type == "code" and not alike(old, cell.outputs)
    ]
    for i, (cell, old) in enumerate(zip(book.cells, stored)):
        if cell.cell_type == "code" and i not in changed:
            cell.outputs = old
    if changed:
        path.write_text(nbformat.writes(book).rstrip("\n") + "\n", encoding="utf-8")
    return changed


def failed(book):
    "Position of the cell that raised."
    return next(
        (
            i
            for i, cell in enumerate(book.cells)
            if any(output["output_type"] == "error" for output in cell.get("outputs", []))
        ),
        "?",
    )


def main(names):
    paths = [root / "nbs" / Path(name).name for name in names] or [
        page.path for page in Site(root).in_order() if page.path.suffix == ".ipynb"
    ]
    os.environ["OMP_NUM_THREADS"] = "1"  # sums on more threads differ in their last bits, and with the number of cores
    with tqdm(
        total=sum(cell.cell_type == "code" for path in paths for cell in nbformat.read(path, 4).cells),
        desc="notebooks",
        unit="cell",
    ) as bar:

        def tick(path):
            bar.set_postfix_str(path.stem, refresh=False)
            bar.update()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = dict(zip(paths, pool.map(lambda path: run(path, tick), paths)))
    errors = {path: result for path, result in results.items() if isinstance(result, str)}
    changed = {path: result for path, result in results.items() if result and path not in errors}
    for path, error in errors.items():
        print(
            f"nbs/{path.name} {error.splitlines()[0]}; its file is as it was. Mend the cell and run make notebooks.",
            file=sys.stderr,
        )
    for path, cells in changed.items():
        print(f"nbs/{path.name}: outputs changed in cell {', '.join(map(str, cells))}; look at them with git diff.")
    print(f"{len(paths) - len(errors) - len(changed)} of {len(paths)} notebooks give their stored outputs again.")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
