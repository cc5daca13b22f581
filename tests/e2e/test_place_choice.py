#!/usr/bin/env python3
"""Where METIS gives a faster floorplan than slabs, where slabs do, and that the compiler's own choice is the faster one.

    test_place_choice.py WAFERC MAKE_MODELS MODELS_DIR

Outputs are compared with products computed here in double precision, from the tables that make_models has too. Times
are cycles: of the program's promise, and of the run. Standard library only.
"""

import ast
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

WAFERC, MAKE_MODELS, MODELS = (os.path.abspath(a) for a in sys.argv[1:4])
SAMPLES = 12
# (product that is read or -1, length, outputs)
SHORT = [(-1, 16, 32), (0, 32, 8), (0, 32, 8), (1, 8, 32), (1, 8, 32)]
BUSHY = [(-1, 128, 32), (-1, 128, 256), (0, 32, 128), (1, 256, 256), (3, 256, 256), (4, 256, 64), (5, 64, 256),
         (4, 256, 256), (6, 256, 128)]


def expected(products, x):
    values = []
    for source, k, n in products:
        given = x if source < 0 else values[source]
        values.append([sum(given[i] * (((i * n + j) * 37 % 1009) - 400) / 8192 for i in range(k)) for j in range(n)])
    read = {p[0] for p in products}
    return [v for i, y in enumerate(values) if i not in read for v in y]


def write_npy(path, rows, length, values):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {length}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        f.write(struct.pack(f"<{len(values)}f", *values))


def read_npz(path):
    """The only array: (shape, values)."""
    with zipfile.ZipFile(path) as z:
        data = z.read(z.namelist()[0])
    size = struct.unpack("<H", data[8:10])[0]
    head = ast.literal_eval(data[10:10 + size].decode())
    body = data[10 + size:]
    return head["shape"], struct.unpack(f"<{len(body) // 4}f", body)


class PlaceChoice(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        subprocess.run([MAKE_MODELS, self.folder.name], check=True, timeout=60)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def waferc(self, *args):
        done = subprocess.run([WAFERC, *args], capture_output=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, f"{args}: {done.stdout.decode()}{done.stderr.decode()}")
        return done.stderr.decode()

    def times(self, model, data):
        """method -> (promised, simulated) cycles per sample; and the method that 'auto' took."""
        found = {}
        for method in ("slabs", "metis", "auto"):
            said = self.waferc("compile", model, "--place", method, "-v", "-o", self.path("p.wafer"))
            if method == "auto":
                taken = re.search(r"floorplan: (\w+) at ", said)[1]
            self.waferc("run", self.path("p.wafer"), *data, "-o", self.path("y.npz"), "--stats", self.path("s.json"))
            with open(self.path("s.json"), encoding="utf-8") as f:
                stats = json.load(f)
            found[method] = (stats["predicted_delta_t_cycles"], stats["delta_t_cycles"])
            self.check_outputs()
        return found, taken

    def check_outputs(self):
        if self.want is None:
            return
        _, got = read_npz(self.path("y.npz"))
        self.assertEqual(len(got), len(self.want))
        most = max(abs(v) for v in self.want)
        self.assertGreater(most, 1e-3)
        self.assertLessEqual(max(abs(g - w) for g, w in zip(got, self.want)), 1e-4 * most)

    def branched(self, name, products):
        k = products[0][1]
        x = [((s * 131 + i * 29) % 257 - 100) / 128 for s in range(SAMPLES) for i in range(k)]
        self.want = [v for s in range(SAMPLES) for v in expected(products, x[s * k:(s + 1) * k])]
        write_npy(self.path("x.npy"), SAMPLES, k, x)
        return self.times(self.path(name), ("--input", "x=" + self.path("x.npy")))

    def test_metis_wins(self):
        found, taken = self.branched("bushy.onnx", BUSHY)
        print("bushy", found, taken)
        for kind in (0, 1):
            self.assertLess(found["metis"][kind], found["slabs"][kind])
        self.assertNotEqual(taken, "slabs")
        self.assertLessEqual(found["auto"][0], found["metis"][0])

    def test_slabs_win(self):
        found, taken = self.branched("short.onnx", SHORT)
        print("short", found, taken)
        for kind in (0, 1):
            self.assertLess(found["slabs"][kind], found["metis"][kind])
        self.assertEqual(taken, "slabs")
        self.assertEqual(found["auto"], found["slabs"])

    def test_metis_wins_on_a_bundled_model(self):
        model = os.path.join(MODELS, "mlp-fashion")
        self.want = None  # compared by the command itself
        found, taken = self.times(os.path.join(model, "model.onnx"), (
            "--data", model, "--samples", str(SAMPLES), "--compare", "--rel-max", "1e-4"))
        print("mlp-fashion", found, taken)
        for kind in (0, 1):
            self.assertLess(found["metis"][kind], found["slabs"][kind])
        self.assertNotEqual(taken, "slabs")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
