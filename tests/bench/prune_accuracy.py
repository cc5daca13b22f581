#!/usr/bin/env python3
"""Accuracy of pruned models without training afterwards: criteria times sparsities.

    tests/bench/prune_accuracy.py build/release/waferc [--sparsity .5,.7,.8,.9,.95] [--test 10000] [--samples 1000] [MODEL ...]

`waferc prune` writes each pruned model; numpy computes its classes of the first --test Fashion-MNIST test images. Samples for
calibration and for SNIP's gradients (of the cross entropy) are the first --samples training images. Needs numpy (Debian's:
run it with /usr/bin/python3) and the package dataset-fashion-mnist. MODEL: a bundled model (default mlp-fashion,
LeNet-300-100) or an ONNX file of such a net on raw pixels.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True  # nothing is left in the source tree
sys.path.insert(0, os.path.join(ROOT, "tests", "tools"))
import prune_reference as ref  # noqa: E402

SPARSE = [("global", "magnitude:{}:global"), ("uniform", "magnitude:{}"), ("uniform+", "magnitude:{}:uniform+"),
          ("ERK", "magnitude:{}:erk"), ("LAMP", "lamp:{}"), ("SNIP", "snip:{}"), ("Wanda row", "wanda:{}:row"),
          ("Wanda global", "wanda:{}"), ("SparseGPT", "sparsegpt:{}"), ("SynFlow", "synflow:{}"), ("random", "random:{}")]
FIXED = ["magnitude:2:4", "magnitude:1:4", "sparsegpt:2:4", "magnitude:.5:block=4x1", "magnitude:.5:block=1x4",
         "magnitude:.5:block=4x4", "magnitude:.5:block=1x16", "magnitude:.1:filter", "magnitude:.25:filter",
         "magnitude:.5:filter"]


def images(split, count, folder):
    subprocess.run([sys.executable, os.path.join(ROOT, "models", "fashion_to_npz.py"), "--split", split, "--count",
                    str(count), "--out", folder], check=True, stdout=subprocess.DEVNULL)
    return np.load(folder + "/images.npz")["image"], np.load(folder + "/labels.npy")


def logits(net, x):
    return np.concatenate([net.run(part)[net.nodes[-1].outputs[0]] for part in np.split(x, range(500, len(x), 500))])


def gradients(net, x, labels):
    """Of the mean cross entropy by each weight: a chain of Gemm and Relu, or None."""
    if {n.op for n in net.nodes} - {"Mul", "Flatten", "Gemm", "Relu"}:
        return None
    values, out = net.run(x), {}
    y = values[net.nodes[-1].outputs[0]].astype(float)
    g = np.exp(y - y.max(axis=1, keepdims=True))
    g = (g / g.sum(axis=1, keepdims=True) - np.eye(y.shape[1])[labels]) / len(x)
    for node in reversed(net.nodes):
        if node.op == "Gemm":
            out[node.inputs[1]] = g.T @ values[node.inputs[0]]
            g = g @ net.init[node.inputs[1]]
        elif node.op == "Relu":
            g = g * (values[node.inputs[0]] > 0)
    return out


class Bench:
    def __init__(self, args, name, folder):
        self.args, self.folder = args, folder
        self.model = name if os.path.isfile(name) else os.path.join(ROOT, "models", name, "model.onnx")
        self.net = ref.Net(self.model)
        self.x, self.labels = images("test", args.test, folder)
        samples, classes = images("train", args.samples, folder)
        np.savez(folder + "/samples.npz", **{self.net.input: samples})
        self.grads = gradients(self.net, samples, classes)
        if self.grads:
            np.savez(folder + "/grads.npz", **self.grads)

    def accuracy(self, net):
        return f"{100 * (logits(net, self.x).argmax(axis=1) == self.labels).mean():.2f}"

    def pruned(self, how):
        if how.startswith("snip") and not self.grads:
            return "-"
        options = ["--calibrate", self.folder + "/samples.npz"] if how.startswith(("wanda", "sparsegpt")) else []
        options += ["--gradients", self.folder + "/grads.npz"] if how.startswith("snip") else []
        out = self.folder + "/pruned.onnx"
        done = subprocess.run([self.args.waferc, "prune", "-q", self.model, "-o", out, "--prune", how, *options],
                              capture_output=True, text=True, check=False)
        if "WFC-E0285" in done.stderr:  # this distribution cannot have that sparsity
            return "-"
        if done.returncode:
            sys.exit(f"{how}: {done.stderr}")
        return self.accuracy(ref.Net(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waferc")
    parser.add_argument("--sparsity", default=".5,.7,.8,.9,.95")
    parser.add_argument("--test", type=int, default=10000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("models", nargs="*", default=["mlp-fashion"])
    args = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in args.models:
            b = Bench(args, name, folder)
            print(f"{name}, dense {b.accuracy(b.net)} %\n\n| S | " + " | ".join(n for n, _ in SPARSE) + " |")
            print("|" + "---|" * (len(SPARSE) + 1))
            for s in args.sparsity.split(","):
                print(f"| {s} | " + " | ".join(b.pruned(how.format(s)) for _, how in SPARSE) + " |", flush=True)
            print()
            for how in FIXED:
                print(f"{how}: {b.pruned(how)} %", flush=True)


main()
