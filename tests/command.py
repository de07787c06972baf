"The command as a test calls it, and what a refusal looks like."

import pytest

from impaug.cli import main


def here(capfd, *args):
    "Exit code and standard error of the command, run in this process."
    with pytest.raises(SystemExit) as end:
        main(["balance", *map(str, args)])
    return end.value.code, capfd.readouterr().err


def assert_refused(outcome, words, code=2):
    assert outcome[0] == code and words in outcome[1], outcome
    line = outcome[1].strip()
    assert line.startswith("impaug: ") and "\n" not in line, outcome
