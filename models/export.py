#!/usr/bin/env python3
"""Exports larger nets, with calibrated random weights, to a folder outside the repository.

    export.py [--exporter torchscript|dynamo] [--keep-bn] [--out DIR] [--zoo] [NAME ...]

Run it with the Python of the virtual environment that setup_torch.sh makes. It
downloads nothing. For each NAME (default: all of MODELS; with --zoo: all of ZOO,
a small net of each family of torchvision's classifiers) it makes, in DIR/NAME
(DIR is ~/.cache/waferc/models unless given):

    model.onnx              by the TorchScript exporter, opset 17, batch 1
    model-dynamo.onnx       by the dynamo exporter (with --exporter dynamo), and
                            beside it model-dynamo.onnx.data, its weights
    model-bn.onnx           TorchScript with --keep-bn: BatchNormalization nodes
                            are left in the graph, not folded into the Conv
    inputs.npz              image f32 [8,C,H,W]: eight inputs, as 'waferc run --input' reads them
    outputs.npz             logits f32 [8,N]: ONNX Runtime's answers, one image at a time
    test_data_set_0 .. 7/   the same as input_0.pb and output_0.pb, for
                            'waferc run --data DIR/NAME --compare'

Of a net of ZOO, the first of the eight inputs is recorded, the others are not.

Weights are random, so the nets know nothing, but they compute something: an
untrained mobilenet_v2 gives 1e-10 for any image, which proves nothing. Here each
BatchNormalization takes its statistics from a batch of images, each Conv and
Linear that none follows is scaled to outputs of deviation 1, and the last Linear
is scaled and shifted until logits have mean 0 and deviation 0.75 over that batch
(a net that ends in a Conv, a Relu and a mean is only scaled). They differ from
image to image.
"""

import argparse
import os
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from torch import nn
from torch.nn import functional

SEED = 1
IMAGES = 8          # inputs recorded
CALIBRATION = 16    # images that set the statistics; none of those recorded
OPSET = {"torchscript": 17, "dynamo": 18}
LOGIT_DEVIATION = 0.75


# ---- the nets ---------------------------------------------------------------


def dannet_gtsrb():
    """Ciresan and others' 3x48x48-100C7-MP2-150C4-MP2-250C4-MP2-300N-43N of 2012."""
    net = nn.Sequential(
        nn.Conv2d(3, 100, 7), nn.Tanh(), nn.MaxPool2d(2),    # 100x42x42, 21x21
        nn.Conv2d(100, 150, 4), nn.Tanh(), nn.MaxPool2d(2),  # 150x18x18, 9x9
        nn.Conv2d(150, 250, 4), nn.Tanh(), nn.MaxPool2d(2),  # 250x6x6, 3x3
        nn.Flatten(),
        nn.Linear(2250, 300), nn.Tanh(),
        nn.Linear(300, 43),
    )
    count = sum(p.numel() for p in net.parameters())
    assert count == 1543443, count
    return net


# name: (net without weights from anywhere, shape of one image)
MODELS = {
    "resnet18": (lambda: torchvision.models.resnet18(weights=None), (3, 224, 224)),
    "resnet50": (lambda: torchvision.models.resnet50(weights=None), (3, 224, 224)),
    "mobilenet_v2": (lambda: torchvision.models.mobilenet_v2(weights=None), (3, 224, 224)),
    "dannet-gtsrb": (dannet_gtsrb, (3, 48, 48)),
}


def zoo(name, side=224, **options):
    return name, (lambda: getattr(torchvision.models, name)(weights=None, **options), (3, side, side))


# as MODELS: small variants, those of at least 224 pixels as torchvision trains them; auxiliary heads are for training only
ZOO = dict([
    zoo("alexnet"),
    zoo("vgg11"),
    zoo("vgg11_bn"),
    zoo("squeezenet1_1"),
    zoo("densenet121"),
    zoo("googlenet", aux_logits=False, init_weights=True),
    zoo("inception_v3", 299, aux_logits=False, init_weights=True),
    zoo("resnext50_32x4d"),
    zoo("wide_resnet50_2"),
    zoo("mobilenet_v3_small"),
    zoo("shufflenet_v2_x0_5"),
    zoo("mnasnet0_5"),
    zoo("efficientnet_b0"),
    zoo("efficientnet_v2_s"),
    zoo("regnet_x_400mf"),
    zoo("regnet_y_400mf"),
    zoo("convnext_tiny"),
])


# ---- images and weights -----------------------------------------------------


def random_images(count, shape, seed):
    """Noise of several grain sizes, about mean 0 and deviation 1, f32 [count,C,H,W].

    White noise alone would do badly: pooled over the image it always looks the
    same, and so would the logits.
    """
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = shape
    total = torch.zeros(count, *shape)
    grains = (1, 4, 16, height)
    for grain in grains:
        noise = torch.randn(count, channels, min(grain, height), min(grain, width), generator=generator)
        total += functional.interpolate(noise, (height, width), mode="bilinear", align_corners=False)
    return total / len(grains) ** 0.5


LAYERS = (nn.Conv2d, nn.Linear)


def unnormalised(net):
    """Layers that no BatchNormalization follows: all of a net without, else those of squeeze-excitations, and Linears."""
    if not any(isinstance(m, nn.BatchNorm2d) for m in net.modules()):
        return {m for m in net.modules() if isinstance(m, LAYERS)}
    inner = {m for part in net.modules() if isinstance(part, torchvision.ops.SqueezeExcitation) for m in part.modules()}
    return {m for m in net.modules() if isinstance(m, nn.Linear) or (m in inner and isinstance(m, nn.Conv2d))}


def scale_outputs(layer, inputs, output):
    """A forward hook: the layer's weights so that its outputs have deviation 1, and what it gives with these."""
    layer.weight /= output.std()
    return layer.forward(*inputs)


@torch.no_grad()
def calibrated(name):
    """The net in eval mode with weights as the text above says."""
    build, shape = {**MODELS, **ZOO}[name]
    torch.manual_seed(SEED)
    net = build().eval()
    images = random_images(CALIBRATION, shape, SEED + 1)
    for norm in (m for m in net.modules() if isinstance(m, (nn.BatchNorm2d, nn.LayerNorm))):
        # not 1 and 0, so that folding them is seen to be right
        norm.weight.uniform_(0.7, 1.3)
        norm.bias.normal_(0.0, 0.2)
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
            norm.train()
    for name, parameter in net.named_parameters():
        if name.endswith("layer_scale"):  # ConvNeXt's starts at 1e-6: its blocks would add nothing
            parameter.uniform_(0.3, 0.7)
    hooks = [layer.register_forward_hook(scale_outputs) for layer in unnormalised(net)]
    net(images)
    for hook in hooks:
        hook.remove()
    net.eval()
    last = [m for m in net.modules() if isinstance(m, LAYERS)][-1]
    last.weight.normal_()
    last.bias.zero_()
    logits = net(images)
    # behind a Conv there is a Relu, which scales with it, but what it leaves at 0 does not shift
    centre = logits.mean(dim=0) if isinstance(last, nn.Linear) else 0.0
    factor = LOGIT_DEVIATION / (logits - centre).std()
    last.weight *= factor
    last.bias -= centre * factor
    return net


# ---- export and record ------------------------------------------------------


def export(net, shape, path, exporter, keep_bn):
    image = torch.zeros(1, *shape)
    common = dict(input_names=["image"], output_names=["logits"], opset_version=OPSET[exporter])
    if exporter == "dynamo":
        torch.onnx.export(net, (image,), path, dynamo=True, external_data=True, **common)
    else:
        mode = torch.onnx.TrainingMode.PRESERVE if keep_bn else torch.onnx.TrainingMode.EVAL
        torch.onnx.export(net, (image,), path, dynamo=False, training=mode, **common)
    onnx.checker.check_model(path, full_check=True)


def answers(path, images):
    """ONNX Runtime's logits, one image at a time, on one thread, f32 [count,N]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(["logits"], {"image": images[i:i + 1]})[0]
                           for i in range(len(images))])


def write_tensor(path, name, array):
    with open(path, "wb") as f:
        f.write(onnx.numpy_helper.from_array(array, name).SerializeToString())


def record(folder, images, logits):
    np.savez(os.path.join(folder, "inputs.npz"), image=images)
    np.savez(os.path.join(folder, "outputs.npz"), logits=logits)
    for i in range(len(images)):
        at = os.path.join(folder, f"test_data_set_{i}")
        shutil.rmtree(at, ignore_errors=True)
        os.mkdir(at)
        write_tensor(os.path.join(at, "input_0.pb"), "image", images[i:i + 1])
        write_tensor(os.path.join(at, "output_0.pb"), "logits", logits[i:i + 1])


def file_name(exporter, keep_bn):
    if exporter == "dynamo":
        return "model-dynamo.onnx"
    return "model-bn.onnx" if keep_bn else "model.onnx"


def make(name, folder, exporter, keep_bn):
    os.makedirs(folder, exist_ok=True)
    shape = {**MODELS, **ZOO}[name][1]
    recorded_images = 1 if name in ZOO else IMAGES
    net = calibrated(name)
    path = os.path.join(folder, file_name(exporter, keep_bn))
    for old in (path, path + ".data"):
        if os.path.exists(old):
            os.remove(old)
    export(net, shape, path, exporter, keep_bn)
    images = random_images(IMAGES, shape, SEED + 2).numpy()
    logits = answers(path, images)
    deviation, between = logits.std(), logits.std(axis=0).mean()
    images, logits = images[:recorded_images], logits[:recorded_images]
    with torch.no_grad():
        exact = net.double()(torch.from_numpy(images).double()).numpy()
    recorded = os.path.join(folder, "outputs.npz")
    # all the ways to export share the recorded outputs, which are those of model.onnx
    if os.path.basename(path) == "model.onnx" or not os.path.exists(recorded):
        record(folder, images, logits)
    apart = np.abs(np.load(recorded)["logits"] - logits).max() / np.abs(logits).max()
    if apart > 1e-4:
        sys.exit(f"{path}: outputs differ from the recorded ones by {apart:g} of the largest; "
                 "make model.onnx anew first")
    graph = onnx.load(path, load_external_data=False).graph
    operators = sorted({node.op_type for node in graph.node})
    parameters = sum(p.numel() for p in net.parameters())
    print(f"{path}: {parameters} parameters, {len(graph.node)} nodes: {' '.join(operators)}; "
          f"logits' deviation {deviation:.3f}, between images {between:.3f}, "
          f"from f64 {np.abs(exact - logits).max() / np.abs(exact).max():.2g}", flush=True)


def main():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser = argparse.ArgumentParser(description="Export nets with calibrated random weights.")
    parser.add_argument("names", metavar="NAME", nargs="*",
                        help="one of: %s" % ", ".join([*MODELS, *ZOO]))
    parser.add_argument("--zoo", action="store_true", help="without a NAME: all of torchvision's families, one each")
    parser.add_argument("--exporter", choices=("torchscript", "dynamo"), default="torchscript")
    parser.add_argument("--keep-bn", action="store_true",
                        help="TorchScript only: leave BatchNormalization in the graph")
    parser.add_argument("--out", metavar="DIR", default=os.path.join(cache, "waferc", "models"),
                        help="the folder to make the models' folders in (default: %(default)s)")
    args = parser.parse_args()
    for name in args.names:
        if name not in MODELS and name not in ZOO:
            parser.error(f"no model named {name}")
    if args.keep_bn and args.exporter == "dynamo":
        parser.error("--keep-bn is for the TorchScript exporter")

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in args.names or (ZOO if args.zoo else MODELS):
        make(name, os.path.join(args.out, name), args.exporter, args.keep_bn)


if __name__ == "__main__":
    main()
