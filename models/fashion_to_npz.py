#!/usr/bin/env python3
"""Turns Fashion-MNIST into an .npz of images and an .npy of labels.

    fashion_to_npz.py [--split test|train] [--first K] [--count N] [--name image]
                      [--deflate] [--data DIR] [--out DIR]

It reads the idx .gz files of Debian's package dataset-fashion-mnist and writes

    OUT/images.npz    one array, named NAME: f32 [N,1,28,28], raw pixels 0..255
    OUT/labels.npy    u8 [N], the classes 0..9

It needs Python's standard library only. The same command writes the same bytes
each time.
"""

import argparse
import gzip
import os
import struct
import sys
import zipfile

DATA = "/usr/share/datasets/fashion-mnist"
PREFIX = {"test": "t10k", "train": "train"}

# A pixel's value as a little-endian f32.
FLOAT = [struct.pack("<f", value) for value in range(256)]


def open_idx(path, rank):
    """An idx .gz file of bytes, opened after its header, and its shape."""
    f = gzip.open(path, "rb")
    head = f.read(4 + 4 * rank)
    if len(head) != 4 + 4 * rank or head[:4] != bytes([0, 0, 8, rank]):
        sys.exit(f"{path}: not an idx file of bytes with {rank} axes")
    return f, struct.unpack(f">{rank}I", head[4:])


def read_exactly(f, size, path):
    try:
        data = f.read(size)
    except EOFError:
        data = b""
    if len(data) != size:
        sys.exit(f"{path}: ends too early")
    return data


def npy_header(dtype, shape):
    """The header of an .npy file, version 1.0, padded to 64 bytes."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("ascii")


def main():
    parser = argparse.ArgumentParser(
        description="Turn Fashion-MNIST into images.npz and labels.npy.")
    parser.add_argument("--split", choices=sorted(PREFIX), default="test",
                        help="which images (default: test)")
    parser.add_argument("--first", metavar="K", type=int, default=0,
                        help="skip the first K (default: 0)")
    parser.add_argument("--count", metavar="N", type=int,
                        help="take N of them (default: all that are left)")
    parser.add_argument("--name", default="image",
                        help="the array's name: the model's input (default: image)")
    parser.add_argument("--deflate", action="store_true",
                        help="compress images.npz (default: store)")
    parser.add_argument("--data", metavar="DIR", default=DATA,
                        help="the folder of the idx files (default: %(default)s)")
    parser.add_argument("--out", metavar="DIR", default=".",
                        help="the folder to write to (default: the current one)")
    args = parser.parse_args()

    prefix = os.path.join(args.data, PREFIX[args.split])
    images_path = prefix + "-images-idx3-ubyte.gz"
    labels_path = prefix + "-labels-idx1-ubyte.gz"
    try:
        images, (total, height, width) = open_idx(images_path, 3)
        labels, (label_total,) = open_idx(labels_path, 1)
    except OSError as error:
        sys.exit(f"{error}\nIs the package dataset-fashion-mnist installed?")
    if label_total != total:
        sys.exit(f"{total} images, but {label_total} labels")
    count = total - args.first if args.count is None else args.count
    if args.first < 0 or count < 1 or args.first + count > total:
        sys.exit(f"--first and --count must lie within the {total} images")

    os.makedirs(args.out, exist_ok=True)
    size = height * width
    read_exactly(images, args.first * size, images_path)
    read_exactly(labels, args.first, labels_path)

    # A fixed date, so that the same command writes the same bytes.
    entry = zipfile.ZipInfo(args.name + ".npy", (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED if args.deflate else zipfile.ZIP_STORED
    with zipfile.ZipFile(os.path.join(args.out, "images.npz"), "w") as archive:
        with archive.open(entry, "w") as out:
            out.write(npy_header("<f4", (count, 1, height, width)))
            for _ in range(count):
                pixels = read_exactly(images, size, images_path)
                out.write(b"".join([FLOAT[p] for p in pixels]))
    with open(os.path.join(args.out, "labels.npy"), "wb") as out:
        out.write(npy_header("|u1", (count,)))
        out.write(read_exactly(labels, count, labels_path))


if __name__ == "__main__":
    main()
