"""Run a command and say as JSON how long it took and how much memory it held: `python benchmarks/watch.py COMMAND`.

This is a small process of its own, because the kernel lets a child's peak begin with the memory of who started it.
"""

import json
import os
import subprocess
import sys
import time

import psutil  # comes with distributed, which is one of the development requirements

seconds_between = 0.1
MB = 1024**2


def held_by(process):
    "Command line of a process, bytes of its own (USS), and with its part of what is shared (PSS); None if it ended."
    try:
        memory = process.memory_full_info()
        return " ".join(process.cmdline()), memory.uss, memory.pss
    except psutil.Error:
        return None


def family_of(pid):
    "The process and all that it started, and these, and so on: a list."
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def watch(command):
    """What there was to see of a command: a dict, all memory in MB.

    `peak_uss` and `peak_pss` are the largest sums over its processes, looked at ten times a second, and `processes`
    has the peaks of each. `peak_rss` is the kernel's, of the one that was started."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=sys.stderr)
    peak_uss = peak_pss = 0
    processes = {}
    while True:
        ended, status, usage = os.wait4(child.pid, os.WNOHANG)
        seconds = time.perf_counter() - start
        if ended:
            break
        sum_uss = sum_pss = 0
        for process in family_of(child.pid):
            held = held_by(process)
            if held is None:
                continue
            line, uss, pss = held
            seen = processes.setdefault(process.pid, dict(command=line, peak_uss=0, peak_pss=0))
            seen["command"] = line or seen["command"]  # the parent's just after a fork, and none just before the end
            seen["peak_uss"] = max(seen["peak_uss"], uss / MB)
            seen["peak_pss"] = max(seen["peak_pss"], pss / MB)
            sum_uss += uss / MB
            sum_pss += pss / MB
        peak_uss, peak_pss = max(peak_uss, sum_uss), max(peak_pss, sum_pss)
        time.sleep(seconds_between)
    child.returncode = os.waitstatus_to_exitcode(status)
    return dict(
        code=child.returncode,
        seconds=seconds,
        peak_uss=peak_uss,
        peak_pss=peak_pss,
        peak_rss=usage.ru_maxrss / 1024,  # which Linux gives in KB
        processes=list(processes.values()),
    )


if __name__ == "__main__":
    seen = watch(sys.argv[1:])
    print(json.dumps(seen))
    sys.exit(seen["code"])
