#!/usr/bin/env python3
"""Errors of ONNX operators that are several PE functions each: function_errors.py WAFERC

Compiles a model per operator for lab, runs it in the simulator on a grid over the range, and prints a row each: largest error in units of
the last place of the exact result (double precision libm; denormal results count in units of the least float), largest relative and
absolute error. docs/functions.md holds the table; a ctest compares. Standard library only."""

import math
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))

import cli_files as files

POINTS = 4096


def sigmoid(v):
    return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))


def softplus(v):
    return max(v, 0) + math.log1p(math.exp(-abs(v)))


# operator, first version used, low, high, exact
ROWS = [
    ("Sin", 7, -math.pi, math.pi, math.sin), ("Sin", 7, -8192, 8192, math.sin),
    ("Cos", 7, -math.pi, math.pi, math.cos), ("Cos", 7, -8192, 8192, math.cos),
    ("Tan", 7, -1.5, 1.5, math.tan), ("Tan", 7, -8192, 8192, math.tan),
    ("Asin", 7, -1, 1, math.asin), ("Acos", 7, -1, 1, math.acos), ("Atan", 7, -50, 50, math.atan),
    ("Sinh", 9, -80, 80, math.sinh), ("Cosh", 9, -80, 80, math.cosh), ("Tanh", 13, -10, 10, math.tanh),
    ("Asinh", 9, -1000, 1000, math.asinh), ("Acosh", 9, 1, 1000, math.acosh), ("Atanh", 9, -0.999, 0.999, math.atanh),
    ("Exp", 13, -87, 88, math.exp), ("Log", 13, 1e-3, 1e3, math.log), ("Erf", 13, -4, 4, math.erf),
    ("Sigmoid", 13, -80, 20, sigmoid), ("Softplus", 1, -80, 80, softplus), ("Softsign", 1, -100, 100, lambda v: v / (1 + abs(v))),
    ("Elu", 6, -80, 10, lambda v: v if v >= 0 else math.expm1(v)),
    ("Gelu", 20, -4, 10, lambda v: v / 2 * math.erfc(-v / math.sqrt(2))),
    ("Mish", 18, -20, 20, lambda v: v * math.tanh(softplus(v))),
    ("HardSwish", 14, -4, 4, lambda v: v * min(max(v / 6 + 0.5, 0), 1)),
]


def measure(waferc, folder, op, opset, low, high, exact):
    def run(*args):
        subprocess.run([waferc, *args, "-q"], check=True, cwd=folder)

    xs = struct.unpack(f"<{POINTS}f", struct.pack(f"<{POINTS}f", *(low + (high - low) * i / (POINTS - 1) for i in range(POINTS))))
    with open(os.path.join(folder, "m.onnx"), "wb") as f:
        f.write(files.model([files.node(op, "f", ["x"], ["y"])], [files.value_info("x", [1, POINTS])], [files.value_info("y", [1, POINTS])],
                            opset=opset))
    with open(os.path.join(folder, "x.npy"), "wb") as f:
        f.write(files.floats((1, POINTS), xs))
    run("compile", "m.onnx", "-o", "m.wafer")
    run("run", "m.wafer", "--input", "x=x.npy", "-o", "y.npz")
    with zipfile.ZipFile(os.path.join(folder, "y.npz")) as z:
        ys = struct.unpack(f"<{POINTS}f", z.read("y.npy")[-4 * POINTS:])
    ulps, relative, absolute = 0.0, 0.0, 0.0
    for x, y in zip(xs, ys):
        if not low <= x <= high:
            continue  # an end of the range, rounded to a float outside of it
        want = exact(x)
        unit = 2.0 ** max(math.frexp(want)[1] - 24, -149)
        ulps = max(ulps, abs(y - want) / unit)
        absolute = max(absolute, abs(y - want))
        if want:
            relative = max(relative, abs(y - want) / abs(want))
    print(f"| {op} | {low:.4g} .. {high:.4g} | {ulps:.1f} | {relative:.1e} | {absolute:.1e} |")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("| operator | range | max ulp | max relative | max absolute |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for row in ROWS:
            measure(os.path.abspath(sys.argv[1]), folder, *row)


main()
