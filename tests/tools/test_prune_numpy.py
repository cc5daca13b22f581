#!/usr/bin/env python3
"""waferc prune against plain numpy: the same masks up to ties, SparseGPT's weights to 1e-4.

    test_prune_numpy.py WAFERC MODELS

Runs on the bundled Fashion-MNIST models with made-up images. Needs numpy.
"""

import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.dont_write_bytecode = True  # nothing is left in the source tree
import prune_reference as ref

WAFERC, MODELS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
IMAGES = 24


def images():
    """Bright in the middle, 0 at the edge, as the real ones: some inputs are dead."""
    rng = np.random.default_rng(7)
    x = rng.integers(0, 256, (IMAGES, 1, 28, 28)) * (rng.random((IMAGES, 1, 28, 28)) < .6)
    x[:, :, :, :3] = 0
    x[:, :, 25:, :] = 0
    return x.astype(np.float32)


class Compare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.samples = os.path.join(cls.folder.name, "x.npz")
        np.savez(cls.samples, image=images())
        cls.nets = {n: ref.Net(cls.model(n)) for n in ("mlp-fashion", "lenet5-fashion", "resnet-fashion")}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @staticmethod
    def model(name):
        return os.path.join(MODELS, name, "model.onnx")

    def prune(self, name, how, *options):
        """Masks and weights by name."""
        masks, out = (os.path.join(self.folder.name, f) for f in ("m.npz", "out.onnx"))
        done = subprocess.run([WAFERC, "prune", "-q", self.model(name), "-o", out, "--masks", masks, "--prune", how, *options],
                              capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = ref.Net(out)
        masks = {n: m.astype(bool) for n, m in np.load(masks).items()}
        net = self.nets[name]
        self.assertEqual(list(after.init), list(net.init))
        self.assertEqual(sorted(masks), sorted(net.weights))
        for n, v in after.init.items():
            if n not in masks:
                np.testing.assert_array_equal(v, net.init[n])
            else:
                np.testing.assert_array_equal(v != 0, masks[n])
        return masks, {n: after.init[n] for n in net.weights}

    def check(self, name, how, want, scores, *options, near=1e-6):
        """want: masks; where they differ the scores must be next to what stays and what goes."""
        net = self.nets[name]
        got, weights = self.prune(name, how, *options)
        everything = np.concatenate([s[want[n]].ravel() for n, s in scores.items()])
        for n in net.weights:
            with self.subTest(net=name, how=how, weight=n):
                np.testing.assert_array_equal(weights[n], np.where(got[n], net.init[n], 0))
                for at in np.argwhere(got[n] != want[n]):
                    score = scores[n][tuple(at)]
                    gap = np.abs(everything - score).min() / max(score, 1e-300)
                    self.assertLess(gap, near, f"{n}{list(at)}: score {score}")
                self.assertLess(np.mean(got[n] != want[n]), 1e-3)
        self.assertEqual(sum(m.sum() for m in got.values()), sum(m.sum() for m in want.values()))

    def weights(self, name):
        net = self.nets[name]
        return {n: net.init[n] for n in net.weights}

    def scored(self, name, how, scores, sparsity, scope, *options, share=None):
        want, compared = ref.select(self.weights(name), scores, sparsity, scope, share)
        self.check(name, how, want, compared, *options)

    def test_weights_alone(self):
        for name in self.nets:
            w = self.weights(name)
            size = {n: np.abs(v.astype(np.float64)) for n, v in w.items()}
            self.scored(name, "magnitude:0.9:global", size, .9, "global")
            self.scored(name, "magnitude:0.7:row", size, .7, "row")
            densities = ref.erk([v.shape for v in w.values()], .9)
            self.scored(name, "magnitude:0.9:erk", size, .9, "layer", share={n: 1 - d for n, d in zip(w, densities)})
            self.scored(name, "lamp:0.9", {n: ref.lamp(v) for n, v in w.items()}, .9, "global")
            four = {n: ref.n_of_m(s, 2, 4) for n, s in size.items()}
            self.check(name, "magnitude:2:4", four, size)

    def test_snip(self):
        rng = np.random.default_rng(3)
        for name in ("lenet5-fashion", "resnet-fashion"):
            w = self.weights(name)
            grads = {n: rng.standard_normal(v.shape) for n, v in w.items()}
            path = os.path.join(self.folder.name, "g.npz")
            np.savez(path, **grads, unused=np.zeros(3))
            scores = {n: np.abs(grads[n] * v.astype(np.float64)) for n, v in w.items()}
            self.scored(name, "snip:0.8", scores, .8, "global", "--gradients", path)

    def test_synflow(self):
        for name, rounds in (("mlp-fashion", 100), ("lenet5-fashion", 20), ("resnet-fashion", 3)):
            net, sparsity = self.nets[name], .9
            init = dict(net.init)
            for k in range(1, rounds + 1):
                scores = net.flow(init)
                part = 1 - (1 - sparsity) ** (k / rounds)
                masks, compared = ref.select({n: init[n] for n in net.weights}, scores, part, "global")
                init.update({n: np.where(m, init[n], 0) for n, m in masks.items()})
            self.check(name, f"synflow:{sparsity}" + (f":rounds={rounds}" if rounds != 100 else ""), masks, compared)

    def inputs(self, name):
        """[groups, vectors, columns] by weight."""
        seen = {}
        self.nets[name].run(images(), watch=lambda weight, columns: seen.update({weight: columns}))
        return {n: x.transpose(1, 0, 2, 3).reshape(x.shape[1], -1, x.shape[3]) for n, x in seen.items()}

    def test_wanda(self):
        for name in self.nets:
            x, w = self.inputs(name), self.weights(name)
            scores = {n: (np.abs(v.astype(np.float64)).reshape(x[n].shape[0], -1, x[n].shape[2])
                          * np.sqrt((x[n] ** 2).sum(axis=1))[:, None, :]).reshape(v.shape) for n, v in w.items()}
            self.scored(name, "wanda:0.8", scores, .8, "global", "--calibrate", self.samples)
            self.scored(name, "wanda:0.5:row", scores, .5, "row", "--calibrate", self.samples)

    def test_sparsegpt(self):
        for name, how, options in (("mlp-fashion", "0.8", {}), ("lenet5-fashion", "0.9", {}), ("resnet-fashion", "0.5", {}),
                                   ("mlp-fashion", "2:4", {"keep": 2, "of": 4}),
                                   ("resnet-fashion", "2:4", {"keep": 2, "of": 4})):
            x, net = self.inputs(name), self.nets[name]
            masks, weights = self.prune(name, "sparsegpt:" + how, "--calibrate", self.samples)
            for n in net.weights:
                with self.subTest(net=name, how=how, weight=n):
                    v, dims = net.init[n], net.init[n].shape
                    columns, order = x[n][0], np.arange(x[n].shape[2])
                    if options and v.ndim == 4:  # channels next to each other
                        order = order.reshape(dims[1:]).transpose(1, 2, 0).ravel()
                    want = np.empty((dims[0], len(order)))
                    step = dict(options)
                    if options and dims[1] < options["of"]:
                        step["of"] = dims[1]  # runs of channels do not reach over kernel positions
                    self.assertTrue(not options or dims[1] % step["of"] == 0)
                    want[:, order] = ref.sparsegpt(v.reshape(dims[0], -1)[:, order], columns[:, order],
                                                   0 if options else float(how), **step)
                    want = want.reshape(dims)
                    np.testing.assert_array_equal(masks[n], want.astype(np.float32) != 0)
                    np.testing.assert_allclose(weights[n], want, rtol=1e-4, atol=1e-4 * np.abs(want).max())

    def test_filter(self):
        """A chain: a unit goes with the weights that make it and those that read it, the last layer's outputs stay."""
        net = self.nets["mlp-fashion"]
        masks, _ = self.prune("mlp-fashion", "magnitude:0.3:filter")
        want = {n: np.ones(net.init[n].shape, dtype=bool) for n in net.weights}
        for made, read in zip(net.weights, net.weights[1:]):
            norm = np.abs(net.init[made].astype(np.float64)).sum(axis=1)
            gone = ~ref.first_lowest(norm, ref.rounded(.3, norm.size))
            want[made][gone] = False
            want[read][:, gone] = False
        for n in net.weights:
            np.testing.assert_array_equal(masks[n], want[n] & (net.init[n] != 0))

    def test_filters_are_removed(self):
        """On the wafer without these channels: what numpy makes of the file with zeros for them."""
        how = ("--prune", "magnitude:0.5:filter")
        self.prune("resnet-fashion", how[1])
        x, out = images()[:1], os.path.join(self.folder.name, "y.npz")
        net = ref.Net(os.path.join(self.folder.name, "out.onnx"))
        want = net.run(x)[net.nodes[-1].outputs[0]]
        program, one = (os.path.join(self.folder.name, f) for f in ("p.wafer", "one.npz"))
        np.savez(one, image=x)
        said = ""
        for args in (("compile", "-v", self.model("resnet-fashion"), "-o", program, *how),
                     ("run", program, "--input", one, "-o", out)):
            done = subprocess.run([WAFERC, *args], capture_output=True, text=True, timeout=600, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            said += done.stderr
        self.assertIn("WFC-N0289]: 112 channels are removed", said)
        got = next(iter(np.load(out).values())).reshape(want.shape)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max())

    def test_errors(self):
        def refused(name, *options):
            done = subprocess.run([WAFERC, "prune", self.model(name), "--masks", os.path.join(self.folder.name, "no.npz"),
                                   *options], capture_output=True, text=True, timeout=100, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            return done.stderr
        wide = os.path.join(self.folder.name, "wide.npz")
        np.savez(wide, image=np.zeros((2, 1, 28, 29), np.float32))
        self.assertIn("WFC-E0286", refused("mlp-fashion", "--prune", "wanda:.5", "--calibrate", wide))
        np.savez(wide, image=np.full((2, 1, 28, 28), np.inf, np.float32))
        self.assertIn("WFC-E0286", refused("mlp-fashion", "--prune", "wanda:.5", "--calibrate", wide))
        self.assertIn("WFC-E0286", refused("mlp-fashion", "--prune", "sparsegpt:.5", "--calibrate", wide))
        np.savez(wide, a=np.zeros(3), b=np.zeros(3))
        self.assertIn("WFC-E0041", refused("mlp-fashion", "--prune", "wanda:.5", "--calibrate", wide))
        self.assertIn("WFC-E0286", refused("mlp-fashion", "--prune", "snip:.5", "--gradients", wide))
        self.assertFalse(os.path.exists(os.path.join(self.folder.name, "no.npz")))


unittest.main(argv=sys.argv[:1])
