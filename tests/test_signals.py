"How the command ends: by a signal in any phase, with standard streams that are closed or full, with an odd backend."

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

INTERRUPTED = "impaug: interrupted; nothing was written"
# What runs before `main`: `hold` says so and stays, in steps of Python or in one long call of compiled code.
HOLD = """
import hashlib, importlib.abc, sys, time
from impaug.start import main

class Import(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *rest):
        return hold() if name == "impaug.cli" else None

def hold(*args, **kwargs):
    print("held", flush=True)
    while {steps}:
        time.sleep(0.01)
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 10**9)
"""
PHASES = {
    "import": "sys.meta_path.insert(0, Import())",
    "reading": "import impaug.cli; impaug.cli.read_table = hold",
    "learning": "import impaug.cli; impaug.cli.balance_table = hold",
    "writing": "import impaug.files; impaug.files.os.fsync = hold",
}


@pytest.fixture
def table(tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 2)) + 6 * (np.arange(60) < 15)[:, None]
    pd.DataFrame(rows, columns=["a", "b"]).to_csv(tmp_path / "in.csv", index=False)
    return tmp_path / "in.csv"


def program(*before):
    "Arguments that start the command as its console script does, after these lines."
    return [sys.executable, "-c", "\n".join(["from impaug.start import main", *before, "main()"])]


def heed_signals():
    "Take signals that whoever runs the tests ignores, as nohup and a job in the background do."
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize(
    "phase, number, steps, jobs",
    [
        ("import", signal.SIGINT, True, 1),
        ("reading", signal.SIGHUP, False, 1),
        ("learning", signal.SIGINT, False, 1),
        ("writing", signal.SIGTERM, True, 1),
        ("writing", signal.SIGINT, False, 1),
        ("writing", signal.SIGINT, False, 2),
    ],
)
def test_a_signal_ends_any_phase_with_one_line_and_leaves_nothing(phase, number, steps, jobs, table, tmp_path):
    at_work = subprocess.Popen(
        [*program(HOLD.format(steps=steps), PHASES[phase]), "balance", table, "-o", tmp_path / "out.csv"]
        + ["--restarts", "4", "--jobs", str(jobs), "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,
    )
    try:
        assert at_work.stdout.readline() == "held\n"
        at_work.send_signal(number)
        said = at_work.communicate(timeout=120)[1]
    finally:
        at_work.kill()
    assert at_work.returncode == 128 + number
    assert [line for line in said.splitlines() if line and not line.startswith("warning:")] == [INTERRUPTED]
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    "command, streams, code, words",
    [
        ("--help", "> /dev/full", 2, "standard output does not take"),
        ("--version", ">&- 2>&- <&-", 0, ""),
        ("report --nonsense", "2> /dev/full", 2, ""),
        ("balance - -o -", ">&-", 2, "-o: standard output is closed"),
        ("balance - -o x.csv", "<&-", 2, "standard input is empty"),
    ],
)
def test_closed_and_full_streams_cost_one_line(command, streams, code, words, tmp_path):
    shell = f'exec "$0" "$@" {command} {streams}'
    ran = subprocess.run(["bash", "-c", shell, *program()], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ran.returncode == code and words in ran.stderr, ran
    assert len(ran.stderr.splitlines()) == bool(words), ran
    assert not list(tmp_path.iterdir())


def test_an_unknown_backend_of_matplotlib_does_no_harm(tmp_path):
    odd = os.environ | {"MPLBACKEND": "bogus"}
    ran = subprocess.run([*program(), "--version"], env=odd, capture_output=True, text=True, timeout=300)
    assert (ran.returncode, ran.stderr) == (0, "")
