"""What is left when something goes wrong while results are written: the old files or the new ones, never a mixture.

FAULTS is how many processes are killed at random moments, and how many pairs race (ten by default); FAULTS_SEED is
the seed of the moments."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from impaug import files
from impaug.cli import main
from impaug.data import InputError
from impaug.files import check_targets, write_files
from impaug.partitions import whole_folder

kills = races = int(os.environ.get("FAULTS", 10))
seed = int(os.environ.get("FAULTS_SEED", 0))
names = ("a.csv", "b.png", "c.html")
length = 200_000


def write_on(folder, letters, turns, begun=None):
    "Three files of one letter, over and over; `begun` is an event to set first."
    with suppress(KeyboardInterrupt):
        if begun:
            begun.set()
        for turn in range(turns):
            letter = letters[turn % len(letters)]
            write_files(folder, dict.fromkeys(names, letter * length))


def started(folder, letters, turns=1_000_000, begun=None):
    "A process that writes on, and does not outlive this one."
    process = get_context("fork").Process(target=write_on, args=(folder, letters, turns, begun), daemon=True)
    process.start()
    return process


def in_new_interpreter(call, folder):
    "Call a function of this file in an interpreter without threads, where processes can be forked without harm."
    lines = ["import signal, sys, pathlib", "signal.signal(signal.SIGINT, signal.default_int_handler)"]
    lines += [f"sys.path.insert(0, {str(Path(__file__).parent)!r})", "import test_faults"]
    lines.append(f"test_faults.{call.__name__}(pathlib.Path({str(folder)!r}))")
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=600)


def contents(folder):
    "{name: the one letter of the file, or all that is in it}, of files that are not hidden."
    found = {}
    for path in folder.iterdir():
        if path.name[0] != ".":
            text = path.read_text()
            found[path.name] = text[0] if text == text[:1] * length else text
    return found


def after_signal(folder, number, seconds):
    "A process that writes on, ended by a signal after so many seconds; the files that it leaves are whole."
    begun = get_context("fork").Event()
    process = started(folder, "yx", begun=begun)
    assert begun.wait(60)  # before, Python itself drops an interrupt in what it runs after a fork
    time.sleep(seconds)
    os.kill(process.pid, number)
    process.join(60)
    assert set(contents(folder)) == set(names)
    assert set(contents(folder).values()) <= {"x", "y"}
    return process


def kill_many(folder):
    random = np.random.default_rng(seed)
    write_on(folder, "x", 1)
    for _ in range(kills):
        after_signal(folder, signal.SIGKILL, random.uniform(0, 0.1))
        for path in folder.glob(".*"):
            assert path.name.startswith(".impaug-")


def interrupt_many(folder):
    random = np.random.default_rng(seed)
    write_on(folder, "x", 1)
    for _ in range(kills):
        assert after_signal(folder, signal.SIGINT, random.uniform(0.05, 0.1)).exitcode == 0
        assert not list(folder.glob(".*"))


def race_many(folder):
    for _ in range(races):
        both = [started(folder, letter, 3) for letter in "xy"]
        for process in both:
            process.join(60)
            assert process.exitcode == 0
        found = contents(folder)
        assert set(found) == set(names) and len(set(found.values())) == 1
        assert not list(folder.glob(".*"))


@pytest.mark.parametrize("many", [kill_many, interrupt_many, race_many])
def test_kills_leave_whole_files_interrupts_no_temporary_ones_and_two_processes_do_not_mix(many, tmp_path):
    in_new_interpreter(many, tmp_path)


def test_files_are_moved_only_by_who_holds_the_lock(tmp_path):
    write_files(tmp_path, dict.fromkeys(names, "a"))
    with files.locked([tmp_path]):
        second = threading.Thread(target=write_files, args=(tmp_path, dict.fromkeys(names, "b")))
        second.start()
        second.join(1)
        assert second.is_alive()
        assert {name: (tmp_path / name).read_text() for name in names} == dict.fromkeys(names, "a")
    second.join(60)
    assert {name: (tmp_path / name).read_text() for name in names} == dict.fromkeys(names, "b")


def fail_at(monkeypatch, call, turn, reason):
    "The call `call` of `os` fails in its n-th turn; gives the turns that there were, a list."
    turns, real = [], getattr(os, call)

    def failing(*args, **kwargs):
        turns.append(args)
        if len(turns) == turn:
            raise reason
        return real(*args, **kwargs)

    monkeypatch.setattr(files.os, call, failing)
    return turns


@pytest.mark.parametrize("before", [{}, {"a.csv": "old", "c.html": "old"}, dict.fromkeys(names, "old")])
@pytest.mark.parametrize("call", ["replace", "open", "fsync", "link", "chmod"])
@pytest.mark.parametrize("reason", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_call_that_fails_leaves_all_as_it_was(tmp_path, monkeypatch, call, before, reason):
    for turn in range(1, 100):
        for path in tmp_path.iterdir():
            path.unlink()
        for name, text in before.items():
            (tmp_path / name).write_text(text)
        with monkeypatch.context() as patch:
            turns = fail_at(patch, call, turn, reason)
            try:
                write_files(tmp_path, dict.fromkeys(names, "new"))
            except (InputError, KeyboardInterrupt):
                assert contents(tmp_path) == before
            else:
                assert contents(tmp_path) == dict.fromkeys(names, "new")
        assert not list(tmp_path.glob(".*"))
        if len(turns) < turn:
            return
    raise AssertionError("the call never stopped failing")


@pytest.mark.parametrize("most", [0, 1, length - 1, length, length + 1])
def test_a_full_disk_leaves_all_as_it_was(tmp_path, most):
    (tmp_path / "a.csv").write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        with pytest.raises(InputError, match="out: cannot write"):
            write_files(tmp_path, {"a.csv": "x" * length, "b.csv": "x" * (length + 2)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == {"a.csv": "old"}
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_vanishes_is_one_refusal(tmp_path):
    def vanish(file):
        for path in (tmp_path / "gone").iterdir():
            path.unlink()
        (tmp_path / "gone").rmdir()

    with pytest.raises(InputError, match="out: cannot write"):
        write_files(tmp_path / "gone", {"a.csv": "x", "b.csv": vanish})


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_new_files_follow_the_umask_and_replaced_ones_keep_their_mode(tmp_path, umask, mode):
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o640)
    before = os.umask(umask)
    try:
        write_files(tmp_path, {"old": "x", "new": "x"})
        with whole_folder(tmp_path / "parts") as made:
            (made / "part").touch()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "parts").stat().st_mode) == 0o777 & ~umask


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path):
    (tmp_path / "old").touch()
    os.chown(tmp_path / "old", 12345, 23456)
    write_files(tmp_path, {"old": "x"})
    found = (tmp_path / "old").stat()
    assert (found.st_uid, found.st_gid) == (12345, 23456)


def test_pipes_and_devices_are_written_into_and_links_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("file")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_files(tmp_path, {"pipe": "x" * length, "link": "linked", "/dev/null": "nothing"})
    reader.join(timeout=300)
    assert got == [b"x" * length] and (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "linked"
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(InputError, match="out: cannot write /dev/full"):
        write_files(tmp_path, {"/dev/full": "x"})


def test_no_target_is_an_input_or_named_twice_or_out_of_reach(tmp_path):
    source, loop = tmp_path / "in.csv", tmp_path / "loop"
    source.touch()
    (tmp_path / "hard").hardlink_to(source)
    (tmp_path / "soft").symlink_to(source)
    loop.symlink_to(loop)
    for path in (source, tmp_path / "hard", tmp_path / "soft", loop, tmp_path / ("x" * 300), tmp_path):
        with pytest.raises(InputError, match="^json: "):
            check_targets({"json": path}, [source])
    with pytest.raises(InputError, match="^plot: .* is named for two outputs"):
        check_targets({"out": tmp_path / "new", "plot": f"{tmp_path}/./new"})


@pytest.mark.parametrize(
    "options, words",
    [
        (["report", "--data", "notes.txt", "--json", "notes.txt"], "json: is the input itself"),
        (["report", "--json", "out/report-nmi.png"], "json: report-nmi.png is the name of a figure"),
        (["study", "--checkpoint", "notes.txt", "--keel", "none"], "checkpoint: notes.txt is damaged or not"),
        (["study", "--checkpoint", "notes.txt", "--json", "notes.txt"], "json: is the input itself"),
    ],
)
def test_no_command_writes_over_what_it_reads_or_did_not_write(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("my notes")
    with pytest.raises(SystemExit) as end:
        main([*options, "--out", "out"])
    assert end.value.code == 2 and words in capsys.readouterr().err
    assert Path("notes.txt").read_text() == "my notes"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
