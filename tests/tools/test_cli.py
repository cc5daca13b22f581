#!/usr/bin/env python3
"""The command line's habits: help, versions, messages, exit codes, and that failures leave nothing behind.

    test_cli.py WAFERC MODELS_DIR

Needs no model to compile; what a compiled model does is tested elsewhere. Standard library only.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import unittest

WAFERC, MODELS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
COMMANDS = ["compile", "plan", "run", "report", "inspect", "dis", "asm", "targets", "ops", "passes", "opt", "prune", "place"]
CHAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench", "chain.kgraph")
MESSAGE = re.compile(r"^waferc: (error|warning|note)(\[WFC-[EWN][0-9]{4}\])?: .+: .+$")


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name, content=None):
        path = os.path.join(self.folder.name, name)
        if content is not None:
            with open(path, "wb") as f:
                f.write(content)
        return path

    def waferc(self, *args, code=0, **more):
        """Runs waferc, checks the exit code and the form of every message; returns (stdout, stderr)."""
        done = subprocess.run([WAFERC, *args], capture_output=True, timeout=300, check=False, **more)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{args}: {out}{err}")
        for line in err.splitlines():
            if not line.startswith("    "):  # further lines of a long message
                self.assertRegex(line, MESSAGE)
        if code > 1:
            self.assertIn("waferc: error[WFC-E", err)
        return out, err

    def test_help_and_version_everywhere(self):
        out, _ = self.waferc("--help")
        for command in COMMANDS:
            self.assertIn(command, out)
            text, err = self.waferc(command, "--help")
            self.assertTrue(text.startswith(f"Usage: waferc {command}"), text)
            self.assertEqual(err, "")
            for option in ("--help", "--version", "--quiet", "--verbose"):
                self.assertIn(option, text)
            self.assertEqual(self.waferc(command, "-h")[0], text)
            self.assertRegex(self.waferc(command, "--version")[0], r"^waferc [0-9]+\.[0-9]+\.[0-9]+\n$")
        self.assertRegex(self.waferc("--version")[0], r"^waferc [0-9]+\.[0-9]+\.[0-9]+\n$")

    def test_usage_errors(self):
        for args in ([], ["frobnicate"], ["--frobnicate"], ["run"], ["run", "a", "b", "--data", "d"], ["run", "a"],
                     ["run", "a", "--frobnicate"], ["run", "a", "--data"], ["run", "a", "--data", "d", "--samples", "0"],
                     ["run", "a", "--data", "d", "--samples", "1x"], ["run", "a", "--data", "d", "--samples", "-1"],
                     ["run", "a", "--data", "d", "--rel-max", "nan", "--compare"],
                     ["run", "a", "--data", "d", "--rtol", "-1", "--compare"], ["run", "a", "--data", "d", "--rtol", "1"],
                     ["run", "a", "--input", "x.npz", "--compare"], ["run", "a", "--input", "x.npz", "--data", "d"],
                     ["run", "a", "--data", "d", "--engine", "magic"], ["run", "a", "--data", "d", "--compare=1"],
                     ["compile", "m.onnx"], ["compile", "m.onnx", "-o"], ["compile", "m.onnx", "-o", "p", "--dim", "N"],
                     ["compile", "m.onnx", "-o", "p", "--dim", "N=0"], ["compile", "m.onnx", "-o", "p", "--dim", "=1"],
                     ["compile", "m.onnx", "-o", "p", "--print-after", "no-such-pass"],
                     ["opt", "g.wir", "--passes", "no-such-pass"], ["dis", "p", "--pe", "1"], ["dis", "p", "--pe", "1,x"],
                     ["dis", "p", "--pe", "1,99999"], ["asm", "t"], ["targets", "no-such-target"], ["ops", "extra"],
                     ["prune", "m.onnx"], ["prune", "m.onnx", "-o", "p"], ["prune", "m.onnx", "-o", "p", "--prune", "lamp"],
                     ["prune", "m.onnx", "--prune", "lamp:0.5"],
                     ["place", "g"], ["place", "g", "-o", "p", "--seed", "x"], ["place", "g", "-o", "p", "--time-limit", "0"],
                     ["place", "g", "-o", "p", "--time-limit", "nan"]):
            with self.subTest(args=args):
                out, err = self.waferc(*args, code=2)
                self.assertEqual(out, "")
                self.assertEqual(len(err.splitlines()), 1, err)

    def test_hostile_names_do_not_reach_the_terminal(self):
        _, err = self.waferc("\x1b[2Jevil\n", code=2)
        self.assertNotIn("\x1b", err)
        self.assertIn("\\x1b[2Jevil", err)

    def test_lists(self):
        ops = self.waferc("ops")[0]
        for op in ("Conv", "Gemm", "MaxPool", "Relu", "Softmax"):
            self.assertRegex(ops, rf"(?m)^{op}\b")
        passes = self.waferc("passes")[0]
        self.assertRegex(passes, r"(?m)^fold\b")
        self.assertRegex(passes, r"(?m)^default pipeline: \w")
        targets = self.waferc("targets")[0]
        for target in ("lab", "wse2", "wse3", "wse2-wide"):
            self.assertRegex(targets, rf"(?m)^{target} ")

    def test_a_printed_target_can_be_read_back(self):
        for name in ("lab", "wse2"):
            text = self.waferc("targets", name)[0]
            self.assertEqual(json.loads(text)["name"], name)
            copy = self.path(f"{name}.json", text.encode())
            self.assertEqual(self.waferc("targets", copy)[0], text)

    def test_place_and_check(self):
        out, err = self.waferc("place", CHAIN, "-o", self.path("a"), "--check", self.path("a"))
        self.assertEqual(err, "")
        placed, checked = (re.findall(r"(?m)^(?:time|wirelength|objective) +([0-9.]+)", part) for part in out.split(": legal"))
        self.assertEqual(placed, checked)
        self.assertGreater(float(placed[2]), float(placed[0]))
        self.waferc("place", CHAIN, "-o", self.path("b"), "--seed", "1")
        with open(self.path("a"), encoding="ascii") as a, open(self.path("b"), encoding="ascii") as b:
            text = a.read()
            self.assertEqual(text, b.read())
        self.waferc("place", CHAIN, "-o", self.path("c"), "--time-limit", "0.3", "--check", self.path("c"))
        spoilt = re.sub(r"k3 : place\(\d+ \d+", "k3 : place(63 47", text).encode()
        _, err = self.waferc("place", CHAIN, "--check", self.path("d", spoilt), code=2)
        self.assertRegex(err, r"error\[WFC-E1606\]: .*kernel 'k3' at x 63, y 47: \d+ x \d+ PEs reach beyond the mesh of 64 x 48")
        spoilt = re.sub(r"k(\d) : place\(\d+ \d+", r"k\1 : place(0 0", text).encode()
        _, err = self.waferc("place", CHAIN, "--check", self.path("d", spoilt), code=2)
        self.assertRegex(err, r"kernel 'k1' at x 0, y 0, .*: it overlaps kernel 'k2' at x 0, y 0")

    def test_bad_files_as_everything(self):
        random = bytes((i * 7919 + i // 3) % 256 for i in range(5000))
        for content in (b"", b"\0", b"WAFERC", b"WAFERC\x1a\x0a" + bytes(100), random, b"{" * 100000, b"\xff" * 300):
            bad = self.path("bad", content)
            for args in (["compile", bad, "-o", self.path("out")], ["run", bad, "--input", "x.npz"], ["inspect", bad],
                         ["dis", bad], ["asm", bad, "-o", self.path("out")], ["opt", bad],
                         ["prune", bad, "-o", self.path("out"), "--prune", "lamp:.5"], ["place", bad, "-o", self.path("out")],
                         ["place", bad, "--check", bad], ["place", CHAIN, "--check", bad],
                         ["targets", self.path("bad.json", content)]):
                with self.subTest(args=args[0], content=content[:8]):
                    out, err = self.waferc(*args, code=2)
                    self.assertEqual(out, "")
                    self.assertIn("bad", err)
                    self.assertFalse(os.path.exists(self.path("out")))

    def test_missing_files_are_io_errors(self):
        for args in (["compile", "none.onnx", "-o", "out"], ["run", "none.wafer", "--input", "x.npz"],
                     ["inspect", "none"], ["dis", "none"], ["asm", "none", "-o", "out"], ["opt", "none"],
                     ["prune", "none", "-o", "out", "--prune", "lamp:.5"], ["targets", "./none.json"]):
            with self.subTest(args=args):
                self.assertIn("none", self.waferc(*args, code=74, cwd=self.folder.name)[1])
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_a_folder_is_no_file(self):
        for args in (["compile", ".", "-o", "out"], ["run", ".", "--input", "x"], ["inspect", "."], ["dis", "."],
                     ["asm", ".", "-o", "out"], ["opt", "."],
                     ["prune", ".", "-o", "out", "--prune", "lamp:.5"]):
            with self.subTest(args=args):
                self.waferc(*args, code=2, cwd=self.folder.name)
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([WAFERC, "targets", "wse2"], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 74)
        self.assertIn(b"No space left", done.stderr)

    def compile_model(self, *args, code=0, limit=None):
        model = os.path.join(MODELS, "mlp-fashion", "model.onnx")

        def limit_size():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return self.waferc("compile", model, *args, code=code, preexec_fn=limit_size if limit else None)

    def test_a_full_disk_leaves_no_program(self):
        self.assertIn("out.wafer", self.compile_model("-o", self.path("out.wafer"), code=74, limit=10000)[1])
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_output_that_cannot_be_created(self):
        self.compile_model("-o", self.path("no/such/folder.wafer"), code=74)
        self.compile_model("-o", self.folder.name, code=74)
        self.compile_model("-o", "/dev/full", code=74)
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_kill_during_compile_leaves_the_old_program(self):
        out = self.path("out.wafer", b"old")
        model = os.path.join(MODELS, "lenet5-fashion", "model.onnx")
        for seconds in (0.01, 0.1, 0.5):
            with subprocess.Popen([WAFERC, "compile", model, "-o", out], stdout=subprocess.DEVNULL) as child:
                try:
                    child.wait(timeout=seconds)
                except subprocess.TimeoutExpired:
                    child.send_signal(signal.SIGKILL)
            self.assertIn(child.returncode, (0, -signal.SIGKILL))
            with open(out, "rb") as f:
                content = f.read()
            if content != b"old":  # it was faster: then the program is whole
                self.waferc("inspect", out)
                break


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
