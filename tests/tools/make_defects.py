#!/usr/bin/env python3
"""Writes a file of defects for `waferc compile --defects FILE`: random dead PEs, dead links, dead row or column segments.

    make_defects.py WIDTH HEIGHT [--seed N] [--rate R] [--link-rate R] [--cluster X,Y,W,H]...
                    [--row X,Y,LENGTH]... [--column X,Y,LENGTH]... [-o FILE] [--target FROM.json]

The same arguments give the same file. --target: writes a whole target, a copy of that JSON file with these defects.
"""

import argparse
import json
import random
import sys


def numbers(count):
    def parse(text):
        values = [int(v) for v in text.split(",")]
        if len(values) != count:
            raise argparse.ArgumentTypeError(f"'{text}': expected {count} numbers")
        return values

    return parse


def dead_pes(args, rng):
    dead = set()
    for y in range(args.height):
        for x in range(args.width):
            if rng.random() < args.rate:
                dead.add((y, x))
    for x, y, w, h in args.cluster:
        dead |= {(y + j, x + i) for j in range(h) for i in range(w)}
    for x, y, n in args.row:
        dead |= {(y, x + i) for i in range(n)}
    for x, y, n in args.column:
        dead |= {(y + i, x) for i in range(n)}
    return sorted((y, x) for y, x in dead if 0 <= x < args.width and 0 <= y < args.height)


def dead_links(args, rng):
    links = []
    for y in range(args.height):
        for x in range(args.width):
            for port in "NESW":
                exists = not (port == "N" and y == 0) and not (port == "S" and y + 1 == args.height)
                if rng.random() < args.link_rate and exists:
                    links.append([x, y, port])
    return links


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("width", type=int)
    p.add_argument("height", type=int)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--rate", type=float, default=0.0, help="of dead PEs, 0 to 1")
    p.add_argument("--link-rate", type=float, default=0.0, help="of dead links, each direction for itself")
    p.add_argument("--cluster", type=numbers(4), action="append", default=[])
    p.add_argument("--row", type=numbers(3), action="append", default=[])
    p.add_argument("--column", type=numbers(3), action="append", default=[])
    p.add_argument("--target", help="a target's JSON file to copy")
    p.add_argument("-o", "--output")
    args = p.parse_args()
    rng = random.Random(args.seed)
    result = {}
    if args.target:
        with open(args.target, encoding="utf-8") as f:
            result = json.load(f)
    result["bad_pes"] = [[x, y] for y, x in dead_pes(args, rng)]
    result["bad_links"] = dead_links(args, rng)
    text = json.dumps(result, separators=(",", ":")) + "\n"
    if args.output:
        with open(args.output, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
