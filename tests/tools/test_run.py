#!/usr/bin/env python3
"""`waferc run` from files to files, with a program in assembler so that no compiler is involved.

    test_run.py WAFERC

y = 2 x on one PE, and m = n passed along a row; n is int64 for the user and i32 on the wire. Standard library only.
"""

import ast
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

WAFERC = os.path.abspath(sys.argv[1])
PROGRAM = """
wafer 1
target lab
layer double
class double {
  array x f32[3] input
  desc get = in f32 q0 [3]
  desc put = mem f32 x [3]
  desc out = out f32 q2 [3]
  in q0 = c1
  out q2 = c2
  task t0 local main active
  code { main: vmov.f32 put, get
    vadd.f32 out, put, put
    bra main }
}
router edge { c1 [W>R] c2 [R>W] }
router pass { c3 [W>E] }
pe 0,0 class double router edge layer 0
pe 0..63,1 router pass
input x f32 dims [1, 3] samples 1 { stream west row 0 c1 [0:3] }
input n i32 host 7 dims [1, 2] samples 1 { stream west row 1 c3 [0:2] }
output y f32 dims [1, 3] samples 1 { stream west row 0 c2 [0:3] }
output m i32 host 7 dims [1, 2] samples 1 { stream east row 1 c3 [0:2] }
"""
CODES = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q", "|u1": "B"}
ONNX = {"<f4": 1, "<i8": 7}


def npy(descr, shape, values):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + struct.pack(f"<{len(values)}{CODES[descr]}", *values)


def read_npy(data):
    (length,) = struct.unpack("<H", data[8:10])
    header = ast.literal_eval(data[10:10 + length].decode())
    code = CODES[header["descr"]]
    body = data[10 + length:]
    return header["shape"], list(struct.unpack(f"<{len(body) // struct.calcsize(code)}{code}", body))


def tensor_proto(descr, shape, values, name=b""):
    """An ONNX TensorProto with raw data: dims 1, data_type 2, name 8, raw_data 9."""
    raw = struct.pack(f"<{len(values)}{CODES[descr]}", *values)
    out = b"".join(b"\x08" + bytes([d]) for d in shape) + b"\x10" + bytes([ONNX[descr]])
    return out + b"\x42" + bytes([len(name)]) + name + b"\x4a" + bytes([len(raw)]) + raw


class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.program = cls.write("double.wafer.txt", PROGRAM.encode())
        done = subprocess.run([WAFERC, "asm", cls.program, "-o", cls.path("double.wafer")], check=False, capture_output=True)
        assert done.returncode == 0, done.stderr
        cls.program = cls.path("double.wafer")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    @classmethod
    def write(cls, name, content):
        path = cls.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def npz(self, name, **arrays):
        path = self.path(name)
        with zipfile.ZipFile(path, "w") as archive:
            for array, content in arrays.items():
                archive.writestr(array + ".npy", content)
        return path

    def samples(self, count):
        x = [float(i) + 0.5 for i in range(3 * count)]
        n = [i - count for i in range(2 * count)]
        return x, n, self.npz("in.npz", x=npy("<f4", (count, 3), x), n=npy("<i8", (count, 2), n))

    def waferc(self, *args, code=0):
        done = subprocess.run([WAFERC, "run", self.program, *args], capture_output=True, timeout=100, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{args}: {out}{err}")
        self.assertTrue(code == 0 or "waferc: error[WFC-E" in err, err)
        return out, err

    def outputs(self, name="out.npz"):
        with zipfile.ZipFile(self.path(name)) as archive:
            return {member[:-4]: read_npy(archive.read(member)) for member in archive.namelist()}

    def stats(self, name="stats.json"):
        with open(self.path(name), encoding="utf-8") as f:
            return json.load(f)

    def test_an_archive_of_samples(self):
        x, n, path = self.samples(10)
        self.waferc("--input", path, "-o", self.path("out.npz"), "--stats", self.path("stats.json"))
        out = self.outputs()
        self.assertEqual(out["y"], ((10, 3), [2 * v for v in x]))
        self.assertEqual(out["m"], ((10, 2), n))
        stats = self.stats()
        self.assertEqual((stats["samples"], stats["words_injected"], stats["words_collected"]), (10, 50, 50))
        done = stats["completion_cycles"]
        self.assertEqual(len(done), 10)
        self.assertEqual(done, sorted(done))
        self.assertEqual(stats["cycles"], done[-1])
        self.assertEqual(stats["delta_t_cycles"], (done[9] - done[4]) / 5)
        self.assertEqual((stats["pe_used"], stats["pe_active"], stats["pe_total"]), (1, 1, 64 * 64))
        layer = stats["layers"][0]
        self.assertEqual(layer["name"], "double")
        self.assertEqual(layer["sram_peak_bytes"], stats["sram_peak_bytes"])
        self.assertEqual(sum(stats["sram_bytes"].values()), stats["sram_peak_bytes"])
        self.assertGreater(sum(layer["pe_cycles"].values()), 0)

    def test_latency_is_that_of_one_sample_alone(self):
        _, _, path = self.samples(9)
        self.waferc("--input", path, "--stats", self.path("many.json"))
        self.waferc("--input", path, "--samples", "1", "--stats", self.path("one.json"))
        many, one = self.stats("many.json"), self.stats("one.json")
        self.assertEqual(many["latency_cycles"], one["latency_cycles"])
        self.assertIsNone(one["delta_t_cycles"])
        self.assertGreaterEqual(one["cycles"], one["latency_cycles"])

    def test_single_arrays_and_repetition(self):
        x = self.write("x.npy", npy("<f4", (2, 3), [1, 2, 3, 4, 5, 6]))
        n = self.write("n.npy", npy("<i8", (2, 2), [1, 2, 3, 4]))
        self.waferc("--input", f"x={x}", "--input", f"n={n}", "--samples", "5", "-o", self.path("out.npz"))
        out = self.outputs()
        self.assertEqual(out["y"], ((5, 3), [2, 4, 6, 8, 10, 12, 2, 4, 6, 8, 10, 12, 2, 4, 6]))
        self.assertEqual(out["m"], ((5, 2), [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]))

    def test_the_first_of_the_samples(self):
        x, _, path = self.samples(10)
        self.waferc("--input", path, "--samples", "3", "-o", self.path("out.npz"))
        self.assertEqual(self.outputs()["y"], ((3, 3), [2 * v for v in x[:9]]))

    def test_jitter_no_skip_and_repetition(self):
        _, _, path = self.samples(16)

        def run(tag, *args):
            self.waferc("--input", path, "-o", self.path(tag + ".npz"), "--stats", self.path(tag + ".json"), *args)
            with open(self.path(tag + ".npz"), "rb") as f, open(self.path(tag + ".json"), "rb") as g:
                return f.read(), g.read()
        plain = run("plain")
        self.assertEqual(run("again"), plain)
        self.assertEqual(run("no_skip", "--no-skip"), plain)
        cycles = set()
        for seed in range(5):
            outputs, stats = run("jitter", "--jitter", str(seed))
            self.assertEqual(outputs, plain[0])
            cycles.add(json.loads(stats)["cycles"])
        self.assertGreater(len(cycles | {self.stats("plain.json")["cycles"]}), 1)

    def test_interval(self):
        _, _, path = self.samples(10)
        for engine in ("fast", "reference"):
            self.waferc("--input", path, "--interval", "500", "--engine", engine, "--stats", self.path(engine + ".json"),
                        "-o", self.path("spaced.npz"))
            spaced = self.stats(engine + ".json")
            done = spaced["completion_cycles"]
            self.assertEqual([b - a for a, b in zip(done, done[1:])], [500] * 9)
            self.assertEqual(spaced["interval_cycles"], 500)
        self.waferc("--input", path, "--no-skip", "--interval", "500", "--stats", self.path("all.json"))
        self.assertEqual(self.stats("all.json")["completion_cycles"], done)
        self.waferc("--input", path, "-o", self.path("plain.npz"), "--stats", self.path("plain.json"))
        self.assertEqual(self.stats("plain.json")["interval_cycles"], 0)
        with open(self.path("plain.npz"), "rb") as f, open(self.path("spaced.npz"), "rb") as g:
            self.assertEqual(f.read(), g.read())
        self.waferc("--input", path, "--interval", "auto", "--stats", self.path("auto.json"))
        auto = self.stats("auto.json")
        self.assertEqual(auto["interval_cycles"], math.ceil(1.05 * auto["predicted_delta_t_cycles"]))
        self.waferc("--input", path, "--interval", "often", code=2)

    def test_labels(self):
        _, _, path = self.samples(4)  # ascending: the largest is always the last
        labels = self.write("labels.npy", npy("|u1", (5,), [2, 2, 1, 2, 0]))
        self.assertIn("top-1 accuracy: 3 of 4 (75.00 %)\n", self.waferc("--input", path, "--labels", labels)[0])
        self.assertIn("6 of 8", self.waferc("--input", path, "--labels", labels, "--samples", "8")[0])
        few = self.write("few.npy", npy("|u1", (3,), [2, 2, 2]))
        self.waferc("--input", path, "--labels", few, code=2)
        floats = self.write("floats.npy", npy("<f4", (4,), [2, 2, 2, 2]))
        self.waferc("--input", path, "--labels", floats, code=2)

    def sets(self, count, factor=2.0, names=(b"", b"")):
        parent = f"sets_{count}_{factor}_{len(names[0])}"
        for k in range(count):
            folder = f"{parent}/test_data_set_{k}"
            x, n = [float(3 * k + i) for i in range(3)], [k, -k]
            self.write(f"{folder}/input_0.pb", tensor_proto("<f4", (1, 3), x, names[0]))
            self.write(f"{folder}/input_1.pb", tensor_proto("<i8", (1, 2), n, names[1]))
            self.write(f"{folder}/output_0.pb", tensor_proto("<f4", (1, 3), [factor * v for v in x]))
            self.write(f"{folder}/output_1.pb", tensor_proto("<i8", (1, 2), n))
        return self.path(parent)

    def test_data_sets_in_numeric_order(self):
        data = self.sets(12)
        out, _ = self.waferc("--data", data, "--compare", "--rel-max", "0", "-o", self.path("out.npz"))
        self.assertEqual(out.count(": pass\n"), 2)
        self.assertEqual(self.outputs()["y"], ((12, 3), [2.0 * i for i in range(36)]))
        one = os.path.join(data, "test_data_set_11")
        self.waferc("--data", one, "--compare", "--samples", "9", "-o", self.path("out.npz"))
        self.assertEqual(self.outputs()["m"], ((9, 2), [11, -11] * 9))

    def test_tensors_with_names_need_no_order(self):
        parent = "swapped/test_data_set_0"
        self.write(f"{parent}/input_0.pb", tensor_proto("<i8", (1, 2), [4, 5], b"n"))
        self.write(f"{parent}/input_1.pb", tensor_proto("<f4", (1, 3), [1, 2, 3], b"x"))
        self.waferc("--data", self.path("swapped"), "-o", self.path("out.npz"))
        self.assertEqual(self.outputs()["y"][1], [2, 4, 6])
        self.waferc("--data", self.path("swapped"), "--compare", code=2)  # no references there

    def test_a_failed_comparison_is_status_1_and_keeps_the_outputs(self):
        data = self.sets(3, 2.01)
        out, err = self.waferc("--data", data, "--compare", "-o", self.path("failed.npz"), code=1)
        self.assertIn(": FAILED\n", out)
        self.assertIn("WFC-E0020", err)
        self.assertEqual(self.outputs("failed.npz")["y"][0], (3, 3))
        self.waferc("--data", data, "--compare", "--rel-max", "1e-4", code=1)
        self.waferc("--data", data, "--compare", "--rtol", "0.01")
        self.waferc("--data", data, "--compare", "--rel-max", "0.01")

    def test_broken_data_folders(self):
        data = self.sets(2, 2.5)
        os.remove(os.path.join(data, "test_data_set_1", "input_0.pb"))
        self.assertIn("input_0.pb is missing", self.waferc("--data", data, code=2)[1])
        empty = self.path("empty")
        os.makedirs(empty, exist_ok=True)
        self.waferc("--data", empty, code=2)
        self.waferc("--data", self.program, code=2)
        self.waferc("--data", self.path("no-such-folder"), code=74)
        self.write("bad/input_0.pb", b"\xff" * 50)
        self.waferc("--data", self.path("bad"), code=2)

    def test_wrong_tensors(self):
        x, n = npy("<f4", (1, 3), [1, 2, 3]), npy("<i8", (1, 2), [1, 2])
        cases = {
            "float64": ({"x": npy("<f8", (1, 3), [1, 2, 3]), "n": n}, "f64, expected f32"),
            "int32": ({"x": x, "n": npy("<i4", (1, 2), [1, 2])}, "i32, expected i64"),
            "shape": ({"x": npy("<f4", (1, 4), [1, 2, 3, 4]), "n": n}, "shape [1,4], expected [1,3]"),
            "rank": ({"x": npy("<f4", (3,), [1, 2, 3]), "n": n}, "shape [3], expected [1,3]"),
            "missing": ({"x": x}, "no tensor is given"),
            "unknown": ({"x": x, "n": n, "z": n}, "it has 'x', 'n'"),
            "uneven": ({"x": npy("<f4", (2, 3), [1] * 6), "n": n}, "give the same number"),
            "range": ({"x": x, "n": npy("<i8", (1, 2), [1, 1 << 31])}, "does not fit the i32"),
            "none": ({"x": npy("<f4", (0, 3), []), "n": n}, "shape [0,3]"),
            "garbage": ({"x": b"garbage", "n": n}, "not a .npy array"),
        }
        for name, (arrays, message) in cases.items():
            with self.subTest(name):
                path = self.npz(name + ".npz", **arrays)
                _, err = self.waferc("--input", path, "-o", self.path(name + ".out"), code=2)
                self.assertIn(message, err)
                self.assertFalse(os.path.exists(self.path(name + ".out")))
        once = self.write("once.npy", x)
        self.assertIn("given twice", self.waferc("--input", f"x={once}", "--input", f"x={once}", code=2)[1])
        self.waferc("--input", f"x={self.path('none.npy')}", code=74)
        self.waferc("--input", self.write("not.npz", b"PK\x03\x04 not a zip"), code=2)

    def test_limits_and_places(self):
        _, _, path = self.samples(4)
        self.waferc("--input", path, "--max-cycles", "10", code=5)
        self.waferc("--input", path, "-o", self.path("no/such/out.npz"), code=74)
        self.waferc("--input", path, "--stats", "/dev/full", code=74)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
