#!/usr/bin/env python3
"""Who may include whom, and which symbols the runtime may need.

    check_layers.py includes ROOT
    check_layers.py symbols --allowed LIB.a ... --forbidden LIB.a ... --checked LIB.a ...
    check_layers.py self-test

`includes` reads every #include in the source folders against ALLOWED below. `symbols` asks nm: no symbol that a checked
library lacks may come from a forbidden one, and every wfc_ symbol must be in an allowed one. Exits 1 with a line for
each violation. Standard library only.
"""

import os
import re
import subprocess
import sys
import tempfile

# Layer -> the layers it may include. A layer is the longest of these prefixes of a path.
ALLOWED = {
    "support": [],
    "ir": ["support"],
    "passes": ["ir", "support"],
    "frontend": ["ir", "support"],
    "runtime/program": ["support"],
    "runtime/sim": ["runtime/program", "support"],
    "runtime/fast": ["runtime/sim", "runtime/program", "support"],
    "runtime/host": ["runtime/sim", "runtime/program", "support"],
    "backend": ["ir", "runtime/program", "support"],
    "report": ["runtime/program", "support"],
    "cli": ["support", "ir", "passes", "frontend", "backend", "runtime/program", "runtime/sim", "runtime/fast",
            "runtime/host", "report"],
}
# Headers from outside that belong to one place: the pattern and who may include it.
OUTSIDE = [
    (re.compile(r"^metis\.h$"), ["backend/place/part_metis.c"]),
    (re.compile(r"^yaml\.h$"), ["cli/recipe.c"]),
    (re.compile(r"onnx.*\.pb-c\.h$"), ["frontend/"]),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path):
    parts = path.split("/")
    for n in (2, 1):
        name = "/".join(parts[:n])
        if len(parts) > n and name in ALLOWED:
            return name
    return None


def check_include(path, bracket, target):
    """What is wrong with this include in the file `path`, or None."""
    for pattern, places in OUTSIDE:
        if pattern.search(target) and not any(path == p or (p.endswith("/") and path.startswith(p)) for p in places):
            return f"only {' '.join(places)} may include {target}"
    if bracket == "<":
        return None
    layer, other = layer_of(path), layer_of(target)
    if other is None:
        return None if "/" not in target else f"{target} lies in no layer"
    if other != layer and other not in ALLOWED[layer]:
        return f"{layer} may not include {other} ({target})"
    return None


def check_includes(root):
    found, files = [], 0
    for layer in ALLOWED:
        for folder, _, names in os.walk(os.path.join(root, layer)):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                full = os.path.join(folder, name)
                path = os.path.relpath(full, root)
                files += 1
                with open(full, encoding="utf-8") as f:
                    for number, line in enumerate(f, 1):
                        match = INCLUDE.match(line)
                        wrong = match and check_include(path, match.group(1), match.group(2))
                        if wrong:
                            found.append(f"{path}:{number}: {wrong}")
    if files == 0:
        found.append(f"{root}: holds no sources")
    return found


def symbols(library, what):
    """External symbols of a static library: what is '--defined-only' or '--undefined-only'."""
    text = subprocess.run(["nm", "-g", what, library], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in text.splitlines() if line.strip() and not line.endswith(":")}


def check_symbols(allowed, forbidden, checked):
    found = []
    own = set().union(*(symbols(lib, "--defined-only") for lib in allowed + checked))
    foreign = set().union(set(), *(symbols(lib, "--defined-only") for lib in forbidden)) - own
    for library in checked:
        for name in sorted(symbols(library, "--undefined-only") - own):
            if name in foreign or name.startswith(("wfc_", "onnx__", "METIS_")):
                found.append(f"{os.path.basename(library)}: needs {name}, which the runtime may not have")
    return found


def self_test():
    """A tree with known violations: each is found, and nothing else."""
    files = {
        "runtime/sim/a.c": '#include "ir/graph.h"\n#include "runtime/program/program.h"\n',
        "runtime/program/b.h": '#include "runtime/sim/sim.h"\n',
        "passes/c.c": '#include <metis.h>\n#include "ir/graph.h"\n',
        "backend/place/part_metis.c": "#include <metis.h>\n",
        "ir/d.c": '# include "onnx.pb-c.h"\n#include "unknown/x.h"\n#include "local.h"\n',
        "frontend/e.c": '#include "onnx.pb-c.h"\n#include <stdio.h>\n',
        "cli/f.c": '#include "runtime/host/run.h"\n#include "backend/compile.h"\n',
    }
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        found = {line.rsplit(": ", 1)[0] for line in check_includes(root)}
    expected = {"runtime/sim/a.c:1", "runtime/program/b.h:1", "passes/c.c:1", "ir/d.c:1", "ir/d.c:2"}
    return [f"self-test: {line} is wrong" for line in sorted(found ^ expected)]


def main(argv):
    if argv[1:2] == ["includes"] and len(argv) == 3:
        found = check_includes(argv[2])
    elif argv[1:] == ["self-test"]:
        found = self_test()
    elif argv[1:2] == ["symbols"]:
        groups = {"--allowed": [], "--forbidden": [], "--checked": []}
        group = None
        for word in argv[2:]:
            if word in groups:
                group = groups[word]
            else:
                group.append(word)
        found = check_symbols(groups["--allowed"], groups["--forbidden"], groups["--checked"])
    else:
        sys.exit(__doc__)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
