#!/usr/bin/env python3
"""Where and how a model is placed, from the command line: methods, limits, defects, another program's rectangles, plan.

    test_placing.py WAFERC MODELS_DIR MAKE_DEFECTS

Every program that is compiled here also runs, and its outputs are compared with the model's own. Standard library only.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

WAFERC, MODELS, MAKE_DEFECTS = (os.path.abspath(a) for a in sys.argv[1:4])
FLOORPLAN = re.compile(r"floorplan: (\w+) at (\d+) cycles \(slabs (\d+), metis (\d+), rows (\d+);")


def model(name):
    return os.path.join(MODELS, name, "model.onnx")


class Placing(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.program = self.path("p.wafer")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def waferc(self, *args, code=0):
        done = subprocess.run([WAFERC, *args], capture_output=True, timeout=300, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{args}: {out}{err}")
        if code > 1:
            self.assertIn("waferc: error[WFC-E", err)
        return out, err

    def compile(self, name, *args, code=0):
        out, err = self.waferc("compile", model(name), "-o", self.program, "-v", *args, code=code)
        self.assertEqual(os.path.exists(self.program), code == 0)
        return out, err

    def run_it(self, name, *args):
        """Statistics of a run of 2 samples."""
        stats = self.path("run.json")
        self.waferc("run", self.program, "--data", os.path.join(MODELS, name), "--samples", "2", "--stats", stats, *args)
        with open(stats, encoding="utf-8") as f:
            return json.load(f)

    def run_right(self, name):
        return self.run_it(name, "--compare", "--rel-max", "1e-4")

    def report(self):
        report = self.path("report.json")
        self.waferc("report", self.program, "-o", report)
        with open(report, encoding="utf-8") as f:
            return json.load(f)

    def test_each_method(self):
        for method in ("slabs", "metis", "rows"):
            with self.subTest(method=method):
                _, err = self.compile("lenet5-fashion", "--place", method)
                found = FLOORPLAN.search(err)
                self.assertEqual(found[1], method)
                tried = dict(zip(("slabs", "metis", "rows"), found.groups()[2:]))
                self.assertEqual([m for m in tried if tried[m] != "0"], [method])
                stats = self.run_right("lenet5-fashion")
                # the note is of the plan; the program's figure is of the layers as they were emitted
                self.assertAlmostEqual(stats["predicted_delta_t_cycles"] / float(found[2]), 1, delta=0.1)
                os.remove(self.program)

    def test_auto_takes_the_fastest(self):
        for name in ("mlp-fashion", "resnet-fashion"):
            with self.subTest(name=name):
                found = FLOORPLAN.search(self.compile(name)[1])
                tried = {m: int(c) for m, c in zip(("slabs", "metis", "rows"), found.groups()[2:]) if int(c)}
                self.assertGreater(len(tried), 1)
                self.assertEqual(int(found[2]), min(tried.values()))
                self.assertEqual(tried[found[1]], min(tried.values()))
                os.remove(self.program)

    def test_max_pes(self):
        self.compile("mlp-fashion", "--max-pes", "900")
        stats = self.run_right("mlp-fashion")
        self.assertLessEqual(stats["pe_used"], 900)
        self.assertGreater(stats["pe_used"], 300)

    def test_region(self):
        self.compile("mlp-fashion", "--region", "5,7,40,31")
        self.run_right("mlp-fashion")
        for layer in self.report()["layers"]:
            r = layer["rectangle"]
            self.assertTrue(5 <= r["x"] and r["x"] + r["w"] <= 45 and 7 <= r["y"] and r["y"] + r["h"] <= 38, layer)

    def test_rectangles_of_another_program(self):
        self.compile("lenet5-fashion")
        other = self.path("other.wafer")
        os.rename(self.program, other)
        self.compile("lenet5-fashion", "--rectangles", other)
        self.run_right("lenet5-fashion")
        same = {layer["name"]: (layer["rectangle"], layer["split"]) for layer in self.report()["layers"]}
        os.rename(self.program, self.path("same.wafer"))
        self.compile("lenet5-fashion", "--rectangles", other, "--prune", "magnitude:0.9")
        self.run_it("lenet5-fashion")
        pruned = {layer["name"]: (layer["rectangle"], layer["split"]) for layer in self.report()["layers"]}
        self.assertEqual(pruned, same)
        os.remove(self.program)
        _, err = self.compile("mlp-fashion", "--rectangles", other, code=4)
        self.assertRegex(err, r"WFC-E7014\]: \S.*: the program whose rectangles are to be used has no such layer")
        named = re.search(r"WFC-E7014\]: (.+?): the program", err)[1]
        self.assertIn(named, self.waferc("plan", model("mlp-fashion"))[0])

    def test_defects(self):
        defects = self.path("defects.json")
        made = [sys.executable, MAKE_DEFECTS, "64", "64", "--rate", "0.02", "--seed", "3", "-o", defects]
        subprocess.run(made, check=True, timeout=60)
        self.compile("lenet5-fashion", "--defects", defects)
        self.run_right("lenet5-fashion")
        with open(defects, encoding="utf-8") as f:
            dead = [tuple(pe) for pe in json.load(f)["bad_pes"]]
        self.assertGreater(len(dead), 40)
        report = self.report()
        self.assertEqual(report["totals"]["pe_total"], 64 * 64 - len(dead))
        for x, y in dead:
            self.waferc("dis", self.program, "--pe", f"{x},{y}", code=2)  # it holds nothing

    def test_usage_errors(self):
        for args, fragment in ((["--place", "x"], "'x' is none of auto, slabs, metis, rows"),
                               (["--region", "1,2"], "X,Y,W,H"), (["--region", "0,0,0,4"], "X,Y,W,H"),
                               (["--region", "0,0,8,8,"], "X,Y,W,H"), (["--region", "-1,0,8,8"], "X,Y,W,H"),
                               (["--region", "0,0,32,32", "--max-pes", "9"], "--region"),
                               (["--max-pes", "0"], "--max-pes"), (["--allot", "x"], "sparse, dense"),
                               (["--rectangles", "p", "--place", "rows"], "--rectangles"),
                               (["--region", "40,0,32,64"], "not all inside target lab of 64 x 64 PEs")):
            with self.subTest(args=args):
                self.assertIn(fragment, self.compile("mlp-fashion", *args, code=2)[1])
                self.assertIn(fragment, self.waferc("plan", model("mlp-fashion"), *args, code=2)[1])
        self.compile("mlp-fashion", "--rectangles", self.path("none.wafer"), code=74)
        self.compile("mlp-fashion", "--defects", self.path("none.json"), code=74)
        self.compile("mlp-fashion", "--rectangles", model("mlp-fashion"), code=2)
        self.compile("mlp-fashion", "--defects", model("mlp-fashion"), code=2)

    def test_plan(self):
        out, _ = self.waferc("plan", model("lenet5-fashion"))
        rows = re.findall(r"(?m)^(\S.*?) +\w+ +(\d+)x(\d+) at (\d+),(\d+) +(\d+) ", out)
        self.assertGreaterEqual(len(rows), 5)
        for _, w, h, x, y, pes in rows:
            self.assertLessEqual(int(x) + int(w), 64)
            self.assertLessEqual(int(y) + int(h), 64)
            self.assertLessEqual(int(pes), int(w) * int(h))
        promised = int(re.search(r"(?m)^predicted delta-T (\d+) cycles", out)[1])
        self.compile("lenet5-fashion")
        self.assertAlmostEqual(self.run_right("lenet5-fashion")["predicted_delta_t_cycles"] / promised, 1, delta=0.05)

    def test_plan_of_what_does_not_fit(self):
        out, err = self.waferc("plan", model("dannet-fashion"), "--max-pes", "16", code=4)
        self.assertIn("does not fit on lab as it is", out)
        self.assertIn("what would fit", out)
        self.assertIn("largest layers", out)
        self.assertRegex(err, r"error\[WFC-E7")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
