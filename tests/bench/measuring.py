"""What the tables of tests/bench share: processes measured, figures as people read them, markdown."""
import json
import os
import re
import subprocess
import tempfile
import time

ERROR = re.compile(r"max \|y - ref\| / max \|ref\| (\S+) \(limit \S+\): (\w+)")


class Failed(Exception):
    pass


def measured(command, may_fail=False):
    """(status, text of both outputs, (seconds, of these on a CPU), peak bytes) of a process."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    if child.returncode and not may_fail:
        raise Failed(f"{' '.join(command[1:3])} ..: exit {child.returncode}: {text.strip()[-300:]}")
    return child.returncode, text, (seconds, usage.ru_utime + usage.ru_stime), usage.ru_maxrss * 1024


def verdict(status, text):
    """Whether all outputs that a run with --compare spoke of are right, and the largest error relative to the largest value."""
    results = ERROR.findall(text)
    if not results:
        raise Failed(f"run: exit {status}: {text.strip()[-300:]}")
    return status == 0 and all(word == "pass" for _, word in results), max(float(error) for error, _ in results)


def thousands(value):
    return f"{value:,.0f}".replace(",", " ")


def cost(seconds, peak):
    return f"{seconds[0]:.1f} s ({seconds[1]:.1f} s CPU), {peak / 2**30:.2f} GiB"


def percent(value, of):
    return f"{100 * (value / of - 1):+.1f} %"


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def row(cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def heading(cells):
    return row(cells) + "\n" + "|---" * len(cells) + "|"
