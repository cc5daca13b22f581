#!/usr/bin/env python3
"""Contest graphs of ISPD 2020: ispd_table.py WAFERC FOLDER|FILE.kgraph... [--seed N] [--time-limit S] [--keep FOLDER]

Places each graph, checks the placement with `waferc place --check` in a process of its own, and prints a row each: time and objective beside
their lower bounds, seconds, the checker's verdict, and for the contest's inputs A to H the best objective found before (without adapters, by row
dynamic programming and slicing trees over many times and seeds; none published per input). Exits 1 when a placement is refused or the
checker's score is not the placer's. Standard library only."""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile

BEST_FOUND = {"A": 35743, "B": 66150, "C": 67676, "D": 36552, "E": 46735, "F": 80405, "G": 103647, "H": 62112}
PLACED = re.compile(r"time +([\d.e+]+), ([\d.]+) of the bound ([\d.e+]+)\nwirelength +([\d.e+]+)\nobjective +([\d.e+]+), ([\d.]+) of the bound")
CHECKED = re.compile(r": legal\n.*\ntime +([\d.e+]+)\nwirelength +([\d.e+]+)\nobjective +([\d.e+]+) ")


def graphs(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for name in sorted(os.listdir(path)):
            if name.endswith(".kgraph"):
                yield os.path.join(path, name)


def row(waferc, graph, paint, options):
    """Cells of the table's row, and whether all is well."""
    name = os.path.basename(graph)[:-len(".kgraph")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    placed = subprocess.run([waferc, "place", graph, "-o", paint, *options], capture_output=True, text=True, check=False)
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    if placed.returncode != 0:
        return [name, placed.stderr.strip().replace("\n", " ")], False
    checked = subprocess.run([waferc, "place", graph, "--check", paint], capture_output=True, text=True, check=False)
    p, c = PLACED.search(placed.stdout), CHECKED.search(checked.stdout)
    legal = checked.returncode == 0 and c is not None and (c[1], c[2], c[3]) == (p[1], p[4], p[5])
    best = BEST_FOUND.get(name)
    return [name, p[1], p[2], p[4], p[5], p[6], str(best or "-"), f"{100 * (float(p[5]) / best - 1):+.2f} %" if best else "-",
            f"{seconds:.0f}", "yes" if legal else "NO: " + checked.stderr.strip().replace("\n", " ")], legal


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("waferc")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--time-limit")
    parser.add_argument("--keep", help="a folder for the placements")
    args = parser.parse_args()
    options = ["--seed", args.seed] + (["--time-limit", args.time_limit] if args.time_limit else [])
    print("| graph | T | T / T_LB | wirelength | objective | objective / bound | best found before | against it | CPU s | legal |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for graph in graphs(args.paths):
            paint = os.path.join(args.keep or folder, os.path.basename(graph)[:-len(".kgraph")] + ".paint")
            cells, well = row(args.waferc, graph, paint, options)
            good = good and well
            print("| " + " | ".join(cells) + " |", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
