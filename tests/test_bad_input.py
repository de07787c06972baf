"Hostile input: options, paths and files that cannot be used end in one line, with code 2, and nothing is written."

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

import impaug.checks
import impaug.cli
from command import assert_refused, here
from impaug.cli import main
from impaug.data import InputError, _bundled_table, load_wisconsin

light = ["--restarts", "4", "--quiet"]
nothing_learned = ["balance_table", "balance_parts", "run_preset", "run_study"]


@pytest.fixture
def folder(monkeypatch):
    "The folder one is in, with a table of one column; nothing may be learned from there."
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        os.chmod(name, 0o777)
        yield prepared(Path(name), monkeypatch)
        os.chdir("/")


def prepared(folder, monkeypatch):

    def learned(*args, **kwargs):
        raise AssertionError("learned before it was refused")

    values = np.random.default_rng(0).normal(size=60) + 6 * (np.arange(60) < 20)
    pd.DataFrame({"a": values.round(3)}).to_csv(folder / "in.csv", index=False)
    for name in nothing_learned:
        monkeypatch.setattr(impaug.cli, name, learned)
    monkeypatch.chdir(folder)
    return folder


def run(capfd, *args):
    "Exit code and standard error of any command, run in this process."
    with pytest.raises(SystemExit) as end:
        main(list(map(str, args)))
    return end.value.code, capfd.readouterr().err


def small_memory(monkeypatch, size):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=size))


def test_one_column_is_drawn_and_written_about(folder, capfd, monkeypatch):
    monkeypatch.undo()
    outputs = ["-o", folder / "out.csv", "--plot", folder / "out.png", "--report", folder / "out.html"]
    assert here(capfd, folder / "in.csv", *outputs, *light)[0] == 0
    assert (folder / "out.png").stat().st_size > 10_000 and "<svg" not in (folder / "out.html").read_text()


@pytest.mark.parametrize(
    "args, words",
    [
        (["balance", "in.csv", "-o", "o.csv", "--seed", "4294967296"], "--seed: 4294967296 is not in the range 0<=x<="),
        (["balance", "in.csv", "-o", "o.csv", "--seed", "-1"], "--seed: -1 is not in the range"),
        (["balance", "in.csv", "-o", "o.csv", "--seed", "1" * 5000], "--seed: "),
        (["report", "--seeds", "2", "--seed", "4294967295"], "--seed: the last seed would be 4294967296"),
        (["study", "--seed", "4294967295", "--seeds", "50"], "--seed: the last seed would be 4294967344"),
        (["report", "--seeds", "1000000000000"], "--seeds: 1000000000000 is not in the range 1<=x<=10000"),
        (["study", "--seeds", "1000000000000"], "--seeds: 1000000000000 is not in the range 1<=x<=10000"),
        (["balance", "in.csv", "-o", "o.csv", "--restarts", "1000000000"], "is not in the range 1<=x<=10000"),
        (["report", "--jobs", "0"], "--jobs: 0 is no number of processes"),
        (["study", "--jobs=0"], "--jobs: 0 is no number of processes"),
        (["balance", "in.csv", "-o", "o.csv", "--sep", "\0"], "--sep: '\\x00' is not one character"),
        (["balance", "in.csv", "-o", "o.csv", "--jobs", "0"], "--jobs: 0 is no number of processes"),
        (
            ["balance", "in.csv", "-o", "o.csv", "--jobs", "99999999"],
            "--jobs: 99999999 processes do not fit into memory",
        ),
        (["balance", "in.csv", "-o", "s3://bucket/out.csv"], "-o: s3://bucket/out.csv is a URL"),
        (["report", "--out", "s3://bucket/out"], "--out: s3:/bucket/out is a URL"),
        (["report", "--data", "s3://bucket/table"], "--data: cannot read s3://bucket/table"),
        (["balance", "gs://bucket/in.csv", "-o", "o.csv"], "IN: gs://bucket/in.csv is a URL"),
        (["balance", "in.csv", "-o", ""], "-o: is empty"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_options_beyond_their_range_are_refused_before_anything_is_learned(folder, capfd, args, words):
    assert_refused(run(capfd, *args), words)
    assert os.listdir(folder) == ["in.csv"]


paths = [
    ("IN", ["balance", "{}", "-o", "out.csv"]),
    ("-o", ["balance", "in.csv", "-o", "{}"]),
    ("--out", ["balance", "in.csv", "--out={}"]),
    ("--plot", ["balance", "in.csv", "-o", "out.csv", "--plot", "{}"]),
    ("--report", ["balance", "in.csv", "-o", "out.csv", "--report", "{}"]),
    ("--out", ["report", "--out", "{}"]),
    ("--json", ["report", "--json", "{}"]),
    ("--data", ["report", "--data", "{}"]),
    ("--out", ["study", "--out", "{}"]),
    ("--json", ["study", "--json", "{}"]),
    ("--checkpoint", ["study", "--checkpoint", "{}"]),
]


@pytest.mark.parametrize("option, args", paths, ids=lambda value: value if isinstance(value, str) else value[0])
def test_paths_that_cannot_be_name_the_option_as_it_was_typed(folder, capfd, option, args):
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "shut").mkdir(mode=0)
    before = sorted(os.listdir(folder))
    user = os.geteuid()
    for name, words in [
        ("x" * 300 + ".csv", "File name too long"),
        ("loop.csv", "Too many levels of symbolic links"),
        ("loop.csv/x.csv", "Too many levels of symbolic links"),
        ("shut/x.csv", "Permission denied"),
        ("in.csv/x.csv", "Not a directory"),
    ]:
        if words == "Permission denied" and user == 0:
            os.seteuid(65534)  # root may enter any folder
        try:
            outcome = run(capfd, *[arg.format(name) for arg in args])
        finally:
            os.seteuid(user)
        assert_refused(outcome, words)
        assert outcome[1].startswith(f"impaug: {option}: "), outcome
    assert sorted(os.listdir(folder)) == before


def test_the_option_is_named_as_it_was_typed(folder, capfd):
    for typed in (["-o", "in.csv"], ["--out", "in.csv"], ["--out=in.csv"]):
        name = typed[0].partition("=")[0]
        assert run(capfd, "balance", "in.csv", *typed)[1].startswith(f"impaug: {name}: is the input itself")
    for args, start in [
        (["in.csv", "-o", "x.xlsx"], "-o: cannot tell the format"),
        (["none.csv", "-o", "x.csv"], "IN: cannot read none.csv"),
        (["in.csv", "-ox.csv", "--plot", "x.gif"], "--plot: '.gif' is not one of"),
        (["in.csv", "-ox.csv", "--as", "a=b"], "--as: 'b' is not one of"),
        (["in.csv", "-ox.csv", "--groups", "two"], "--groups: 'two' is no number"),
        (["in.csv", "-ox.csv", "--sep", "ab"], "--sep: 'ab' is not one character"),
    ]:
        assert_refused(run(capfd, "balance", *args), f"impaug: {start}")


def packed(suffix, data, path):
    "`data` packed as `suffix` says: bytes."
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("table.data", data)
    elif suffix == ".tar":
        with tarfile.open(path, "w") as archive:
            member = tarfile.TarInfo("table.data")
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    else:
        path.write_bytes({".gz": gzip, ".bz2": bz2, ".xz": lzma}[suffix].compress(data))
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zip", ".tar"])
def test_packed_tables_are_read_whole_or_refused(folder, capfd, suffix):
    path, given = folder / f"table{suffix}", _bundled_table().read_bytes()
    whole = packed(suffix, given, path)
    assert load_wisconsin(path).frame.equals(load_wisconsin().frame)
    rng = np.random.default_rng(0)
    for _ in range(20):
        damaged = bytearray(whole)
        damaged[int(rng.integers(10))] ^= 0xFF
        for content in (whole[: int(rng.integers(len(whole) // 2))], bytes(damaged)):
            path.write_bytes(content)
            try:
                load_wisconsin(path)
            except InputError:
                continue
            assert content != whole[: len(content)], "half a table passed"
    path.write_bytes(whole[: len(whole) // 2])
    assert_refused(run(capfd, "report", "--data", path), f"--data: cannot read {path}")


def test_data_that_is_endless_infinite_or_a_bomb_is_refused(folder, capfd):
    lines = _bundled_table().read_text().splitlines()
    (folder / "inf.data").write_text("\n".join(["1,inf" + lines[0][len("1000025,5") :], *lines[1:]]))
    (folder / "bomb.xz").write_bytes(lzma.compress(bytes(10**8 + 1), preset=0))
    assert_refused(run(capfd, "report", "--data", "inf.data"), "--data: inf.data holds infinite values")
    assert_refused(
        run(capfd, "report", "--data", "bomb.xz"), "--data: cannot read bomb.xz as UCI's table (it holds more"
    )
    assert_refused(
        run(capfd, "report", "--data", "/dev/zero"), "--data: cannot read /dev/zero as UCI's table (it holds"
    )
    assert_refused(run(capfd, "report", "--data", "table.zst"), "--data: cannot read table.zst")


def test_a_small_file_does_not_take_the_machine(folder, capfd, monkeypatch):
    column = pa.array(np.zeros(10**6))
    writer = parquet.ParquetWriter(folder / "long.parquet", pa.schema([("a", pa.float64())]))
    for _ in range(40):
        writer.write_table(pa.table({"a": column}))
    writer.close()
    assert (folder / "long.parquet").stat().st_size < 200_000
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10**6, np.int32)), pa.array(["x" * 10**6]))
    parquet.write_table(pa.table({"a": words}), folder / "texts.parquet")
    small_memory(monkeypatch, 2e9)
    outcome = here(capfd, "long.parquet", "-o", "out.csv")
    assert_refused(
        outcome, "IN: long.parquet, of 40000000 rows and 1 columns, needs at least 7.68 GB of memory, and 2 GB"
    )
    assert_refused(here(capfd, "texts.parquet", "-o", "out.csv"), "IN: texts.parquet")
    small_memory(monkeypatch, 1e6)
    (folder / "wide.csv").write_bytes(b"a,b\n" + b"1,2\n" * 10**5)
    assert_refused(here(capfd, "wide.csv", "-o", "out.csv"), "IN: wide.csv needs at least 0.0024 GB of memory")
    small_memory(monkeypatch, 3e6)
    assert_refused(here(capfd, "wide.csv", "-o", "out.csv"), "IN: wide.csv, of about 200002 cells, needs at least")


def test_limits_of_process_and_container_count_as_memory(folder, monkeypatch):
    monkeypatch.setattr(impaug.checks, "container", folder)
    without = impaug.checks.free_memory()
    (folder / "memory.max").write_text("3000000\n")
    (folder / "memory.current").write_text("2500000\n")
    (folder / "memory.stat").write_text("anon 1000000\ninactive_file 400000\n")
    assert impaug.checks.free_memory() == 900_000 < without
    (folder / "memory.max").write_text("max\n")
    assert impaug.checks.free_memory() > 1e8
    limited = """
import resource, psutil, impaug.checks
bound = psutil.Process().memory_info().vms + 300_000_000
resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
assert 0 < impaug.checks.free_memory() <= 300_000_000, impaug.checks.free_memory()"""
    subprocess.run([sys.executable, "-c", limited], check=True)


def test_what_has_no_end_is_refused(folder, capfd, monkeypatch):
    (folder / "zero.csv").symlink_to("/dev/zero")
    assert_refused(here(capfd, "zero.csv", "-o", "out.csv"), "IN: zero.csv is a device without an end")
    small = """
import psutil, types, impaug.cli
psutil.virtual_memory = lambda: types.SimpleNamespace(available=1e8)
impaug.cli.main()"""
    command = [sys.executable, "-c", small]
    with subprocess.Popen(["yes", "1,2"], stdout=subprocess.PIPE) as endless:
        ran = subprocess.run(
            [*command, "balance", "-", "-o", "-"], stdin=endless.stdout, capture_output=True, timeout=60
        )
        endless.kill()
    assert ran.returncode == 2 and b"impaug: IN: standard input needs at least" in ran.stderr, ran.stderr


def test_every_preset_finds_several_groups_under_every_seed(folder, capfd, monkeypatch):
    monkeypatch.undo()
    for preset in ("report", "steady"):
        args = ["-o", folder / "out.csv", "--preset", preset, "--groups", "3", "--seed", "4294967295", *light]
        code, said = here(capfd, folder / "in.csv", *args)
        assert code == 0, said
        assert all(line.startswith("warning: ") and ".py" not in line for line in said.splitlines()), said


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_of_any_length_comes_back(folder, capfd, monkeypatch, quote):
    monkeypatch.undo()
    table = pd.read_csv(folder / "in.csv").assign(name=[f"{i}" + "y" * (200_000 if i == 7 else 3) for i in range(60)])
    lines = [f"{a},{quote}{name}{quote}\n" for a, name in zip(table["a"], table.name)]
    (folder / "long.csv").write_text("a,name\n" + "".join(lines))
    assert here(capfd, folder / "long.csv", "-o", folder / "out.csv", "--id", "name", *light)[0] == 0
    assert pd.read_csv(folder / "out.csv").name[:60].tolist() == table.name.tolist()


def test_a_table_that_memory_does_not_hold_costs_one_line(folder, monkeypatch, capfd):
    def no_memory(*args, **kwargs):
        raise pa.lib.ArrowMemoryError("malloc failed")

    (folder / "table.csv").write_text("a,b\n1,2\n3,4\n")
    monkeypatch.setattr(impaug.cli, "read_table", no_memory)
    assert_refused(here(capfd, folder / "table.csv", "-o", folder / "out.csv"), "too little memory for this table")
    assert not (folder / "out.csv").exists()
