#!/usr/bin/env python3
"""--recipe: the same masks as --prune where both can say it, what holds for single layers, and errors with their line.

    test_recipe.py WAFERC MODEL.onnx

MODEL is lenet5-fashion. Standard library only.
"""

import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # nothing is left in the source tree
from mini_onnx import read_masks

WAFERC, MODEL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


class Recipe(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def prune(self, *args, code=0):
        masks = os.path.join(self.folder.name, "m.npz")
        done = subprocess.run([WAFERC, "prune", MODEL, "--masks", masks, *args], capture_output=True, text=True, timeout=100,
                              check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        if code:
            self.assertFalse(os.path.exists(masks))
            return done.stderr
        return read_masks(masks)

    def recipe(self, text, code=0):
        path = os.path.join(self.folder.name, "r.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return self.prune("--recipe", path, code=code)

    def test_what_prune_says_too(self):
        for text, how in (
                ("sparsity:\n  init_method: lamp\n  sparsity: 0.9\n", "lamp:0.9"),
                ("sparsity: {algorithm: static, init_method: topk, sparsity: .5, scope: row}", "magnitude:.5:row"),
                ("sparsity: {init_method: random, sparsity: 0.9, distribution: erk, seed: 3}", "random:.9:erk:seed=3"),
                ("sparsity: {init_method: magnitude, mask_structure: '2:4'}", "magnitude:2:4"),
                ("sparsity: {init_method: magnitude, mask_structure: 1:4, sparsity: 0.75}", "magnitude:1:4"),
                ("sparsity: {init_method: magnitude, mask_structure: block_4x1, sparsity: 0.5}", "magnitude:.5:block=4x1"),
                ("sparsity: {init_method: magnitude, sparsity: [0.1, 0.2, .3, .4, 0]}", "magnitude:.1,.2,.3,.4,0"),
                ("sparsity:\n  init_method: synflow\n  sparsity: &s 0.5\n  rounds: 2\n", "synflow:.5:rounds=2")):
            with self.subTest(how=how):
                self.assertEqual(self.recipe(text), self.prune("--prune", how))

    def zeros(self, text):
        return {n: 1 - sum(m) / len(m) for n, (_, m) in self.recipe(text).items()}

    def test_layers(self):
        found = self.zeros("sparsity:\n  init_method: magnitude\n  sparsity: 0.5\n  ignore: [net.0.*, '*.11*']\n"
                           "  layers:\n    'net.*': {sparsity: .2}\n    '/net/net.9/*': {sparsity: .8}\n")
        self.assertEqual(found["net.0.weight"], 0)
        self.assertEqual(found["net.11.weight"], 0)
        for name, share in (("net.3", .2), ("net.7", .2), ("net.9", .8)):
            self.assertAlmostEqual(found[name + ".weight"], share, delta=.001)
        found = self.zeros("sparsity: {init_method: magnitude, sparsity: .6, param_filter: 'net.[79].weight', scope: global,\n"
                           "  min_sparsity_ratio_per_op: .5, layers: {net.9.weight: {max_sparsity_ratio_per_op: .5}}}")
        self.assertEqual([found[f"net.{k}.weight"] for k in (0, 3, 11)], [0, 0, 0])
        self.assertEqual(found["net.9.weight"], .5)
        self.assertAlmostEqual(found["net.7.weight"], (.6 * 58080 - .5 * 10080) / 48000, delta=1e-4)

    def test_errors(self):
        for text, line, words in (
                ("", 1, "empty"), ("- a\n", 1, "mapping 'sparsity'"), ("\nsparse: 1\n", 2, "unknown key 'sparse'"),
                ("a: [\n\n", 3, "no YAML"), ("sparsity: 1\n", 1, "keys and values"),
                ("sparsity:\n  init_method: lamp\n  sparsty: .5\n", 3, "unknown key 'sparsty'; expected algorithm, init_method"),
                ("sparsity:\n  init_method: lamp\n  sparsity: .5\n  init_method: lamp\n", 4, "twice"),
                ("sparsity:\n  init_method: gmp\n", 2, "magnitude, lamp, random"),
                ("sparsity:\n  algorithm: rigl\n", 2, "only 'static'"),
                ("sparsity:\n  init_method: lamp\n  sparsity: 1.0\n", 3, "from 0 to below 1"),
                ("sparsity:\n  init_method: lamp\n  sparsity: [.5, nan]\n", 3, "'nan'"),
                ("sparsity:\n  init_method: lamp\n", 2, "says no sparsity"), ("sparsity:\n  sparsity: .5\n", 2, "init_method"),
                ("sparsity:\n  init_method: lamp\n  sparsity: .5\n  scope: erk\n", 4, "layer, row or global"),
                ("sparsity:\n  init_method: lamp\n  sparsity: .5\n  distribution: row\n", 4, "uniform+ or erk"),
                ("sparsity:\n  init_method: lamp\n  mask_structure: 5:4\n", 3, "N:M"),
                ("sparsity:\n  init_method: lamp\n  mask_structure: 2:4\n  sparsity: .75\n", 2, "something else"),
                ("sparsity:\n  init_method: lamp\n  sparsity: .5\n  seed: x\n", 4, "seed"),
                ("sparsity:\n  init_method: lamp\n  sparsity: .5\n  scope: [layer]\n", 4, "one value"),
                ("sparsity:\n  init_method: lamp\n  sparsity: .5\n  layers:\n    a*:\n      sparsity: .5\n      seed: 1\n", 7, "'seed'"),
                ("sparsity:\n  init_method: lamp\n  sparsity: .5\n  ignore:\n    - " + "x" * 200 + "\n", 5, "200 bytes"),
                ("sparsity:\n  init_method: lamp\n  sparsity: .5\n  scope: global\n  distribution: erk\n", 2, "no distribution"),
                ("x: " + "[" * 5000, "", "no YAML")):
            with self.subTest(text=text[:80]):
                err = self.recipe(text, code=2)
                self.assertIn("WFC-E0043", err)
                self.assertIn(f"r.yaml:{line}:" if line else "r.yaml:", err)
                self.assertIn(words, err)
        self.assertIn("WFC-E0288", self.recipe("sparsity: {init_method: lamp, sparsity: .5, ignore: fc*}", code=2))
        self.prune("--prune", "lamp:.5", "--recipe", "none", code=2)
        self.prune("--recipe", os.path.join(self.folder.name, "none.yaml"), code=74)


unittest.main(argv=sys.argv[:1])
