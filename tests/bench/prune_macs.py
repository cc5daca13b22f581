#!/usr/bin/env python3
"""What the distributions leave of a network's multiply-accumulates, beside the golden values of ResNet-50.

    tests/bench/prune_macs.py build/release/waferc RESNET50.onnx

Prints a row per distribution and a column per sparsity: MACs left over all MACs, padding included, as `waferc prune` counts
them on the real model with random masks. Any model will do; the golden values (RigL's iteration with zeros rounded up,
224 x 224) are ResNet-50's. Fails when one is off by more than .0005 on a model with its 4 089 184 256 MACs.
"""
import re
import subprocess
import sys
import tempfile

SPARSITIES = (".8", ".9", ".95", ".965")
GOLDEN = {"erk": (.41379, .24183, .12167, .08517), "first-dense": (.22309, .12597, .07742, .06285)}


def ratio(waferc, model, how, sparsity, folder):
    done = subprocess.run([waferc, "prune", model, "--masks", folder + "/m.npz", "--prune", f"random:{sparsity}:{how}"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    macs = int(re.search(r"(\d+) +\d+  all$", done.stdout, re.M).group(1))
    return macs, float(re.search(r"^MAC ratio ([0-9.]+)$", done.stdout, re.M).group(1))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    bad = 0
    print("| distribution | " + " | ".join(SPARSITIES) + " |")
    print("|" + "---|" * (len(SPARSITIES) + 1))
    with tempfile.TemporaryDirectory() as folder:
        for how in ("uniform", "first-dense", "uniform+", "erk"):
            row = []
            for k, sparsity in enumerate(SPARSITIES):
                macs, found = ratio(sys.argv[1], sys.argv[2], how, sparsity, folder)
                row.append(f"{found:.5f}")
                if macs == 4089184256 and how in GOLDEN:
                    row[-1] += f" ({GOLDEN[how][k]:.5f})"
                    bad += abs(found - GOLDEN[how][k]) > .0005
            print(f"| {how} | " + " | ".join(row) + " |", flush=True)
    return 1 if bad else 0


sys.exit(main())
