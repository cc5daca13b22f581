#!/usr/bin/env python3
"""Peak memory of an import: import_memory.py WAFERC [MODEL.onnx...]

Runs `waferc inspect` on each model and on one that it makes, whose weights are 3 GB of external data in a sparse file, and prints
bytes of weights, peak resident memory and time. Ends with 1 where the peak is more than the weights once and 200 MB. The resident
memory counts pages of mapped weights that were read. Standard library only."""

import argparse
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))

import cli_files as files

ALLOWED = 200 * 10**6  # bytes beyond the weights


def measured(waferc, model):
    """(peak bytes, seconds, what it said of the weights, of the import)"""
    read, write = os.pipe()
    start = time.time()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(write, 1)
        os.execv(waferc, [waferc, "inspect", model])
    os.close(write)
    with os.fdopen(read) as f:
        text = f.read()
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"waferc inspect {model} failed")
    lines = [line for line in text.splitlines() if line.startswith(("initializers:", "import:"))]
    return usage.ru_maxrss * 1024, time.time() - start, lines


def external(folder, layers, width):
    """`layers` dense layers of width x width, all weights in one file of holes; returns the model's path and the bytes."""
    nodes, weights, at, size = [], [], "x", 4 * width * width
    for i in range(layers):
        told = b"".join(files.field(13, files.field(1, k) + files.field(2, v))
                        for k, v in (("location", "weights.bin"), ("offset", str(i * size)), ("length", str(size))))
        weights.append(files.fields(1, [width, width]) + files.field(2, files.FLOAT) + files.field(8, f"w{i}") + told + files.field(14, 1))
        nodes.append(files.node("MatMul", f"dense {i}", [at, f"w{i}"], [f"y{i}"]))
        at = f"y{i}"
    path = os.path.join(folder, "external.onnx")
    with open(path, "wb") as f:
        f.write(files.model(nodes, [files.value_info("x", [1, width])], [files.value_info(at, [1, width])], weights))
    with open(os.path.join(folder, "weights.bin"), "wb") as f:
        f.truncate(layers * size)
    return path, layers * size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waferc")
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    waferc, failed = os.path.abspath(args.waferc), False
    print("model | weights, MB | peak, MB | beyond the weights, MB | seconds | import\n---|---|---|---|---|---")
    with tempfile.TemporaryDirectory() as folder:
        made, made_bytes = external(folder, 12, 8000)
        for path in [*args.models, made]:
            peak, seconds, lines = measured(waferc, path)
            weights = made_bytes if path == made else max(os.path.getsize(path), int(lines[0].split(", ")[1].split()[0]))
            failed |= peak > weights + ALLOWED
            print(f"{os.path.basename(os.path.dirname(path)) or path}/{os.path.basename(path)} | {weights / 1e6:.1f} | {peak / 1e6:.1f} | "
                  f"{(peak - weights) / 1e6:.1f} | {seconds:.1f} | {lines[-1]}", flush=True)
    sys.exit(1 if failed else 0)


main()
