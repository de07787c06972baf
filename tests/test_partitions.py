"""A table in partitions, as its user meets it: clusters, a worker that dies, interrupts, a full disk, folders.

Where and in what order the work is done changes no byte, and a run ends with all parts or with none."""

import gc
import os
import resource
import signal
import subprocess
import sys
import time

import dask
import numpy as np
import pandas as pd
import psutil
import pytest
from dask import delayed
from dask.distributed import Client, LocalCluster

import impaug.partitions
from command import assert_refused, here
from impaug.data import InputError
from impaug.partitions import balance_dask, read_part, write_parts

command = [sys.executable, "-c", "from impaug.cli import main; main()", "balance"]
light = ["--id", "number", "--target", "truth", "--restarts", "4", "--quiet"]
options = dict(id=["number"], target="truth", restarts=4)


def parcels(n, seed):
    "So many made-up parcels, a fifth of them unlike the others."
    rng = np.random.default_rng(seed)
    apart = rng.random(n) < 0.2
    sizes = rng.normal(size=(n, 3)) + 6 * apart[:, None]
    table = pd.DataFrame(sizes, columns=["height", "width", "weight"])
    depot = np.where(rng.random(n) < np.where(apart, 0.5, 0.05), "Leith", "Oban")
    number = pd.Series([f"P{seed}-{i}" for i in range(n)], dtype=str)
    return table.assign(depot=depot, number=number, truth=np.where(apart, "odd", "even"))


@pytest.fixture
def parts(tmp_path):
    "A folder of five Parquet files, the fourth without rows."
    folder = tmp_path / "in"
    folder.mkdir()
    for place, n in enumerate([300, 80, 200, 0, 120]):
        parcels(n, place).to_parquet(folder / f"part.{place}.parquet")
    return folder


@pytest.fixture(scope="module")
def cluster():
    "Two worker processes, and no second try for a task that takes its worker down."
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster,
    ):
        yield cluster


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def one_after_the_other(files):
    "The grown partitions and the parents of their synthetic rows, made in this process."
    with dask.config.set(scheduler="synchronous"):
        return dask.compute(*balance_dask([delayed(read_part)(path) for path in files], **options).grown)


def test_the_command_writes_what_one_process_makes(parts, tmp_path):
    files = sorted(parts.iterdir())
    ran = subprocess.run(
        [*command, f"{parts}/*.parquet", "-o", tmp_path / "out", *light[:-1]], capture_output=True, timeout=600
    )
    assert ran.returncode == 0 and ran.stdout == b"", ran.stderr
    for words in (
        b"id, set aside",
        b"labelled: 100%",
        b"balanced: 100%",
        b"700 rows, 132 of them pseudo minority; 436 synthetic rows make 1136",
        b"NMI of the pseudo labels with 'truth', which only scores: 1.000",
        b"Wrote 5 parts to ",
    ):
        assert words in ran.stderr, ran.stderr
    with dask.config.set(scheduler="synchronous"):
        balanced = balance_dask([delayed(read_part)(path) for path in files], **options)
        write_parts(balanced, [tmp_path / "here" / path.name for path in files])
    there = contents(tmp_path / "out")
    assert sorted(there) == [path.name for path in files] and there == contents(tmp_path / "here")
    out = pd.read_parquet(tmp_path / "out")
    assert out.pseudo_label.value_counts().tolist() == [568, 568]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "in", "out"]


def test_workers_that_die_change_nothing(parts, tmp_path):
    files = sorted(parts.iterdir())

    def read_or_die(path):
        "Each reading leaves a mark; while the third part is labelled its worker dies, and again while it is grown."
        marks = tmp_path / "marks" / path.name
        marks.mkdir(parents=True, exist_ok=True)
        (marks / str(len(list(marks.iterdir())))).touch()
        if path.name == "part.2.parquet" and len(list(marks.iterdir())) in (3, 5):
            os.kill(os.getpid(), signal.SIGKILL)
        return read_part(path)

    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        before = set(client.run(os.getpid).values())
        balanced = balance_dask([delayed(read_or_die)(path) for path in files], **options)
        there = dask.compute(*balanced.grown)
        assert before != set(client.run(os.getpid).values())
    assert len(list((tmp_path / "marks" / "part.2.parquet").iterdir())) == 6
    for (table, parents), (same_table, same_parents) in zip(there, one_after_the_other(files), strict=True):
        pd.testing.assert_frame_equal(table, same_table, check_exact=True)
        pd.testing.assert_frame_equal(parents, same_parents)


def test_a_partition_that_takes_every_worker_down_is_told(cluster):
    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    with Client(cluster), pytest.raises(InputError, match="ddf: workers died over one partition"):
        balance_dask([delayed(parcels(40, 0)), delayed(die)()], **options)


def test_what_cannot_be_balanced_ends_in_one_line(parts, tmp_path, capfd, cluster, monkeypatch):
    out, address = tmp_path / "out", ["--scheduler", cluster.scheduler_address]
    pattern, given = f"{parts}/*.parquet", contents(tmp_path)
    first = pd.read_parquet(parts / "part.0.parquet")
    for name, table, words in [
        ("without", first.drop(columns="width"), "without.parquet: "),
        ("text", first.assign(width="wide"), "text.parquet: column 'width' holds text here and numbers in "),
        ("infinite", first.assign(width=np.inf), "infinite.parquet: infinite values in 'width'"),
    ]:
        table.to_parquet(parts / f"{name}.parquet")
        assert_refused(here(capfd, pattern, "-o", out, *light, *address), words)
        (parts / f"{name}.parquet").unlink()
    (parts / "zero.parquet").write_bytes(b"no Parquet")
    assert_refused(here(capfd, pattern, "-o", out, *light, *address), "zero.parquet is no Parquet file")
    (parts / "zero.parquet").unlink()
    for args, words in [
        ([f"{parts}/*.csv"], "IN: no file is called "),
        ([tmp_path], "holds no .parquet and no .csv file"),
        ([parts, "--plot", "x.png"], "plot: "),
        ([parts, "--report", "x.html"], "report: "),
        ([parts / "part.0.parquet", *address], "scheduler: goes with a table in parts"),
        ([parts / "part.0.parquet", "--overwrite"], "overwrite: goes with a table in parts"),
        ([parts, "--target", "class", *address], "target: no column 'class'"),
        ([parts, "--threshold", "7.5", *address], "threshold: "),
    ]:
        assert_refused(here(capfd, *args, "-o", out, "--quiet"), words)
    monkeypatch.setattr(impaug.partitions, "seconds_to_answer", 1)
    nobody = here(capfd, parts, "-o", out, *light, "--scheduler", "tcp://127.0.0.1:9")
    assert_refused(nobody, "scheduler: tcp://127.0.0.1:9 does not answer")
    assert_refused(here(capfd, parts, "-o", out, *light, "--scheduler", "x:y:z"), "scheduler: x:y:z does not answer")
    assert not [thing for thing in gc.get_objects() if type(thing) is Client and thing.status != "closed"]
    with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as idle:
        nobody = here(capfd, parts, "-o", out, *light, "--scheduler", idle.scheduler_address)
        assert_refused(nobody, "has no workers")
    assert contents(tmp_path) == given and not out.exists()


def test_a_folder_that_holds_anything_is_left_alone_or_replaced_as_a_whole(parts, tmp_path, capfd, cluster):
    out, run = tmp_path / "out", [*light, "--scheduler", cluster.scheduler_address]
    out.mkdir()
    assert here(capfd, parts, "-o", out, *run) == (0, "")
    written = contents(out)
    assert_refused(here(capfd, parts, "-o", out, *run), "holds files already")
    (out / "old.parquet").touch()
    assert here(capfd, parts, "-o", out, *run, "--overwrite", "--seed", "1") == (0, "")
    replaced = contents(out)
    assert set(replaced) == set(written) and replaced != written
    (out / "notes.txt").write_text("mine")
    assert_refused(here(capfd, parts, "-o", out, *run, "--overwrite"), "'notes.txt', which is no part")
    for place in (parts, tmp_path):
        assert_refused(here(capfd, parts, "-o", place, *run, "--overwrite"), "holds the input itself")
    assert_refused(here(capfd, parts, "-o", parts / "part.0.parquet", *run), "is a file")
    assert_refused(here(capfd, parts, "-o", "-", *run), "parts cannot go to standard output")
    assert contents(out) == replaced | {"notes.txt": b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_folders_of_parts_stay_folders(parts, tmp_path, capfd, cluster):
    for place, path in enumerate(sorted(parts.iterdir())):
        (parts / f"year={place}").mkdir()
        path.rename(parts / f"year={place}" / "part.0.parquet")
    run = [*light, "--scheduler", cluster.scheduler_address]
    assert here(capfd, f"{parts}/**/*.parquet", "-o", tmp_path / "out", *run) == (0, "")
    assert sorted(contents(tmp_path / "out")) == [f"year={place}/part.0.parquet" for place in range(5)]


def test_parts_as_text(tmp_path, capfd, cluster):
    given = [parcels(n, place).round(3) for place, n in enumerate([60, 90])]
    (tmp_path / "in").mkdir()
    for place, part in enumerate(given):
        part.to_csv(tmp_path / "in" / f"{place}.csv", index=False)
    run = [*light, "--scheduler", cluster.scheduler_address]
    assert here(capfd, tmp_path / "in", "-o", tmp_path / "out", *run) == (0, "")
    for place, part in enumerate(given):
        lines = (tmp_path / "out" / f"{place}.csv").read_text().splitlines()
        before = (tmp_path / "in" / f"{place}.csv").read_text().splitlines()
        assert [line.rsplit(",", 3)[0] for line in lines[: len(before)]] == before


def test_strict_writes_nothing_where_no_second_group_is_found(tmp_path, capfd, cluster):
    (tmp_path / "in").mkdir()
    for place in range(2):
        rows = np.random.default_rng(place).normal(size=(150, 4))
        pd.DataFrame(rows, columns=list("abcd")).to_parquet(tmp_path / "in" / f"{place}.parquet")
    run = ["--strict", "--quiet", "--scheduler", cluster.scheduler_address]
    code, said = here(capfd, tmp_path / "in", "-o", tmp_path / "out", *run)
    assert code == 3 and "no second group found" in said and "nothing was written" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_disk_that_is_full_at_the_fourth_part_leaves_the_old_parts(tmp_path):
    (tmp_path / "in").mkdir()
    for place, n in enumerate([50, 50, 50, 2000, 50]):
        parcels(n, place).to_parquet(tmp_path / "in" / f"{place}.parquet")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.parquet").write_bytes(b"old")
    before = contents(tmp_path)

    def small_disk():  # no file grows longer than this: to the writer, the disk is full
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    args = [tmp_path / "in", "-o", tmp_path / "out", *light, "--overwrite"]
    ran = subprocess.run([*command, *args], capture_output=True, timeout=600, preexec_fn=small_disk)
    assert_refused((ran.returncode, ran.stderr.decode()), "-o: cannot write ")
    assert contents(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize("moment", ["restarts:", "balanced:"])
def test_an_interrupt_ends_the_workers_and_leaves_nothing(moment, tmp_path):
    (tmp_path / "in").mkdir()
    for place in range(4):
        parcels(25_000, place).to_parquet(tmp_path / "in" / f"{place}.parquet")
    restarts = "4000" if moment == "restarts:" else "4"
    at_work = subprocess.Popen(
        [*command, tmp_path / "in", "-o", tmp_path / "out", *light[:-3], "--restarts", restarts],
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    seen = b""
    while moment.encode() not in seen:
        said = at_work.stderr.read1()
        assert said, seen  # it has ended before
        seen += said
    time.sleep(0.1)
    workers = psutil.Process(at_work.pid).children(recursive=True)
    os.killpg(at_work.pid, signal.SIGINT)  # as a terminal does: to all of them
    rest = at_work.communicate(timeout=300)[1]
    assert at_work.returncode == 130 and b"Traceback" not in rest, rest
    assert rest.endswith(b"impaug: interrupted; nothing was written\n"), rest
    assert workers and not psutil.wait_procs(workers, timeout=60)[1]
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("dask")] == ["in"]


def test_without_dask(parts, tmp_path, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    assert_refused(here(capfd, parts, "-o", tmp_path / "out", *light), "pip install 'impaug[dask]'")
    with pytest.raises(InputError, match="pip install"):
        balance_dask([parcels(40, 0)])


def test_dask_is_imported_only_where_it_is_used():
    asked = "import sys, impaug.cli; print(sorted({'dask', 'distributed'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, timeout=600)
    assert ran.stdout == b"[]\n"
