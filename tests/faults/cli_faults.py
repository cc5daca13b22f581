#!/usr/bin/env python3
"""Bad input as the command line's user meets it: every case with its exit status and message (issue 2, "Bad input").

    cli_faults.py WAFERC [--table] [--only TEXT]

Runs all cases of cli_cases.py in a folder of its own and ends with 1 when one of them is not as expected. --table prints
`case | exit | message`. Of every command it is checked that it ends in time with the expected status, that it is not a
sanitizer's report, that each message has the form of a message and shows the expected text, that no byte that could
repaint a terminal is printed, and that nothing stays behind in the folder. Standard library only.
"""

import argparse
import os
import resource
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the source tree

import cli_cases
from cli_bench import Bench, Failed

MOST_MEMORY_KIB = 2 << 20  # of any command, under a sanitizer


def first_message(text):
    """For the table: the first error in full, long lists cut."""
    lines = text.strip().splitlines()
    errors = [i for i, line in enumerate(lines) if line.startswith("waferc: error")]
    if not errors:
        return lines[0] if lines else ""
    at = errors[0]
    shown = [lines[at]] + [line.strip() for line in lines[at + 1:at + 7] if line.startswith("    ")]
    rest = len(lines) - at - len(shown)
    return " / ".join(shown) + (f" (and {rest} more lines)" if rest > 0 else "")


def run_case(bench, case):
    """Returns (exit status as text, message)."""
    before = set(os.listdir(bench.folder))
    if case.function:
        shown = case.function(bench)
    else:
        shown = bench.expect(case.args, case.status, case.fragment)
    left = set(os.listdir(bench.folder)) - before
    if left:
        raise Failed(f"left behind: {sorted(left)}")
    return str(case.status), first_message(shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waferc")
    parser.add_argument("--table", action="store_true", help="print every case with its exit status and message")
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    args = parser.parse_args()
    failures = ran = 0
    with tempfile.TemporaryDirectory(prefix="waferc faults ") as folder:
        os.chmod(folder, 0o755)
        bench = Bench(os.path.abspath(args.waferc), folder)
        cli_cases.write_files(bench)
        if args.table:
            print("case | exit | message\n---|---|---")
        for case in cli_cases.cases(bench):
            if args.only not in case.name:
                continue
            ran += 1
            try:
                status, message = run_case(bench, case)
            except (Failed, OSError) as e:
                failures += 1
                print(f"FAILED: {case.name}: {e}", file=sys.stderr, flush=True)
                continue
            if args.table:
                print(f"{case.name} | {status} | {message.replace('|', '&#124;')}", flush=True)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if most > MOST_MEMORY_KIB:
        failures += 1
        print(f"FAILED: a command took {most} KiB of memory, at most {MOST_MEMORY_KIB} are allowed", file=sys.stderr)
    print(f"{ran} cases, {bench.commands} commands, {failures} failures", file=sys.stderr)
    sys.exit(1 if failures or not ran else 0)


if __name__ == "__main__":
    main()
