"""Speed as ratios within one run: `make bench` prints a table and writes benchmarks/results.json.

Every comparison is interleaved in one process and given as medians of repeated runs. The reference is the report's way,
`train_literal`, a Dataset of (x, y, importance) through a DataLoader.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from gemclus.mlp import MLPModel
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from impaug.data import load_wisconsin, preprocessor
from impaug.engine import sensible_batch, train_importance
from impaug.importance import ImportanceDataset, train_literal
from impaug.model import mlp

here = Path(__file__).parent
goals = dict(
    fit_vs_literal=1 / 40,
    fit_vs_gemclus=1,
    restart_vs_gemclus=1 / 4,
    restart_vs_floor=3,
    million_vs_kmeans=8,
    per_row_growth=1.3,
    import_vs_torch_sklearn=1.2,
)
lazy = dict(lazy=True, importance_decay=0.0)


def single(task):
    "`task` on one thread; the setting comes back afterwards, since the literal version is timed under it too."

    def run():
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with threadpool_limits(1):
                task()
        finally:
            torch.set_num_threads(before)

    return run


def timed(tasks, repeats):
    "Median seconds of each task, run in turns: A B C A B C ...; a task gives (callable, factor to scale its time by)."
    seconds = {name: [] for name in tasks}
    for _ in range(repeats + 1):
        for name, (task, factor) in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append((time.perf_counter() - start) * factor)
    return {name: float(np.median(values[1:])) for name, values in seconds.items()}  # the first round warms up


def products(S, steps, B=32, sizes=(9, 96, 32, 2)):
    "The matrix products of `steps` batches for S networks, each operand and result lying as bmm likes it best."

    def weights(n_in, n_out):
        return torch.randn(S, n_in, n_out) if n_out >= n_in else torch.randn(S, n_out, n_in).mT

    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layer = dict(input=torch.randn(S, B, n_in), weight=weights(n_in, n_out), delta=torch.randn(S, B, n_out))
        layer |= dict(gradient=weights(n_in, n_out), out=torch.empty(S, B, n_out), below=torch.empty(S, B, n_in))
        layers.append(layer)
    for _ in range(steps):
        for layer in layers:
            torch.bmm(layer["input"], layer["weight"], out=layer["out"])
            if layer["gradient"].stride(2) == 1:
                torch.bmm(layer["input"].mT, layer["delta"], out=layer["gradient"])
            else:
                torch.bmm(layer["delta"].mT, layer["input"], out=layer["gradient"].mT)
            torch.bmm(layer["delta"], layer["weight"].mT, out=layer["below"])


def million(n=10**6, d=30):
    "Two overlapping classes of 65 and 35 %."
    random = np.random.default_rng(0)
    X = random.standard_normal((n, d), dtype=np.float32)
    X[random.random(n) < 0.35] += 1
    return X


def small(repeats):
    bunch = load_wisconsin()
    rows = preprocessor().fit_transform(bunch.data.iloc[:, 1:])
    kw = dict(lazy, anchor=rows.mean(0))
    anchor = torch.tensor(kw["anchor"], dtype=torch.float32)

    def literal():
        train_literal(mlp(9), ImportanceDataset(rows, bunch.target), epochs=2, anchor=anchor)

    def literal_default():  # as whoever leaves torch's setting alone gets it; one epoch stands for 100
        train_literal(mlp(9), ImportanceDataset(rows, bunch.target), epochs=1)

    def gemclus():
        size = dict(n_hidden_dim=96, max_iter=100, batch_size=32)
        MLPModel(2, gemini="mi", learning_rate=1e-3, random_state=0, **size).fit(rows)

    return timed(
        {
            "literal": (single(literal), 50),  # 2 epochs stand for 100
            "literal_default_threads": (literal_default, 100),
            "gemclus": (single(gemclus), 1),
            "fit": (lambda: train_importance(rows, **kw), 1),
            "fit_dense": (lambda: train_importance(rows), 1),
            "restart": (lambda: train_importance(rows, seeds=range(64), **kw), 1 / 64),
            "restart_dense": (lambda: train_importance(rows, seeds=range(64), epochs=20), 5 / 64),
            "floor": (single(lambda: products(64, 220)), 10 / 64),
        },
        repeats,
    )


def large(repeats):
    X = million()
    batch = sensible_batch(len(X))
    some = X[: 10**4].copy()

    def fit(rows, times=1):
        for _ in range(times):
            train_importance(rows, epochs=5, batch_size=batch, anchor=X[:1000].mean(0), **lazy)

    def kmeans():
        KMeans(2, n_init=1, random_state=0).fit(X)

    return timed(
        {
            "kmeans": (single(kmeans), 1),
            "kmeans_default_threads": (kmeans, 1),
            "million": (lambda: fit(X), 1),
            "ten_thousand": (lambda: fit(some, times=5), 1 / 5),
        },
        repeats,
    )


def peak_mb():
    "Peak resident memory of a fresh process beyond what it held with the input, in MB."
    code = """if True:
        import bench
        from impaug.engine import train_importance
        X = bench.million(); rows = bench.sensible_batch(len(X))
        train_importance(X[:2000], epochs=1, **bench.lazy) # load the libraries' code
        read = lambda key: int(next(l for l in open("/proc/self/status") if l.startswith(key)).split()[1])
        open("/proc/self/clear_refs", "w").write("5"); before = read("VmRSS")
        train_importance(X, epochs=2, batch_size=rows, anchor=X[:1000].mean(0), **bench.lazy)
        print((read("VmHWM") - before)/1024)"""
    return float(
        subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=True).stdout
    )


def imports(repeats):
    def run(code):
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    return timed(
        {
            "import_impaug": (run("import impaug.learn"), 1),
            "import_torch_sklearn": (run("import torch, sklearn.cluster"), 1),
        },
        repeats,
    )


def report_seconds():
    "The command that a newcomer runs, 8 seeds, from start to table."
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from impaug.cli import main; main()", "report"]
        options = ["--seeds", "8", "--quiet", "--out", folder]
        subprocess.run(command + options, check=True, capture_output=True)
    return time.perf_counter() - start


def where_time_goes(seeds, most=6):
    "Share of the operators' own time in training these restarts, the largest first."
    rows = preprocessor().fit_transform(load_wisconsin().data.iloc[:, 1:])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        train_importance(rows, seeds=seeds, epochs=5, anchor=rows.mean(0), **lazy)
    spent = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    largest = sorted(spent, key=spent.get, reverse=True)[:most]
    return {key.removeprefix("aten::"): round(spent[key] / sum(spent.values()), 3) for key in largest}


def ratios_of(s):
    return dict(
        fit_vs_literal=s["fit"] / s["literal_default_threads"],
        fit_vs_literal_one_thread=s["fit"] / s["literal"],
        fit_vs_gemclus=s["fit"] / s["gemclus"],
        restart_vs_gemclus=s["restart"] / s["gemclus"],
        restart_vs_floor=s["restart"] / s["floor"],
        million_vs_kmeans=s["million"] / s["kmeans"],
        million_vs_kmeans_default_threads=s["million"] / s["kmeans_default_threads"],
        per_row_growth=s["million"] / s["ten_thousand"] / 100,
        import_vs_torch_sklearn=s["import_impaug"] / s["import_torch_sklearn"],
    )


def main(repeats=5):
    parts = [
        ("small tables", lambda: small(repeats)),
        ("a million rows", lambda: large(repeats)),
        ("imports", lambda: imports(repeats)),
        ("impaug report", lambda: dict(report_8_seeds=report_seconds())),
    ]
    s = {}
    for name, part in parts:
        print(f"[bench] {name}", file=sys.stderr, flush=True)
        s |= part()
    result = dict(
        ratios=ratios_of(s),
        peak_mb_million=peak_mb(),
        seconds=s,
        profile=dict(one_fit=where_time_goes([0]), restarts_64=where_time_goes(range(64))),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
    )
    for name, value in result["ratios"].items():
        print(f"{name:>36} {value:8.3f}" + (f"   goal {goals[name]:.3f}" if name in goals else ""))
    print(f"{'peak_mb_million':>36} {result['peak_mb_million']:8.0f}   goal 500")
    print(f"{'impaug report, 8 seeds, seconds':>36} {s['report_8_seeds']:8.1f}")
    (here / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    print("wrote benchmarks/results.json; nbs/22_engine.ipynb says where the time goes")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
