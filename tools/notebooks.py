"""Run the notebooks again, in place: `python tools/notebooks.py [NAME.ipynb ...]`, all of them by default.

A stored output stays where the new one is alike: text equal (numbers to nine digits), figures equal but for their
edges. A notebook that fails keeps its file, and the exit code is 1.
"""

import base64
import io
import json
import os
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbdev.clean import clean_nb
from PIL import Image
from tqdm.contrib.concurrent import thread_map

FIGURE = r'(?<="image/png": ")[^"]*'
nbs = Path(__file__).parent.parent / "nbs"
os.environ["OMP_NUM_THREADS"] = "1"  # sums on more threads differ in their last bits, and with the number of cores


def same_figure(old, new, levels=32, share=0.01, tile=24, most=0.1):
    """Whether two PNGs (base64) differ by more than `levels` of 255 in less than this share of their pixels.

    In each square of `tile` pixels at most the share `most` may differ: another word of a title is found by that."""
    one, other = (np.array(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), int) for png in (old, new))
    if one.shape != other.shape:
        return False
    off = abs(one - other).max(axis=-1) > levels
    down, across = (length // tile for length in off.shape)
    tiles = off[: down * tile, : across * tile].reshape(down, tile, across, tile).mean(axis=(1, 3))
    return off.mean() < share and tiles.max(initial=0) <= most


def same_text(old, new):
    "Whether two texts differ at most in the last bits of their numbers, which depend on the machine."
    number = r"\d+\.\d+(?:e[+-]?\d+)?"
    one, other = (np.array(re.findall(number, text), dtype=float) for text in (old, new))
    same_words = re.sub(number, "", old) == re.sub(number, "", new)
    return same_words and one.shape == other.shape and np.allclose(one, other, rtol=1e-9, atol=0)


def alike(old, new):
    "Whether two lists of outputs show a reader the same."
    one, other = json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True)
    figures = list(zip(re.findall(FIGURE, one), re.findall(FIGURE, other)))
    return same_text(re.sub(FIGURE, "", one), re.sub(FIGURE, "", other)) and all(same_figure(*two) for two in figures)


def run(path):
    "Execute one notebook, write it if an output changed; returns the positions of changed cells, or the error as text."
    book = nbformat.read(path, as_version=4)
    stored = [cell.get("outputs", []) for cell in book.cells]
    kernel = dict(kernel_name="python3", timeout=900, extra_arguments=["--IPKernelApp.log_level=40"])
    client = NotebookClient(book, resources={"metadata": {"path": path.parent}}, coalesce_streams=True, **kernel)
    try:
        client.execute()
    except Exception as error:  # a cell that raises, a kernel that dies or runs out of time
        raised = [i for i, cell in enumerate(book.cells) if '"output_type": "error"' in json.dumps(cell)]
        what = f"{getattr(error, 'ename', type(error).__name__)}: {getattr(error, 'evalue', error)}"
        return f"cell {raised[:1]}: {what}; the file is as it was: mend the cell and run it again"
    clean_nb(book)
    changed = [i for i, cell in enumerate(book.cells) if not alike(stored[i], cell.get("outputs", []))]
    for i in [i for i, outputs in enumerate(stored) if outputs and i not in changed]:
        book.cells[i].outputs = stored[i]
    if changed:
        path.write_text(nbformat.writes(book).rstrip("\n") + "\n", encoding="utf-8")
    return changed


def main(names):
    paths = [nbs / Path(name).name for name in names] or sorted(nbs.glob("*.ipynb"))
    results = thread_map(run, paths, max_workers=2, desc="notebooks", unit="notebook")
    for path, result in zip(paths, results):
        if result:
            changed = f"outputs changed in cells {result}; look at them with git diff"
            print(f"nbs/{path.name}: {result if isinstance(result, str) else changed}")
    print(f"{results.count([])} of {len(paths)} notebooks give their stored outputs again.")
    return any(isinstance(result, str) for result in results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
