"What pytest says at its end: which tests were skipped here, why, and what to install to run them."

from collections import Counter

INSTALL = {
    "Chromium": "Chromium on the PATH (Debian: apt-get install chromium)",
}


def pytest_terminal_summary(terminalreporter):
    skipped = [report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])]
    for reason, times in Counter(skipped).items():
        needs = [what for word, what in INSTALL.items() if word.lower() in reason.lower()]
        advice = f"to run them, install {needs[0]}" if needs else "nothing to install"
        tests = "1 test" if times == 1 else f"{times} tests"
        terminalreporter.write_line(f"{tests} skipped: {reason}; {advice}.", yellow=True)
