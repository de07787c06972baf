"""`impaug balance` as its user meets it: pipes, interrupts, kills, a full disk, links to the input, Parquet.

A run ends with whole files or with none."""

import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import impaug.files
from command import assert_refused, here

command = [sys.executable, "-c", "from impaug.cli import main; main()", "balance"]
light = ["--id", "name", "--restarts", "4", "--quiet"]


@pytest.fixture
def table(tmp_path):
    "A file of 120 rows, a quarter of them apart, with cells that a careless tool would change."
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(120, 3)) + 6 * (np.arange(120) < 30)[:, None]).round(2)
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "007", "1.0", 'a "quoted", cell', "two\nlines", "é"] + [
        f"row {i}" for i in range(111)
    ]
    path = tmp_path / "in.csv"
    pd.DataFrame(rows, columns=["a", "b", "c"]).assign(name=names).to_csv(path, index=False)
    return path


def cells(data):
    return pd.read_csv(data, dtype=str, keep_default_na=False)


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def test_file_to_files(table, tmp_path):
    before = table.read_bytes()
    outputs = ["-o", tmp_path / "out.csv", "--plot", tmp_path / "out.svg", "--report", tmp_path / "out.html"]
    ran = subprocess.run([*command, table, *outputs, *light[:-1]], capture_output=True, timeout=120)
    assert ran.returncode == 0 and ran.stdout == b"" and table.read_bytes() == before, ran.stderr
    assert files(tmp_path) == ["in.csv", "out.csv", "out.html", "out.svg"]
    out, given = cells(tmp_path / "out.csv"), cells(table)
    assert out.iloc[:120, :4].equals(given) and list(out.columns[4:]) == ["pseudo_label", "importance", "synthetic"]
    assert (out.pseudo_label == "1").sum() == 90 and (out.synthetic[120:] == "1").all() and (out.name[120:] == "").all()
    for words in (
        b"id, set aside",
        b"restarts:",
        b"120 rows, 30 of them pseudo minority; 60 synthetic rows make 180",
        b"Pseudo minority: ",
        b"(finds 30 of its 30 rows, and 0 others; 100% of all rows agree)",
        b"Look next at",
    ):
        assert words in ran.stderr


def test_pipe_to_pipe(table):
    ran = subprocess.run([*command, "-", "-o", "-", *light], input=table.read_bytes(), capture_output=True, timeout=120)
    assert ran.returncode == 0 and ran.stderr == b""
    assert ran.stdout.count(b"\n") == 182  # a line of names, 180 rows, one cell of two lines
    assert ran.stdout.startswith(b"a,b,c,name,pseudo_label,importance,synthetic\n") and ran.stdout.endswith(b",1,,1\n")


def test_pipe_that_nobody_reads(table):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run([*command, table, "-o", "-", *light], stdout=closed, stderr=subprocess.PIPE, timeout=120)
    assert_refused((ran.returncode, ran.stderr.decode()), "standard output does not take the whole table")


def test_refusals_leave_everything_as_it_was(table, tmp_path, capfd):
    os.symlink(table, tmp_path / "link.csv")
    os.link(table, tmp_path / "hard.csv")
    (tmp_path / "text.csv").write_text("x,city\n" + "".join(f"{i % 7},Paris\n" for i in range(30)))
    before, content = files(tmp_path), table.read_bytes()
    for out in ("in.csv", "link.csv", "hard.csv"):
        assert_refused(here(capfd, table, "-o", tmp_path / out, *light), "-o: is the input itself")
        assert_refused(
            here(capfd, table, "-o", tmp_path / "out.csv", "--report", tmp_path / out, *light),
            "--report: is the input itself",
        )
    as_number = here(capfd, tmp_path / "text.csv", "-o", tmp_path / "out.csv", "--as", "city=number")
    assert_refused(as_number, "city holds 'Paris', which is no number")
    assert_refused(here(capfd, table, "-o", tmp_path / "out.csv", "--target", "class"), "--target: no column 'class'")
    assert_refused(here(capfd, table, "-o", tmp_path / "out.csv", *light, "--threshold", "7.5"), "--threshold:")
    assert files(tmp_path) == before and table.read_bytes() == content


def test_full_disk_leaves_the_old_file(table, tmp_path, capfd):
    (tmp_path / "out.csv").write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # no file grows longer than this: to the writer, the disk is full
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        outcome = here(capfd, table, "-o", tmp_path / "out.csv", "--report", tmp_path / "out.html", *light)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_refused(outcome, "cannot write")
    assert (tmp_path / "out.csv").read_text() == "old" and files(tmp_path) == ["in.csv", "out.csv"]


def test_kill_while_writing_leaves_the_old_file(table, tmp_path):
    (tmp_path / "out.csv").write_text("old")
    dying = """
import os, signal, impaug.cli, impaug.files
impaug.files.os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)
impaug.cli.main()"""
    ran = subprocess.run(
        [sys.executable, "-c", dying, "balance", table, "-o", tmp_path / "out.csv", *light],
        capture_output=True,
        timeout=120,
    )
    assert ran.returncode == -signal.SIGKILL
    assert (tmp_path / "out.csv").read_text() == "old"
    assert len(files(tmp_path)) == 3  # and a hidden one under a temporary name


def test_interrupt_while_writing_tidies_up(table, tmp_path, capfd, monkeypatch):
    (tmp_path / "out.csv").write_text("old")

    def interrupted(*names):
        raise KeyboardInterrupt

    monkeypatch.setattr(impaug.files.os, "replace", interrupted)
    assert_refused(here(capfd, table, "-o", tmp_path / "out.csv", *light), "interrupted; nothing was written", 130)
    assert (tmp_path / "out.csv").read_text() == "old" and files(tmp_path) == ["in.csv", "out.csv"]


def test_interrupt_while_learning(table, tmp_path):
    at_work = subprocess.Popen(
        [*command, table, "-o", tmp_path / "out.csv", "--id", "name", "--restarts", "4000"],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # a shell's background job ignores it
    seen = b""
    while b" 16/" not in seen:  # a group of restarts is finished, which a caller in Python would get
        seen += at_work.stderr.read1()
    at_work.send_signal(signal.SIGINT)
    rest = at_work.communicate(timeout=60)[1]
    assert at_work.returncode == 130 and b"Traceback" not in rest
    assert rest.endswith(b"impaug: interrupted; nothing was written\n")
    assert files(tmp_path) == ["in.csv"]


def test_parquet(table, tmp_path, capfd):
    given = pd.read_csv(table).assign(count=np.arange(120) // 30, big=2**60 + np.arange(120), flag=np.arange(120) < 30)
    given.to_parquet(tmp_path / "in.parquet")
    assert here(capfd, tmp_path / "in.parquet", "-o", tmp_path / "out.parquet", "--id", "big", *light) == (0, "")
    out = pd.read_parquet(tmp_path / "out.parquet")
    for column in given.columns:
        assert out[column][:120].tolist() == given[column].tolist(), column
    assert out[["name", "big"]][120:].isna().all(axis=None) and not out[["a", "count", "flag"]].isna().any(axis=None)
    assert here(capfd, tmp_path / "in.parquet", "-o", tmp_path / "out.csv", "--id", "big", *light) == (0, "")
    assert cells(tmp_path / "out.csv").big[:120].tolist() == given.big.astype(str).tolist()
    assert here(capfd, table, "-o", tmp_path / "text.parquet", *light) == (0, "")
    assert pd.read_parquet(tmp_path / "text.parquet")["a"].dtype.kind == "f"
    (tmp_path / "no.parquet").write_bytes(b"not parquet at all")
    assert_refused(here(capfd, tmp_path / "no.parquet", "-o", tmp_path / "x.csv"), "is no Parquet file")
