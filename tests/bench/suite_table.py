#!/usr/bin/env python3
"""What becomes of ONNX's backend test cases, by class and beside what peers pass: two markdown tables.

    tests/bench/suite_table.py [build/release/tests/onnx/onnx_suite]

Verdicts are those of tests/onnx/manifest.txt, which the ctest `onnx` proves true, or of a run now where the suite's program
is given. Needs the Python package onnx (Debian: python3-onnx) and the cases of Debian's libonnx-testdata.

The class of a case is worked out from its model: operators (bodies of control flow included), element types of inputs and
outputs, and names that an expanded function body keeps of its operator. The first rule that holds decides. Figures of peers
were measured once per class, over the same 932 cases of ONNX 1.12, with ONNX Runtime 1.30, libonnx and onnx2c; those of tract
count the cases that its own list of ONNX 1.12 cases expects to pass, per kind.
"""
import argparse
import os
import subprocess
import sys
from collections import Counter

import onnx

from measuring import heading, row

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = os.path.join(HERE, "..", "onnx")
INTEGERS = {"INT32", "INT64", "BOOL"}


class Case:
    """What the rules look at."""

    def __init__(self, path):
        model = onnx.load(path)
        given = {t.name for t in model.graph.initializer}
        self.inputs = {self.type(v) for v in model.graph.input if v.name not in given}
        self.outputs = {self.type(v) for v in model.graph.output}
        self.types = self.inputs | self.outputs
        self.nodes = list(self.walk(model.graph))
        self.ops = {n.op_type for n in self.nodes}
        self.names = " ".join(name for n in self.nodes for name in n.output)

    @staticmethod
    def type(value):
        kind = value.type.WhichOneof("value")
        return onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type) if kind == "tensor_type" else kind

    @classmethod
    def walk(cls, graph):
        for node in graph.node:
            yield node
            for a in node.attribute:
                if a.type == onnx.AttributeProto.GRAPH:
                    yield from cls.walk(a.g)

    def has(self, *ops):
        return bool(self.ops & set(ops))

    def trains(self):
        losses = ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
        return any(loss in self.ops or loss in self.names for loss in losses) or any(
            n.op_type == "Dropout" and len(n.input) == 3 or any(a.name == "training_mode" and a.i for a in n.attribute)
            for n in self.nodes)


# class, rule (in the order in which they are asked), cases that the peers' measurement counted, of these ORT, libonnx, onnx2c pass
CLASSES = (
    ("sequence/optional", lambda c: c.types & {"sequence_type", "optional_type"}, 24, 0, 1, 0),
    ("string/text", lambda c: "STRING" in c.types or c.has("TfIdfVectorizer", "StringNormalizer"), 19, 12, 9, 0),
    ("training-domain/optimizers", lambda c: any("training" in n.domain for n in c.nodes), 7, 0, 0, 0),
    ("loss/training mode", Case.trains, 112, 108, 1, 0),
    ("random", lambda c: c.has("Bernoulli", "RandomUniformLike"), 6, 0, 0, 0),
    ("control flow", lambda c: c.has("If", "Loop", "Scan"), 6, 6, 1, 0),
    ("quantised", lambda c: any("uantize" in o or o.startswith("QLinear") or o.endswith("Integer") for o in c.ops), 17, 17, 0, 14),
    ("signal", lambda c: c.has("DFT", "STFT", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix"), 12, 7, 0, 0),
    ("data-dependent output shape", lambda c: c.has("NonZero", "Compress", "Unique", "NonMaxSuppression"), 19, 19, 2, 0),
    ("f64/f16/bf16 data", lambda c: c.types & {"DOUBLE", "FLOAT16", "BFLOAT16"}, 51, 45, 28, 19),
    ("f32 in/out only", lambda c: c.types == {"FLOAT"}, 393, 388, 286, 315),
    ("f32 in -> int/bool out", lambda c: c.inputs == {"FLOAT"}, 64, 64, 57, 17),
    ("f32 out + int/bool operand input", lambda c: c.outputs == {"FLOAT"} and c.inputs <= INTEGERS | {"FLOAT"}, 93, 92, 45, 12),
    ("int/uint/bool", lambda c: True, 109, 101, 83, 70),
)
TRACT = {"node": "744", "simple": "7", "pytorch-converted": "77", "pytorch-operator": "34"}
FOOTNOTE = """
The rules of the classes are ours, found from the totals of the peers' measurement: each class has as many cases as there (the
script fails if one differs); that they are the same cases is likely, not known. The class int/uint/bool holds what no other
takes: {mixed} of its cases have a float32 input or output as well. *executed*: every output is made by the simulated wafer of
data injected at its edge, and right; *folded*: every output is a constant, computed at import, and right. Peers run on a
host and have no such difference. Peers: ONNX Runtime 1.30, libonnx and onnx2c over these cases, measured once, a figure per
class; tract: how many its own list of ONNX 1.12's cases expects to pass."""


def data_folder():
    listed = subprocess.run(["dpkg", "-L", "libonnx-testdata"], stdout=subprocess.PIPE, check=False, text=True).stdout.split("\n")
    found = [line for line in listed if line.endswith("/data/node")]
    if not found:
        sys.exit("package libonnx-testdata is not installed; scripts/setup installs it")
    return found[0]


def verdicts(program):
    """Case to verdict."""
    manifest = os.path.join(SUITE, "manifest.txt")
    if program:
        text = subprocess.run([os.path.join(SUITE, "run_suite.sh"), program, manifest, "--list"], stdout=subprocess.PIPE,
                              check=True, text=True).stdout
    else:
        with open(manifest, encoding="utf-8") as f:
            text = f.read()
    return dict(line.split()[:2] for line in text.splitlines() if "/" in line.split(" ")[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", help="onnx_suite: run it instead of reading the manifest")
    found = verdicts(parser.parse_args().program)
    folder = data_folder()
    counts, mixed = {name: Counter() for name, *_ in CLASSES}, 0
    for case in (name[5:] for name in found if name.startswith("node/")):
        model = Case(os.path.join(folder, case, "model.onnx"))
        name = next(name for name, rule, *_ in CLASSES if rule(model))
        counts[name][found["node/" + case]] += 1
        mixed += name == CLASSES[-1][0] and "FLOAT" in model.types

    print(heading(("class of `node`", "cases", "executed", "folded", "executed + folded", "ORT 1.30", "libonnx", "onnx2c")))
    rows = [(name, (counts[name].total(), counts[name]["executed"], counts[name]["folded"],
                    counts[name]["executed"] + counts[name]["folded"], *peers)) for name, _, _, *peers in CLASSES]
    for name, figures in sorted(rows, key=lambda r: -r[1][0]) + [("total", [sum(x) for x in zip(*(f for _, f in rows))])]:
        print(row((name, *map(str, figures))))
    print("\n" + heading(("kind", "cases", "executed", "folded", "refused", "wrong or error", "tract passes")))
    for kind, tract in TRACT.items():
        c = Counter(verdict for name, verdict in found.items() if name.startswith(kind + "/"))
        print(row((kind, *map(str, (c.total(), c["executed"], c["folded"], c["refused"], c["wrong"] + c["error"])), tract)))
    print(FOOTNOTE.format(mixed=mixed))
    different = [f"{name}: {counts[name].total()} cases, expected {n}" for name, _, n, *_ in CLASSES if counts[name].total() != n]
    sys.exit("\n".join(different) or 0)


if __name__ == "__main__":
    main()
