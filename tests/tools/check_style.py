#!/usr/bin/env python3
"""House style that no other tool checks: check_style.py ROOT

File lengths (over 600 lines: a note; over 800: an error), file names unique in the tree (a note), a README.md in every layer's
folder, and error codes used in one folder only. Exits 1 when there is an error. Standard library only.
"""

import os
import re
import sys

FOLDERS = ["support", "ir", "passes", "frontend", "runtime", "backend", "report", "cli", "tests", "include"]
README_FOLDERS = ["support", "ir", "passes", "frontend", "runtime/program", "runtime/sim", "runtime/host", "backend", "cli"]
CODE = re.compile(r'"(WFC-[EWN][0-9]{4})"')


def sources(root):
    for top in FOLDERS:
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def layer(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "runtime" else parts[0]


def main(root):
    errors, owner, place = [], {}, {}
    for path in sources(root):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        lines = text.count("\n")
        if lines > 800:
            errors.append(f"{path}: {lines} lines, split it")
        elif lines > 600:
            print(f"note: {path}: {lines} lines ask for a second look")
        name = os.path.basename(path)
        if name in place and not path.startswith("tests/"):
            print(f"note: {path}: the file name is used before, by {place[name]}")
        place.setdefault(name, path)
        if path.endswith(".c") and not path.startswith("tests/"):
            for code in CODE.findall(text):
                if owner.setdefault(code, layer(path)) != layer(path):
                    errors.append(f"{path}: {code} is used by {owner[code]} for something else")
    for folder in README_FOLDERS:
        if os.path.isdir(os.path.join(root, folder)) and not os.path.isfile(os.path.join(root, folder, "README.md")):
            errors.append(f"{folder}: has no README.md")
    for line in errors:
        print(line)
    return 1 if errors or not place else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
