"""Speed and memory, compared within one run: `make bench` prints a table and writes benchmarks/results.json.

`python benchmarks/bench.py users jobs` measures these parts alone; what the file holds of the others stays. Every
comparison is interleaved in one process and given as medians of repeated runs.

- engine: one training against the report's way, `train_literal`, a Dataset of (x, y, importance) through a DataLoader
- users: `ImportanceClusterer` as it comes, on as many threads as anybody gets, against what else people would call
- jobs: the same restarts in one process and in two
- samples: what learning from a part of the rows costs in NMI, and saves in time
- balance: the command `impaug balance` on a large file
- dask: a table in parts, by workers that could not hold it
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from functools import partial
from itertools import product
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from gemclus.mlp import MLPModel
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from threadpoolctl import threadpool_limits

import impaug.engine
from impaug.balance import learn_table
from impaug.data import load_wisconsin, preprocessor
from impaug.engine import sensible_batch, train_importance
from impaug.experiment import presets
from impaug.files import origin, write_files
from impaug.importance import ImportanceDataset, train_literal
from impaug.learn import learn
from impaug.model import mlp
from impaug.partitions import read_part, sample_part, shares
from impaug.sampler import ImportanceClusterer
from impaug.sets import round_clouds

here = Path(__file__).parent
goals = dict(  # at most
    fit_vs_literal=1 / 40,
    fit_vs_gemclus=0.8,
    restart_vs_gemclus=1 / 4,
    restart_vs_floor=2,
    million_vs_kmeans=8,
    per_row_growth=1.3,
    import_vs_torch_sklearn=1.2,
    clusterer_100k_vs_10k=1.5,
    clusterer_1m_vs_100k=4,
    clusterer_1m_vs_kmeans=10,
)
least_goals = dict(two_jobs_faster_10k=1.7)
machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
made_by = origin("make bench")
lazy = dict(lazy=True, importance_decay=0.0)


def say(line):
    print(f"[bench] {line}", file=sys.stderr, flush=True)


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


def timed(tasks, repeats, warm_up=1):
    """Median seconds of each task, run in turns: A B C A B C ...; a task gives (callable, factor to scale its time by).

    The first `warm_up` rounds do not count."""
    seconds = {name: [] for name in tasks}
    for _ in range(warm_up + repeats):
        for name, (task, factor) in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append((time.perf_counter() - start) * factor)
    return {name: float(np.median(values[warm_up:])) for name, values in seconds.items()}


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


def tiny_numbers(repeats, times=1000):
    "The same operation on numbers below 1e-38, as the processor takes them, and on ones."

    def multiplied(numbers):
        out = torch.empty_like(numbers)
        for _ in range(times):
            torch.mul(numbers, 1.0, out=out)

    tiny, plain = torch.full((2**14,), 1e-40), torch.ones(2**14)
    return timed(
        {"tiny": (single(lambda: multiplied(tiny)), 1), "plain": (single(lambda: multiplied(plain)), 1)}, repeats
    )


def tuning(repeats):
    "A million rows as in `large`, three epochs: with copies of other sizes, and with tiny numbers kept as they are."
    X = million()
    kw = dict(epochs=3, batch_size=sensible_batch(len(X)), anchor=X[:1000].mean(0), **lazy)

    def changed(**names):
        with patch.multiple(impaug.engine, **names):
            train_importance(X, **kw)

    def rows_of_copy(size):
        return lambda S, n, d, batch: min(n, max(1, size // (S * (d + 3)) // batch) * batch)

    tasks = {
        "as_it_is": (lambda: train_importance(X, **kw), 1),
        "tiny_kept": (partial(changed, tiny_as_zero=nullcontext), 1),
    }
    for power in (14, 16, 18, 20, 22):
        tasks[f"copies_of_{2**power}"] = (partial(changed, chunk_rows=rows_of_copy(2**power)), 1)
    return timed(tasks, repeats)


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
        tiny_vs_plain=s["tiny"] / s["plain"],
        import_vs_torch_sklearn=s["import_impaug"] / s["import_torch_sklearn"],
    )


def engine(repeats=5):
    steps = [
        ("small tables", lambda: small(repeats)),
        ("a million rows", lambda: large(repeats)),
        ("tiny numbers", lambda: tiny_numbers(repeats)),
        ("imports", lambda: imports(repeats)),
        ("impaug report", lambda: dict(report_8_seeds=report_seconds())),
    ]
    s = {}
    for name, step in steps:
        say(f"engine: {name}")
        s |= step()
    say("engine: tuning")
    yield dict(
        ratios=ratios_of(s),
        tuning=tuning(repeats),
        peak_mb_million=peak_mb(),
        seconds=s,
        profile=dict(one_fit=where_time_goes([0]), restarts_64=where_time_goes(range(64))),
        machine=machine,
        origin=made_by,
    )


# What users call ------------------------------------------------------------------------------------------------------


def clouds(n, seed=0, share=0.3):
    return round_clouds(seed, n, columns=20, share=share)


def nmi(truth, labels):
    return float(normalized_mutual_info_score(truth, labels))


def scaled(estimator):
    "As people run it; `ImportanceClusterer` scales by itself."
    return make_pipeline(MinMaxScaler(), estimator)


clusterers = {
    "ImportanceClusterer": lambda: ImportanceClusterer(random_state=0),
    "KMeans": lambda: scaled(KMeans(2, n_init=10, random_state=0)),
    "GaussianMixture": lambda: scaled(GaussianMixture(2, random_state=0)),
    "HDBSCAN": lambda: scaled(HDBSCAN(copy=True)),
}
most_seconds = 180  # for HDBSCAN, whose time grows with the square of the rows
most_rows_of_hdbscan = 100_000


def clustered(names, n, repeats=1, warm_up=0):
    "A record of each method, by name, on the same rows."
    rows, truth = clouds(n)
    labels = {}

    def fit(name):
        labels[name] = clusterers[name]().fit_predict(rows)

    seconds = timed({name: (partial(fit, name), 1) for name in names}, repeats, warm_up)
    return [dict(method=name, rows=n, seconds=seconds[name], nmi=nmi(truth, labels[name])) for name in names]


def hdbscan_in_time(n):
    "The record of HDBSCAN in a process of its own, since nothing else could end it; it says if it had to be ended."
    code = f"import bench, json; print(json.dumps(bench.clustered(['HDBSCAN'], {n})))"
    command = [sys.executable, "-W", "ignore", "-c", code]
    start_up = 10
    try:
        ran = subprocess.run(
            command, cwd=here, capture_output=True, text=True, check=True, timeout=most_seconds + start_up
        )
    except subprocess.TimeoutExpired:
        reason = f"left out: takes more than {most_seconds} s"
        return [dict(method="HDBSCAN", rows=n, seconds=None, nmi=None, why=reason)]
    return json.loads(ran.stdout)


users_repeats = {1_000: 3, 10_000: 3, 100_000: 2, 1_000_000: 2}


def users(repeats=users_repeats):
    runs, seconds = [], {}
    for n, times in repeats.items():
        say(f"users: {n:,} rows")
        alone = n >= most_rows_of_hdbscan
        names = [name for name in clusterers if name != "HDBSCAN" or not alone]
        found = clustered(names, n, times, warm_up=int(not runs))
        if n == most_rows_of_hdbscan:
            say(f"users: HDBSCAN, {most_seconds} s at most")
            found += hdbscan_in_time(n)
        runs += found
        seconds |= {(run["method"], n): run["seconds"] for run in found}
        yield dict(users=dict(machine=machine, origin=made_by, runs=runs))
    *_, ten, hundred, million_rows = repeats
    ours = [seconds["ImportanceClusterer", n] for n in (ten, hundred, million_rows)]
    yield dict(
        ratios=dict(
            clusterer_100k_vs_10k=ours[1] / ours[0],
            clusterer_1m_vs_100k=ours[2] / ours[1],
            clusterer_1m_vs_kmeans=ours[2] / seconds["KMeans", million_rows],
        )
    )


def same(one, other):
    "Whether two answers agree to the last bit."
    arrays = ("importance", "threshold", "pseudo_labels", "clusters")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)


def jobs(sizes=(1_000, 10_000), repeats=3):
    runs, ratios = [], {}
    for n in sizes:
        say(f"jobs: {n:,} rows")
        rows = MinMaxScaler().fit_transform(clouds(n)[0])
        learned = {}

        def run(n_jobs):
            learned[n_jobs] = learn(rows, "recommended", n_jobs=n_jobs)

        learn(rows[:: n // 500], "recommended", n_jobs=2)  # starts the workers, which load their libraries
        seconds = timed({"one": (partial(run, 1), 1), "two": (partial(run, 2), 1)}, repeats, warm_up=0)
        runs.append(dict(rows=n, restarts=presets["recommended"].restarts, **seconds, same=same(*learned.values())))
        ratios[f"two_jobs_faster_{n // 1000}k"] = seconds["one"] / seconds["two"]
        yield dict(jobs=dict(machine=machine, origin=made_by, runs=runs), ratios=ratios)


def samples(n=100_000, sizes=(1_000, 2_000, 5_000, 10_000, 20_000, 100_000), seeds=range(3)):
    runs = []
    for share, seed in product((0.3, 0.1), seeds):
        rows, truth = clouds(n, seed, share)
        for learn_rows in sizes:
            say(f"samples: share {share}, seed {seed}, {learn_rows:,} of {n:,} rows")
            start = time.perf_counter()
            found = ImportanceClusterer(learn_rows=learn_rows, random_state=seed).fit(rows)
            runs.append(
                dict(
                    share=share,
                    seed=seed,
                    rows=n,
                    learn_rows=learn_rows,
                    seconds=time.perf_counter() - start,
                    nmi=nmi(truth, found.labels_),
                    nmi_pseudo_labels=nmi(truth, found.pseudo_labels_),
                    fell_back=found.learned_.fell_back,  # which means learning twice
                )
            )
            yield dict(samples=dict(machine=machine, origin=made_by, runs=runs))


# From file to file ----------------------------------------------------------------------------------------------------


def watched(command):
    "What watch.py sees of a command, which must end well."
    told = subprocess.run([sys.executable, here / "watch.py", *command], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(told.stdout)


def table_of(rows):
    return pd.DataFrame(rows, columns=[f"c{place}" for place in range(rows.shape[1])])


def balance(n=10**6, columns=10):
    "Two overlapping classes of 80 and 20 %, from CSV to CSV, by the command in its defaults."
    rows, truth = round_clouds(0, n, columns=columns, share=0.2, distance=3)
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "in.csv"), Path(folder, "out.csv")
        say(f"balance: writing {n:,} rows")
        table_of(rows.round(4)).to_csv(source, index=False)
        say("balance: the command")
        command = [sys.executable, "-c", "from impaug.cli import main; main()"]
        seen = watched([*command, "balance", source, "-o", out, "--quiet"])
        labels = pd.read_csv(out, usecols=["pseudo_label"])["pseudo_label"]
        yield dict(
            balance=dict(
                machine=machine,
                origin=made_by,
                rows=n,
                columns=columns,
                rows_out=len(labels),
                nmi=nmi(truth, labels[:n]),
                mb_in=source.stat().st_size / 1e6,
                mb_out=out.stat().st_size / 1e6,
                seconds=seen["seconds"],
                peak_rss_mb=seen["peak_rss"],
                peak_pss_mb=seen["peak_pss"],
                peak_uss_mb=seen["peak_uss"],
            )
        )


worker_gb = 1.5
by_two_workers = f"""if True:
    import sys
    from distributed import LocalCluster
    from impaug.partitions import balance_parts
    size = dict(n_workers=2, threads_per_worker=1, memory_limit="{worker_gb} GB")
    with LocalCluster(**size, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster:
        balance_parts(sys.argv[1], sys.argv[2], scheduler=cluster.scheduler_address)"""


def in_parts(parts=50, part_rows=100_000):
    "A table in Parquet, by what `impaug balance 'PARTS/*.parquet' -o OUT` calls, with two workers of little memory."
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "parts"), Path(folder, "balanced")
        source.mkdir()
        files = [source / f"part-{place:03}.parquet" for place in range(parts)]
        say(f"dask: writing {parts} parts of {part_rows:,} rows")
        for place, path in enumerate(files):
            table_of(clouds(part_rows, seed=place)[0]).to_parquet(path, index=False)
        say("dask: balancing")
        seen = watched([sys.executable, "-W", "ignore", "-c", by_two_workers, source / "*.parquet", out])
        say("dask: comparing with a single process")
        workers = [process for process in seen["processes"] if "spawn_main" in process["command"]]
        yield dict(
            dask=dict(
                machine=machine,
                origin=made_by,
                rows=parts * part_rows,
                columns=20,
                parts=parts,
                mb_in=sum(path.stat().st_size for path in files) / 1e6,
                mb_out=sum(path.stat().st_size for path in out.iterdir()) / 1e6,
                rows_out=sum(len(pd.read_parquet(path, columns=["synthetic"])) for path in out.iterdir()),
                seconds=seen["seconds"],
                worker_limit_mb=worker_gb * 1e9 / 1024**2,
                workers_peak_pss_mb=[worker["peak_pss"] for worker in workers],
                workers_peak_uss_mb=[worker["peak_uss"] for worker in workers],
                peak_pss_mb=seen["peak_pss"],
                **beside_one_process(files, out, part_rows),
            )
        )


def beside_one_process(files, out, part_rows):
    "Whether importance and pseudo labels of two parts are what the same sample gives without Dask; their NMI."
    draws = shares([part_rows] * len(files), min(presets["recommended"].learn_rows, part_rows * len(files)))
    sample = [sample_part(read_part(path), n, 0, place) for place, (path, n) in enumerate(zip(files, draws))]
    table = learn_table(pd.concat(sample, ignore_index=True))
    equal, scores = True, []
    for path in (files[0], files[-1]):
        alone = table.learned.extended(table.rows_of(read_part(path)))
        written = pd.read_parquet(out / path.name)[:part_rows]
        equal &= np.array_equal(alone.importance, written["importance"])
        equal &= np.array_equal(alone.pseudo_labels, written["pseudo_label"])
        scores.append(nmi(clouds(part_rows)[1], written["pseudo_label"]))
    return dict(same=bool(equal), nmi=scores)


# All of it ------------------------------------------------------------------------------------------------------------

measured = dict(engine=engine, users=users, jobs=jobs, samples=samples, balance=balance, dask=in_parts)


def stored(update):
    "Take an update up in results.json, which is whole at any time, so that what was measured stays after an interrupt."
    path = here / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for key, value in update.items():
        results[key] = results.get(key, {}) | value if key in ("ratios", "seconds") else value
    write_files(here, {path.name: json.dumps(results, indent=1) + "\n"})


def goal_of(name):
    if name in goals:
        return f"   goal {goals[name]:.3f} at most"
    return f"   goal {least_goals[name]:.3f} at least" if name in least_goals else ""


def show(results):
    "Ratios with their goals, then what is no ratio."
    for name, value in results.get("ratios", {}).items():
        print(f"{name:>36} {value:8.3f}{goal_of(name)}")
    if "seconds" in results:
        print(f"{'peak_mb_million':>36} {results['peak_mb_million']:8.0f}   goal 500")
        print(f"{'impaug report, 8 seeds, seconds':>36} {results['seconds']['report_8_seeds']:8.1f}")
    for name in ("users", "samples"):
        if name in results:
            print(f"\n{name}\n{pd.DataFrame(results[name]['runs']).round(3).to_string(index=False)}")
    for name in ("jobs", "balance", "dask"):
        if name in results:
            print(f"\n{name}\n{json.dumps(results[name], indent=1)}")


def main(names):
    unknown = [name for name in names if name not in measured]
    if unknown:
        sys.exit(f"bench.py: no part is called {', '.join(unknown)}; there are {', '.join(measured)}")
    results = {}
    for name in names or measured:
        start = time.perf_counter()
        for update in measured[name]():
            stored(update)
            results |= update | dict(ratios=results.get("ratios", {}) | update.get("ratios", {}))
        say(f"{name}: {time.perf_counter() - start:.0f} s")
    show(results)
    print("\nwrote benchmarks/results.json; nbs/22_engine.ipynb says where the time goes")


if __name__ == "__main__":
    main(sys.argv[1:])
