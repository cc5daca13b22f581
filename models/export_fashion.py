#!/usr/bin/env python3
"""Trains, exports and records the Fashion-MNIST models of this folder.

    export_fashion.py [--out DIR] [NAME ...]       make them (default: all)
    export_fashion.py --check [--out DIR] [NAME ...]   check what is there

Run it with the Python of the virtual environment that setup_export.sh makes.
It needs Debian's PyTorch 1.13 and Fashion-MNIST package, and from PyPI ONNX
Runtime and onnx.

For each NAME it makes DIR/NAME (DIR is this script's folder unless given):

    model.onnx              ONNX, opset 13, f32 weights inside;
                            image f32 [1,1,28,28], raw 0..255 -> logits f32 [1,10]
    test_data_set_<i>/      i = 0..15: the i-th test image, input_0.pb, and what
                            ONNX Runtime answers for it, output_0.pb
    predictions.npy         u8 [10000], ONNX Runtime's class of each test image
    LICENSE.md, SHA256SUMS

Training runs on one thread with a fixed seed, so the same machine with the same
packages makes the same weights again. Another processor or BLAS sums in another
order, and gets other weights of about the same accuracy.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import sys
import time

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional
from torch.onnx import register_custom_op_symbolic, symbolic_helper

DATA = "/usr/share/datasets/fashion-mnist"
SEED = 1
BATCH = 128
TEST_SETS = 16
OPSET = 13

# The operators that an exported graph may have. Anything else is an error.
ALLOWED = {
    "Conv", "Gemm", "MatMul", "Add", "Mul", "Relu", "Tanh", "MaxPool",
    "Flatten", "Reshape", "Transpose", "Pad", "Constant", "Identity",
    "GlobalAveragePool",
}

LICENSE = """\
# Licence of this model

The model and its weights are our own: `export_fashion.py`, in the folder above,
defines and trains it from scratch. They are under the same licence as the rest
of the project. So are the recorded outputs (`output_0.pb`, `predictions.npy`).

It was trained on Fashion-MNIST, and the `input_0.pb` files hold images of it.
Fashion-MNIST is copyright (c) 2017 Zalando SE, https://tech.zalando.com, and
under the MIT licence:

> Permission is hereby granted, free of charge, to any person obtaining a copy of
> this software and associated documentation files (the "Software"), to deal in
> the Software without restriction, including without limitation the rights to
> use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies
> of the Software, and to permit persons to whom the Software is furnished to do
> so, subject to the following conditions:
>
> The above copyright notice and this permission notice shall be included in all
> copies or substantial portions of the Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
> IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
> FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
> AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
> LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
> OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
> SOFTWARE.
"""


# ---- the models -------------------------------------------------------------


class Scaled(nn.Module):
    """Brings raw pixels to 0..1, then applies the net.

    The factor is a buffer, so that it is exported as an initializer and the Mul
    is the graph's first node.
    """

    def __init__(self, net):
        super().__init__()
        self.register_buffer("scale", torch.tensor(1.0 / 255.0))
        self.net = net

    def forward(self, image):
        return self.net(image * self.scale)


class PadTo29(nn.Module):
    """28x28 to 29x29: one column of zeros at the right, one row at the bottom."""

    def forward(self, x):
        return functional.pad(x, (0, 1, 0, 1))


def mlp():
    """LeNet-300-100."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 300), nn.ReLU(),
        nn.Linear(300, 100), nn.ReLU(),
        nn.Linear(100, 10),
    )


def lenet5():
    """LeNet-5's shape, with max pooling, ReLU and full connections."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),  # 6x14x14
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),            # 16x5x5
        nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(),
        nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )


def dannet(activation):
    """Ciresan and others' 1x29x29-20C4-MP2-40C5-MP3-150N-10N."""
    return nn.Sequential(
        PadTo29(),
        nn.Conv2d(1, 20, 4), activation(), nn.MaxPool2d(2),   # 20x26x26, 13x13
        nn.Conv2d(20, 40, 5), activation(), nn.MaxPool2d(3),  # 40x9x9, 3x3
        nn.Flatten(),
        nn.Linear(360, 150), activation(),
        nn.Linear(150, 10),
    )


class Block(nn.Module):
    """A basic residual block; where the shape changes, a 1x1 convolution projects the shortcut."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


def resnet():
    """A residual net of three stages; the exporter folds its BatchNormalization into the convolutions."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.MaxPool2d(2),    # 16x14x14
        Block(16, 16, 1),
        Block(16, 32, 2),   # 32x7x7
        Block(32, 64, 2),   # 64x4x4
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(64, 10),
    )


# name: (net, epochs, highest learning rate)
MODELS = {
    "mlp-fashion": (mlp, 10, 2e-3),
    "lenet5-fashion": (lenet5, 10, 3e-3),
    "dannet-fashion": (lambda: dannet(nn.Tanh), 8, 2e-3),
    "dannet-fashion-relu": (lambda: dannet(nn.ReLU), 8, 2e-3),
    "resnet-fashion": (resnet, 6, 5e-3),
}


# ---- the data ---------------------------------------------------------------


def read_idx(path):
    """An idx .gz file of bytes as a u8 array."""
    with gzip.open(path, "rb") as f:
        raw = f.read()
    if raw[:3] != b"\0\0\x08":
        sys.exit(f"{path}: not an idx file of bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_split(prefix):
    """The images as raw f32 [N,1,28,28], and the labels as u8 [N]."""
    images = read_idx(os.path.join(DATA, prefix + "-images-idx3-ubyte.gz"))
    labels = read_idx(os.path.join(DATA, prefix + "-labels-idx1-ubyte.gz"))
    return images[:, None, :, :].astype(np.float32), labels


# ---- making a model ---------------------------------------------------------


def train(name, images, labels):
    """Adam with a learning rate that rises, then falls to zero (one cycle)."""
    build, epochs, rate = MODELS[name]
    torch.manual_seed(SEED)
    model = Scaled(build())
    x = torch.from_numpy(images)
    y = torch.from_numpy(labels.astype(np.int64))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=rate, epochs=epochs,
        steps_per_epoch=(len(x) + BATCH - 1) // BATCH)
    for epoch in range(epochs):
        start, total = time.time(), 0.0
        for batch in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        print(f"{name}: epoch {epoch + 1}/{epochs}, loss {total / len(x):.4f}, "
              f"{time.time() - start:.0f} s", flush=True)
    return model.eval()


def pad_symbolic(g, x, pad, mode, value):
    """How a pad is exported.

    PyTorch 1.13's own way computes the constant pads in the graph, with Concat,
    Slice, Cast and more. Here they are one constant. Only for rank 4, zeros, and
    a pad of the last two axes: what PadTo29 uses.
    """
    left, right, top, bottom = symbolic_helper._get_const(pad, "is", "pad")
    begin, end = [0, 0, top, left], [0, 0, bottom, right]
    pads = g.op("Constant", value_t=torch.tensor(begin + end, dtype=torch.int64))
    n, c, h, w = x.type().sizes()
    padded = g.op("Pad", x, pads, mode_s="constant")
    padded.setType(x.type().with_sizes([n, c, top + h + bottom, left + w + right]))
    return padded


def export(model, path):
    register_custom_op_symbolic("aten::pad", pad_symbolic, OPSET)
    torch.onnx.export(
        model, torch.zeros(1, 1, 28, 28), path, opset_version=OPSET,
        input_names=["image"], output_names=["logits"], do_constant_folding=True)
    check_graph(path)


def check_graph(path):
    """Stops unless the model is valid and keeps to what this folder promises."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph

    def signature(values):
        return [(v.name, v.type.tensor_type.elem_type,
                 [d.dim_value for d in v.type.tensor_type.shape.dim])
                for v in values]

    f32 = onnx.TensorProto.FLOAT
    ops = [node.op_type for node in graph.node]
    problems = [op for op in ops if op not in ALLOWED]
    if ops[0] != "Mul":
        problems.append("the first node is not a Mul")
    if signature(graph.input) != [("image", f32, [1, 1, 28, 28])]:
        problems.append("input: %s" % signature(graph.input))
    if signature(graph.output) != [("logits", f32, [1, 10])]:
        problems.append("output: %s" % signature(graph.output))
    if problems:
        sys.exit(f"{path}: {problems}; nodes: {ops}")
    return ops


# ---- recording and checking -------------------------------------------------


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"])


def run_all(path, images):
    """The logits of each image, one by one, as f32 [N,10]."""
    runner = session(path)
    return np.concatenate(
        [runner.run(["logits"], {"image": images[i:i + 1]})[0]
         for i in range(len(images))])


def write_tensor(path, name, array):
    with open(path, "wb") as f:
        f.write(onnx.numpy_helper.from_array(array, name).SerializeToString())


def read_tensor(path):
    with open(path, "rb") as f:
        tensor = onnx.TensorProto.FromString(f.read())
    return tensor.name, onnx.numpy_helper.to_array(tensor)


def files_below(folder):
    """Every file's path from the folder, sorted, but SHA256SUMS."""
    found = [os.path.relpath(os.path.join(at, f), folder)
             for at, _, files in os.walk(folder) for f in files]
    return sorted(f for f in found if f != "SHA256SUMS")


def sha256sums(folder):
    """What sha256sum prints for the files of the folder."""
    lines = []
    for name in files_below(folder):
        with open(os.path.join(folder, name), "rb") as f:
            lines.append(f"{hashlib.sha256(f.read()).hexdigest()}  {name}\n")
    return "".join(lines)


def report(name, folder, predictions, labels):
    right = int((predictions == labels).sum())
    path = os.path.join(folder, "model.onnx")
    print(f"{name}: {right} of {len(labels)} right, "
          f"model.onnx {os.path.getsize(path)} bytes, "
          f"ops {' '.join(check_graph(path))}", flush=True)


def make(name, folder, train_data, test_data):
    model = train(name, *train_data)
    images, labels = test_data
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    path = os.path.join(folder, "model.onnx")
    export(model, path)

    logits = run_all(path, images)
    with torch.no_grad():
        ours = model(torch.from_numpy(images)).numpy()
    if not np.allclose(ours, logits, rtol=1e-3, atol=1e-3):
        sys.exit(f"{name}: ONNX Runtime and PyTorch differ by "
                 f"{np.abs(ours - logits).max()}")

    for i in range(TEST_SETS):
        at = os.path.join(folder, f"test_data_set_{i}")
        os.mkdir(at)
        write_tensor(os.path.join(at, "input_0.pb"), "image", images[i:i + 1])
        write_tensor(os.path.join(at, "output_0.pb"), "logits", logits[i:i + 1])
    predictions = logits.argmax(axis=1).astype(np.uint8)
    np.save(os.path.join(folder, "predictions.npy"), predictions)
    with open(os.path.join(folder, "LICENSE.md"), "w") as f:
        f.write(LICENSE)
    with open(os.path.join(folder, "SHA256SUMS"), "w") as f:
        f.write(sha256sums(folder))
    report(name, folder, predictions, labels)


def check(name, folder, test_data):
    """Reads back what is recorded and runs ONNX Runtime on it again."""
    images, labels = test_data
    path = os.path.join(folder, "model.onnx")
    with open(os.path.join(folder, "SHA256SUMS")) as f:
        if f.read() != sha256sums(folder):
            sys.exit(f"{folder}: SHA256SUMS does not fit the files")
    runner = session(path)
    worst = 0.0
    for i in range(TEST_SETS):
        at = os.path.join(folder, f"test_data_set_{i}")
        in_name, image = read_tensor(os.path.join(at, "input_0.pb"))
        out_name, logits = read_tensor(os.path.join(at, "output_0.pb"))
        if (in_name, out_name) != ("image", "logits"):
            sys.exit(f"{at}: tensors named {in_name!r} and {out_name!r}")
        if not np.array_equal(image, images[i:i + 1]):
            sys.exit(f"{at}: input_0.pb is not test image {i}")
        again = runner.run([out_name], {in_name: image})[0]
        if again.shape != logits.shape or again.dtype != logits.dtype:
            sys.exit(f"{at}: output_0.pb is {logits.dtype} {logits.shape}")
        worst = max(worst, float(np.abs(again - logits).max()))
    if worst > 1e-3:
        sys.exit(f"{name}: recorded outputs differ by {worst}")
    recorded = np.load(os.path.join(folder, "predictions.npy"))
    again = run_all(path, images).argmax(axis=1).astype(np.uint8)
    # Another processor may round otherwise where two classes are level.
    differ = int((recorded != again).sum())
    if recorded.dtype != np.uint8 or recorded.shape != labels.shape or differ > 5:
        sys.exit(f"{name}: predictions.npy: {differ} differ")
    print(f"{name}: {TEST_SETS} sets, largest difference {worst:g}; "
          f"{differ} predictions differ")
    report(name, folder, recorded, labels)


def main():
    parser = argparse.ArgumentParser(
        description="Train, export and record the Fashion-MNIST models.")
    parser.add_argument("names", metavar="NAME", nargs="*",
                        help="one of: %s (default: all)" % ", ".join(MODELS))
    parser.add_argument("--out", metavar="DIR",
                        default=os.path.dirname(os.path.abspath(__file__)),
                        help="the folder to make the models in "
                             "(default: the script's own)")
    parser.add_argument("--check", action="store_true",
                        help="make nothing; check the models that are there")
    args = parser.parse_args()
    for name in args.names:
        if name not in MODELS:
            parser.error(f"no model named {name}")

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    test_data = read_split("t10k")
    train_data = None if args.check else read_split("train")
    for name in args.names or MODELS:
        folder = os.path.join(args.out, name)
        if args.check:
            check(name, folder, test_data)
        else:
            make(name, folder, train_data, test_data)


if __name__ == "__main__":
    main()
