#!/usr/bin/env python3
"""Tries to break the rules of honesty (DESIGN section 2) from outside: where the work is, what runs a program, what
happens without working PEs, limits of the target, constants.

    test_honesty.py WAFERC RUN_ONLY MAKE_MODELS MODELS_DIR

Standard library only, and tests/tools/mini_onnx.py.
"""

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from mini_onnx import fields  # noqa: E402

WAFERC, RUN_ONLY, MAKE_MODELS, MODELS = (os.path.abspath(a) for a in sys.argv[1:5])
COMPILER = re.compile(r" (wfc_(be|import|pass|eval|graph|ir)_\w+|onnx__\w+|METIS_\w+)$", re.M)


def npy(shape, values):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple(shape)}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + struct.pack(f"<{len(values)}f", *values)


def read_npz(path):
    """{name: values} of float32 arrays."""
    out = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            data = archive.read(member)
            body = data[10 + struct.unpack("<H", data[8:10])[0]:]
            out[member[:-4]] = list(struct.unpack(f"<{len(body) // 4}f", body))
    return out


def floats_of_tensor_proto(data):
    """raw_data (field 9) or float_data (field 4) of an ONNX TensorProto."""
    found = []
    for number, value in fields(data):
        if number in (4, 9):
            found += struct.unpack(f"<{len(value) // 4}f", value)
    return found


class Honesty(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        subprocess.run([MAKE_MODELS, cls.folder.name], check=True)
        cls.mlp = cls.compiled(os.path.join(MODELS, "mlp-fashion", "model.onnx"), "mlp.wafer")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    @classmethod
    def compiled(cls, model, name):
        subprocess.run([WAFERC, "compile", model, "-q", "-o", cls.path(name)], check=True, stderr=subprocess.DEVNULL)
        return cls.path(name)

    def setUp(self):
        for name in ("no.wafer", "silent.npz"):
            if os.path.exists(self.path(name)):
                os.remove(self.path(name))

    def waferc(self, *args, code=0):
        done = subprocess.run([WAFERC, *args], capture_output=True, timeout=300, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{args}: {out}{err}")
        return out, err

    def npz(self, name, shape, values, key="x"):
        with zipfile.ZipFile(self.path(name), "w") as archive:
            archive.writestr(key + ".npy", npy(shape, values))
        return self.path(name)

    def run_program(self, program, data, *more):
        """Outputs and statistics."""
        out, stats = self.path("out.npz"), self.path("stats.json")
        self.waferc("run", program, "--input", data, "-o", out, "--stats", stats, *more)
        with open(stats, encoding="utf-8") as f:
            return read_npz(out), json.load(f)

    def images(self, model, count):
        values = []
        for k in range(count):
            with open(os.path.join(MODELS, model, f"test_data_set_{k}", "input_0.pb"), "rb") as f:
                values += floats_of_tensor_proto(f.read())
        return self.npz("images.npz", (count, 1, 28, 28), values, "image")

    # --- where the work is ---

    def gemm(self, k, n):
        program = self.compiled(self.path(f"gemm_{k}x{n}.onnx"), f"gemm_{k}x{n}.wafer")
        x = [((i * 29) % 64 - 31) / 64 for i in range(16 * k)]
        outputs, stats = self.run_program(program, self.npz("x.npz", (16, k), x))
        w = [0.25 + (i * 37 % 101) / 128 for i in range(k * n)]
        b = [0.25 + (i * 37 % 101) / 128 for i in range(n)]
        for s in range(16):
            for j in range(n):
                expected = b[j] + sum(x[s * k + i] * w[i * n + j] for i in range(k))
                self.assertAlmostEqual(outputs["y"][s * n + j], expected, delta=1e-4)
        self.assertEqual(stats["words_injected"], 16 * k)
        self.assertEqual(stats["words_collected"], 16 * n)
        self.assertEqual(stats["macs"], k * n)
        self.assertEqual(stats["macs_executed"], k * n)
        return stats

    def test_a_layer_with_64_times_the_work_gets_more_pes_and_is_faster_for_it(self):
        small = self.gemm(32, 1)
        self.assertEqual((small["pe_used"], small["pe_active"]), (1, 1))
        for k, n in ((32, 64), (256, 8)):
            large = self.gemm(k, n)
            self.assertEqual(large["macs"], 64 * small["macs"])
            self.assertGreaterEqual(large["pe_active"], 16)
            self.assertLess(large["delta_t_cycles"], 64 * small["delta_t_cycles"])
            print(f"gemm 32x1: {small['pe_used']} PE, {small['delta_t_cycles']} cycles per sample; "
                  f"{k}x{n}: {large['pe_used']} PEs, {large['delta_t_cycles']}")

    # --- rule 1: the simulator sees the program file and nothing else ---

    def test_the_runtime_alone_gives_the_same_outputs(self):
        data = self.images("mlp-fashion", 4)
        self.run_program(self.mlp, data)
        subprocess.run([RUN_ONLY, self.mlp, data, self.path("alone.npz")], check=True)
        with open(self.path("out.npz"), "rb") as a, open(self.path("alone.npz"), "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_what_runs_a_program_holds_no_compiler(self):
        def compiler_symbols(binary):
            text = subprocess.run(["nm", binary], check=True, capture_output=True, text=True).stdout
            return sorted({m.group(1) for m in COMPILER.finditer(text)})
        self.assertEqual(compiler_symbols(RUN_ONLY), [])
        self.assertGreater(len(compiler_symbols(WAFERC)), 50)  # the test of the test
        libraries = subprocess.run(["ldd", RUN_ONLY], check=True, capture_output=True, text=True).stdout
        for library in ("onnx", "metis"):
            self.assertNotIn(library, libraries)

    # --- rule 3: PEs do the arithmetic ---

    def edited(self, program, name, edit):
        """The program with its text changed, assembled anew (so its checksums are right)."""
        text = self.waferc("dis", program)[0]
        changed = edit(text)
        self.assertNotEqual(text, changed)
        with open(self.path("edited.wasm"), "w", encoding="utf-8") as f:
            f.write(changed)
        self.waferc("asm", self.path("edited.wasm"), "-q", "-o", self.path(name))
        return self.path(name)

    def test_silent_pes_give_no_answer(self):
        for what, count in (("all", 0), ("one class", 1)):
            with self.subTest(what):
                silent = self.edited(self.mlp, "silent.wafer", lambda t: re.sub(
                    r"(?m)^(  task t\d+ local \S+) active$", r"\1", t, count=count))
                _, err = self.waferc("run", silent, "--input", self.images("mlp-fashion", 2), "-o", self.path("silent.npz"),
                                     code=5)
                self.assertIn("deadlock", err)
                self.assertFalse(os.path.exists(self.path("silent.npz")))

    def test_the_answer_is_what_the_program_file_says(self):
        program = self.compiled(self.path("gemm_32x1.onnx"), "gemm.wafer")
        data = self.npz("x.npz", (16, 32), [((i * 29) % 64 - 31) / 64 for i in range(16 * 32)])
        before = self.run_program(program, data)[0]["y"]
        other = self.edited(program, "subtracts.wafer", lambda t: re.sub(r"\bvmac\.f32", "vmul.f32", t))
        self.assertNotEqual(before, self.run_program(other, data)[0]["y"])
        self.assertEqual(before, self.run_program(program, data)[0]["y"])

    def test_nothing_comes_from_zero_inputs_but_the_bias(self):
        program = self.compiled(self.path("gemm_32x1.onnx"), "gemm.wafer")
        outputs, _ = self.run_program(program, self.npz("x.npz", (8, 32), [0.0] * 256))
        self.assertEqual(outputs["y"], [0.25] * 8)

    # --- rule 2: limits of the target ---

    def target(self, **changes):
        target = json.loads(self.waferc("targets", "lab")[0])
        target.update(changes)
        with open(self.path("target.json"), "w", encoding="utf-8") as f:
            json.dump(target, f)
        return self.path("target.json")

    def test_a_model_beyond_a_limit_is_refused_by_the_compiler(self):
        cases = (
            ({"sram_bytes": 1600}, r"/Conv.*bytes of SRAM.* 1600\b"),
            ({"colours": 4}, r"/Conv.*PE \(.*takes 6 colours.* 4\b"),
            ({"in_queues": 1, "in_depth": [6]}, r"/Conv.*PE \(\d+,\d+\).*input queue 1\b.* 1\b"),
            ({"out_queues": 1, "out_depth": [2]}, r"/Conv.*PE \(\d+,\d+\).*output queue 1\b.* 1\b"),
            ({"microthreads": 2}, r"/Conv.*PE \(\d+,\d+\).*microthread \d.*ut1 to ut2"),
            ({"descriptors": 8}, r"/Conv.*PE \(\d+,\d+\).*8 descriptors"),
            ({"width": 4}, r"columns"),
        )
        model = os.path.join(MODELS, "lenet5-fashion", "model.onnx")
        for changes, message in cases:
            with self.subTest(changes=changes):
                _, err = self.waferc("compile", model, "--target", self.target(**changes), "-o", self.path("no.wafer"),
                                     code=4)
                self.assertRegex(err, message)
                self.assertFalse(os.path.exists(self.path("no.wafer")))

    def test_a_program_beyond_a_limit_is_refused_by_the_loader(self):
        # A target of its own stands in the program's text in full, so the limit alone can be lowered there.
        model, program = os.path.join(MODELS, "mlp-fashion", "model.onnx"), self.path("own.wafer")
        self.waferc("compile", model, "-q", "--target", self.target(clock_hz=850000001), "-o", program)
        text = self.waferc("dis", program)[0]
        cases = (
            ('"sram_bytes": 49152', '"sram_bytes": 1000', "bytes of SRAM and has 1000"),
            ('"colours": 24', '"colours": 3', "the target has 3"),
            ('"in_queues": 8', '"in_queues": 2', "is used, the PE has 2"),
            ('"out_queues": 6', '"out_queues": 2', "is used, the PE has 2"),
            ('"microthreads": 7', '"microthreads": 3', "is used, the PE has 3"),
            ('"descriptors": 48', '"descriptors": 8', "descriptors, the PE has 8"),
        )
        for found, lowered, message in cases:
            with self.subTest(lowered):
                self.assertIn(found, text)
                changed = text.replace(found, lowered)
                if "queues" in found:  # the depths are as many
                    changed = re.sub(rf'("{found.split("_")[0][1:]}_depth": \[\d+, \d+)[^]]*', r"\1", changed)
                with open(self.path("small.wasm"), "w", encoding="utf-8") as f:
                    f.write(changed)
                _, err = self.waferc("asm", self.path("small.wasm"), "-o", self.path("small.wafer"), code=4)
                self.assertIn(message, err)
                self.assertRegex(err, r"PE \d+,\d+, layer ")

    # --- rule 6: folding is for constants ---

    def test_outputs_that_depend_on_no_input_are_refused(self):
        for name in ("constant.onnx", "half.onnx"):
            _, err = self.waferc("compile", self.path(name), "-o", self.path("no.wafer"), code=3)
            self.assertIn("WFC-E7004", err)
            self.assertIn("y: ", err)
            self.assertFalse(os.path.exists(self.path("no.wafer")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
