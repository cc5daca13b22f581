#!/usr/bin/env python3
"""Sets the outputs of `waferc run` beside ONNX Runtime's recorded predictions.

    demo_report.py --outputs OUT.npz --stats STATS.json --labels LABELS.npy --reference PREDICTIONS.npy

Prints accuracy, agreement and the figures of the run; exits 1 when a prediction differs. Standard library only.
"""

import argparse
import ast
import json
import struct
import sys
import zipfile

CODES = {"f4": "f", "f8": "d", "u1": "B", "i1": "b", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}


def read_npy(data):
    """(shape, flat list) of the bytes of a .npy file, version 1."""
    if data[:8] != b"\x93NUMPY\x01\x00":
        sys.exit("not a version 1 .npy file")
    (length,) = struct.unpack("<H", data[8:10])
    header = ast.literal_eval(data[10:10 + length].decode("ascii"))
    if header["fortran_order"] or header["descr"][1:] not in CODES or header["descr"][0] == ">":
        sys.exit(f"cannot read a .npy file of type {header['descr']}")
    count = 1
    for extent in header["shape"]:
        count *= extent
    return header["shape"], struct.unpack_from(f"<{count}{CODES[header['descr'][1:]]}", data, 10 + length)


def main():
    parser = argparse.ArgumentParser(description="Compare predictions with ONNX Runtime's.")
    for name in ("outputs", "stats", "labels", "reference"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()

    with zipfile.ZipFile(args.outputs) as archive:
        (samples, classes), scores = read_npy(archive.read(archive.namelist()[0]))
    rows = [scores[i * classes:(i + 1) * classes] for i in range(samples)]
    found = [row.index(max(row)) for row in rows]
    with open(args.labels, "rb") as f:
        labels = read_npy(f.read())[1][:samples]
    with open(args.reference, "rb") as f:
        expected = read_npy(f.read())[1][:samples]
    with open(args.stats, encoding="utf-8") as f:
        stats = json.load(f)
    if not samples == len(labels) == len(expected):
        sys.exit(f"{samples} outputs, {len(labels)} labels, {len(expected)} reference predictions")

    def accuracy(predictions):
        right = sum(p == label for p, label in zip(predictions, labels))
        return f"{right} of {samples} right ({100 * right / samples:.2f} %)"

    differing = [i for i in range(samples) if found[i] != expected[i]]
    print(f"simulated wafer:   {accuracy(found)}")
    print(f"ONNX Runtime:      {accuracy(expected)}")
    print("predictions:       " + (f"differ on images {differing}" if differing else f"all {samples} equal"))
    print(f"delta-T:           {stats['delta_t_cycles']:.1f} cycles per image (predicted {stats['predicted_delta_t_cycles']:.0f})")
    print(f"latency:           {stats['latency_cycles']} cycles")
    print(f"PEs used:          {stats['pe_used']} of {stats['pe_total']}")
    print(f"largest SRAM use:  {stats['sram_peak_bytes']} of {stats['sram_bytes_per_pe']} bytes")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
