#!/usr/bin/env python3
"""waferc prune: the written model differs from the given one in the pruned elements only, in every encoding.

    test_prune_onnx.py WAFERC MODEL.onnx

Models are put together byte by byte here. Standard library only.
"""

import os
import struct
import subprocess
import sys
import tempfile
import unittest

WAFERC, MODEL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
VALUES = [0.5, -3.0, 0.25, 4.0, -0.125, 2.0]  # magnitude:0.5 leaves -3, 4, 2
KEPT = [0, -3.0, 0, 4.0, 0, 2.0]
FLOAT, HALF = 1, 10


def varint(v):
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def value_info(name, dims, kind):
    shape = b"".join(field(1, field(1, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def tensor(data, name="w", kind=FLOAT):
    return field(1, 2) + field(1, 3) + field(2, kind) + field(8, name) + data


def pack(values):
    return struct.pack(f"<{len(values)}f", *values)


def entry(key, value):
    return field(13, field(1, key) + field(2, value))


def model(initializer=b"", nodes=b"", kind=FLOAT):
    """y = x w with a weight of [2, 3], fields that nobody reads around it."""
    product = field(1, "x") + field(1, "w") + field(2, "y") + field(3, "product") + field(4, "MatMul")
    graph = nodes + field(1, product) + field(2, "g") + (field(5, initializer) if initializer else b"")
    graph += field(10, "a doc string")
    graph += field(11, value_info("x", [1, 2], kind)) + field(12, value_info("y", [1, 3], kind))
    return field(1, 7) + field(2, "a producer") + field(7, graph) + field(8, field(2, 13)) + field(99, "unknown")


class Encodings(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        os.mkdir(self.path("out"))

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)

    def read(self, *names):
        with open(self.path(*names), "rb") as f:
            return f.read()

    def prune(self, *args, out="out/m.onnx", how="magnitude:0.5", given=None, code=0):
        done = subprocess.run([WAFERC, "prune", given or self.path("m.onnx"), "-o", self.path(out), "--prune", how, *args],
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def check(self, before, after):
        self.write("m.onnx", before)
        self.prune()
        self.assertEqual(self.read("out", "m.onnx"), after)

    def test_raw(self):
        self.check(model(tensor(field(9, pack(VALUES)))), model(tensor(field(9, pack(KEPT)))))

    def test_floats(self):
        self.check(model(tensor(field(4, pack(VALUES)))), model(tensor(field(4, pack(KEPT)))))

    def test_floats_one_by_one(self):
        one = lambda values: b"".join(varint(4 << 3 | 5) + pack([v]) for v in values)
        self.check(model(tensor(one(VALUES))), model(tensor(one(KEPT))))

    def test_constant_node(self):
        def node(values):
            attribute = field(1, "value") + field(5, tensor(field(9, pack(values)), "inner")) + field(20, 4)
            return field(1, field(2, "w") + field(3, "maker") + field(4, "Constant") + field(5, attribute))
        self.check(model(nodes=node(VALUES)), model(nodes=node(KEPT)))

    def test_half_is_refused(self):
        self.write("m.onnx", model(tensor(field(9, struct.pack("<6e", *VALUES)), kind=HALF), kind=HALF))
        self.assertIn("WFC-E0040", self.prune(code=3))

    def test_external(self):
        place = entry("location", "w.bin") + entry("offset", "5") + entry("length", "24") + field(14, 1)
        self.write("m.onnx", model(tensor(place)))
        self.write("w.bin", b"front" + pack(VALUES) + b"behind")
        self.prune()
        self.assertEqual(self.read("out", "m.onnx"), self.read("m.onnx"))
        self.assertEqual(self.read("out", "w.bin"), b"front" + pack(KEPT) + b"behind")
        self.assertIn("WFC-E0122", self.prune(out="other.onnx", code=2))
        self.assertEqual(self.read("w.bin"), b"front" + pack(VALUES) + b"behind")
        self.assertFalse(os.path.exists(self.path("other.onnx")))

    def test_computed_weights_are_refused(self):
        turn = field(1, field(1, "v") + field(2, "w") + field(3, "turn") + field(4, "Transpose"))
        stored = field(1, 3) + field(1, 2) + field(2, FLOAT) + field(8, "v") + field(9, pack(VALUES))
        self.write("m.onnx", model(stored, turn))
        self.assertIn("WFC-E0120", self.prune(code=3))
        self.assertEqual(os.listdir(self.path("out")), [])

    def test_a_trained_model(self):
        """Written, it has the zeros of its masks; pruned again in the same way it is the same file."""
        self.prune("--masks", self.path("m.npz"), given=MODEL, how="lamp:0.9")
        first = self.read("out", "m.onnx")
        with open(MODEL, "rb") as f:
            before = f.read()
        self.assertEqual(len(first), len(before))
        self.assertNotEqual(first, before)
        self.prune(given=self.path("out", "m.onnx"), out="again.onnx", how="magnitude:0")
        self.assertEqual(self.read("again.onnx"), first)

    def test_usage(self):
        self.write("m.onnx", model(tensor(field(9, pack(VALUES)))))
        self.prune(how="magnitude:1", code=2)
        self.prune(how="wanda", code=2)
        self.prune("--gradients", self.path("none.npz"), code=2)
        self.prune(out="none/m.onnx", code=74)
        self.assertEqual(os.listdir(self.path("out")), [])


unittest.main(argv=sys.argv[:1])
