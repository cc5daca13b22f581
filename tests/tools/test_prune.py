#!/usr/bin/env python3
"""compile --prune and --masks: the masks are those of the model's own initializers, chosen as the help says.

    test_prune.py WAFERC MODEL.onnx

Reads the initializers and the masks itself and chooses again. Standard library only.
"""

import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # nothing is left in the source tree
from mini_onnx import initializers, read_masks

WAFERC, MODEL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def choose(weights, names, share, one_threshold):
    """Masks of the weights that stay; ties by order and index."""
    groups = [names] if one_threshold else [[n] for n in names]
    masks = {n: bytearray(b"\1" * len(weights[n][1])) for n in names}
    for group in groups:
        places = [(abs(w), k, i) for k, n in enumerate(group) for i, w in enumerate(weights[n][1])]
        places.sort()
        for magnitude, k, i in places[:int(share * len(places) + 0.5)]:
            masks[group[k]][i] = 0
        for magnitude, k, i in places:
            if magnitude == 0:
                masks[group[k]][i] = 0
    return masks


class Prune(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.masks = os.path.join(self.folder.name, "masks.npz")
        self.program = os.path.join(self.folder.name, "p.wafer")

    def compile(self, *args, code=0):
        done = subprocess.run([WAFERC, "compile", MODEL, "-o", self.program, *args], capture_output=True, text=True,
                              timeout=300, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_masks_are_the_initializers(self):
        weights = initializers(MODEL)
        for spec, share, one in (("0.9", .9, False), ("0.35:layer", .35, False), ("0.8:global", .8, True)):
            with self.subTest(spec=spec):
                self.compile("--prune", f"magnitude:{spec}", "--masks", self.masks)
                masks = read_masks(self.masks)
                names = [n for n in weights if n in masks]
                self.assertEqual(len(names), len(masks))
                self.assertEqual({n for n in weights if len(weights[n][0]) > 1}, set(masks))
                want = choose(weights, names, share, one)
                for name in names:
                    self.assertEqual(masks[name][0], weights[name][0])
                    self.assertEqual(masks[name][1], bytes(want[name]), name)

    def test_without_prune_all_is_there(self):
        self.compile("--masks", self.masks)
        weights = initializers(MODEL)
        for name, (_, mask) in read_masks(self.masks).items():
            self.assertEqual(mask, bytes(w != 0 for w in weights[name][1]))

    def test_pruned_programs(self):
        notes = self.compile("-v", "--prune", "magnitude:0.97")
        self.assertIn("WFC-N0283", notes)
        self.assertRegex(notes, r"WFC-N7052.*sparse form")
        with open(self.program, "rb") as f:
            first = f.read()
        self.compile("--prune", "magnitude:0.97")
        with open(self.program, "rb") as f:
            self.assertEqual(f.read(), first)
        self.compile("--prune", "magnitude:0.97", "--sparse", "never")
        with open(self.program, "rb") as f:
            self.assertNotEqual(f.read(), first)

    def test_failures_leave_nothing(self):
        for args in (("--prune", "magnitude:1"), ("--prune", "size:0.5"), ("--sparse", "often")):
            self.compile(*args, "--masks", self.masks, code=2)
        self.compile("--masks", os.path.join(self.folder.name, "none", "masks.npz"), code=74)
        self.compile("--masks", self.masks, "--target", os.path.join(self.folder.name, "none.json"), code=74)
        self.program = os.path.join(self.folder.name, "none", "p.wafer")
        self.compile("--masks", self.masks, code=74)
        self.assertEqual(os.listdir(self.folder.name), [])


unittest.main(argv=sys.argv[:1])
