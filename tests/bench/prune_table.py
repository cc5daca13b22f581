#!/usr/bin/env python3
"""What pruning buys: accuracy, cycles and bytes of the Fashion-MNIST models at several sparsities.

    tests/bench/prune_table.py build/release/waferc --python VENV/bin/python [--target lab] [--scope layer|global]
                               [--sparsity 0,.5,.8,.9] [--run 500] [--part 64] [--threads 1] [--engine NAME] [MODEL ...]

VENV needs onnx, onnxruntime and numpy; this script itself needs none of them. For each model and sparsity S

- waferc compiles with --prune magnitude:S and --masks; the masks are applied to the initializers of the ONNX file, and
  ONNX Runtime's accuracy of that file over all 10 000 test images is the accuracy given;
- the program runs the first --run images on the simulator; "equal" counts those whose class is ONNX Runtime's;
- delta-T on the rectangles of the program at the first S (--rectangles; that they came out the same is checked, and said
  when not), and with PEs given anew by sparse cost (--allot sparse; --part images are run, and their classes compared as
  well). Factors compare with the first S on as many images; behind the comma the PEs in use. *Slowest* is the layer,
  adapters included, with the largest predicted cycles, on the same rectangles and re-allotted: what holds it back;
- table bytes: of the sparse form, in all PEs (tables of a layer have one size); weight bytes: of dense weights, the fullest
  PE of each layer times its PEs;
- layers that stay dense, with the density below which they would not.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


# ---- in the environment with onnx, onnxruntime and numpy ----------------------------------------------------------


def worker(model, masks, images, labels, out):
    """Writes the classes that ONNX Runtime gives to all images by the masked model; prints the accuracy."""
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import numpy_helper

    net = onnx.load(model)
    masks = dict(np.load(masks))
    for tensor in net.graph.initializer:
        if tensor.name in masks:
            mask = masks.pop(tensor.name)
            masked = numpy_helper.to_array(tensor) * mask.astype(np.float32)
            assert masked.shape == mask.shape
            tensor.CopyFrom(numpy_helper.from_array(masked, tensor.name))
    for node in list(net.graph.node):  # weights that nodes make of constants: masked behind the node
        for k, value in enumerate(node.output):
            if value in masks:
                node.output[k] = value + ".all"
                factor = numpy_helper.from_array(masks.pop(value).astype(np.float32), value + ".mask")
                net.graph.initializer.append(factor)
                masked = onnx.helper.make_node("Mul", [value + ".all", value + ".mask"], [value])
                net.graph.node.insert(list(net.graph.node).index(node) + 1, masked)
    assert not masks, f"nothing in the model has these names: {list(masks)}"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(net.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    data, truth = list(np.load(images).values())[0], np.load(labels)
    shape = [1] + [d if isinstance(d, int) else -1 for d in session.get_inputs()[0].shape[1:]]
    classes = np.array([int(session.run(None, {name: x.reshape(shape)})[0].argmax()) for x in data], dtype=np.uint8)
    np.save(out, classes)
    print(json.dumps({"accuracy": float((classes == truth).mean()), "images": len(data)}))


def count_equal(outputs, classes):
    """How many of the simulator's outputs have ONNX Runtime's class."""
    import numpy as np

    found = list(np.load(outputs).values())[0]
    found = found.reshape(-1, found.shape[-1]).argmax(axis=1)
    want = np.load(classes)[:len(found)]
    print(json.dumps({"equal": int((found == want).sum()), "of": len(found)}))


# ---- here ---------------------------------------------------------------------------------------------------------


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def in_venv(self, *words):
        done = subprocess.run([self.args.python, os.path.abspath(__file__), "--worker", *words], capture_output=True,
                              text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout)

    def images(self, count, out):
        subprocess.run([sys.executable, os.path.join(ROOT, "models", "fashion_to_npz.py"), "--count", str(count), "--out",
                        out], check=True, stdout=subprocess.DEVNULL)

    def compile(self, model, program, *options):
        """Notes about the forms of layers: name -> (form, crossover)."""
        done = subprocess.run([self.args.waferc, "compile", "-v", model, "--target", self.args.target, "-o", program,
                               *options], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"compile {model} {' '.join(options)}: {done.stderr}")
        forms = re.findall(r"note\[WFC-N7052\]: (.+?): (sparse|dense) form: .*?; sparse is faster below density ([0-9.]+)",
                           done.stderr)
        return {name: (form, float(crossover)) for name, form, crossover in forms}

    def run(self, program, images, classes):
        """Statistics of a run, and how many classes are ONNX Runtime's."""
        stats, out = self.path("stats.json"), self.path("out.npz")
        command = [self.args.waferc, "run", "-q", program, "--input", images, "--stats", stats, "-o", out]
        command += ["--threads", str(self.args.threads)]
        if self.args.engine:
            command += ["--engine", self.args.engine]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"run {program}: {done.stderr}")
        with open(stats, encoding="utf-8") as f:
            return json.load(f), self.in_venv("equal", out, classes)


def rectangles(stats):
    return {l["name"]: l["rectangle"] for l in stats["layers"]}


def bytes_of(stats, category):
    """Of all PEs; a layer's figure is its fullest PE's."""
    return sum(l["sram_bytes"][category] * l["pe_count"] for l in stats["layers"])


def slowest(stats):
    layer = max(stats["layers"], key=lambda l: l["predicted_cycles"]["total"])
    return f"{layer['name']} ({layer['kind']})"


def times(stats, base):
    """Simulated and predicted delta-T, faster than the base by."""
    delta = stats["delta_t_cycles"]
    return f"{delta:.0f} / {stats['predicted_delta_t_cycles']:.0f} ({base / delta:.2f}x), {stats['pe_used']}"


def one_row(b, name, sparsity, first, part, base):
    model, program = os.path.join(ROOT, "models", name, "model.onnx"), b.path(f"{name}-{sparsity}.wafer")
    masks, classes = b.path("masks.npz"), b.path("classes.npy")
    how = ["--prune", f"magnitude:{sparsity}:{b.args.scope}", "--masks", masks]
    forms = b.compile(model, program, *how, *(["--rectangles", base["program"]] if base else []))
    result = b.in_venv("masked", model, masks, b.path("images.npz"), b.path("labels.npy"), classes)
    stats, equal = b.run(program, first, classes)
    allotted = b.path("allot.wafer")
    b.compile(model, allotted, *how[:2], "--allot", "sparse")
    again, parts = b.run(allotted, part, classes)
    if base is None:
        base = {"program": program, "delta": stats["delta_t_cycles"], "part": again["delta_t_cycles"],
                "rectangles": rectangles(stats)}
    same = "" if rectangles(stats) == base["rectangles"] else " (other rectangles)"
    wrong = "" if parts["equal"] == parts["of"] else f" {parts['of'] - parts['equal']} classes differ"
    dense = [f"{n} ({c:.2f})" for n, (form, c) in forms.items() if form == "dense"]
    if not forms:
        dense = ["all"]
    density = stats["macs_nonzero"] / stats["macs"]
    print(f"| {name} | {sparsity} | {density:.3f} | {100 * result['accuracy']:.2f} % | {equal['equal']} of {equal['of']} | "
          f"{times(stats, base['delta'])}{same} | {times(again, base['part'])}{wrong} | "
          f"{bytes_of(stats, 'index')} | {bytes_of(stats, 'weight')} | {', '.join(dense) or 'none'} | "
          f"{slowest(stats)}; {slowest(again)} |", flush=True)
    return base


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waferc")
    parser.add_argument("--python", required=True)
    parser.add_argument("--target", default="lab")
    parser.add_argument("--scope", choices=("layer", "global"), default="layer")
    parser.add_argument("--sparsity", default="0,.5,.8,.9")
    parser.add_argument("--run", type=int, default=500)
    parser.add_argument("--part", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--engine")
    parser.add_argument("models", nargs="*", default=["mlp-fashion", "resnet-fashion"])
    args = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        b = Bench(args, folder)
        b.images(10000, folder)
        for count, out in ((args.run, b.path("first")), (args.part, b.path("part"))):
            os.mkdir(out)
            b.images(count, out)
        print(f"target {args.target}, magnitude per {args.scope}, {args.run} images on the same rectangles, {args.part} "
              "re-allotted\n")
        print("| model | S | share of MACs left | accuracy (ONNX Runtime) | equal classes | delta-T simulated / predicted "
              "(factor), PEs: same rectangles | re-allotted | table bytes | weight bytes | dense layers (crossover density) "
              "| slowest: same; re-allotted |")
        print("|" + "---|" * 11)
        for name in args.models:
            base = None
            for sparsity in args.sparsity.split(","):
                base = one_row(b, name, sparsity, os.path.join(b.path("first"), "images.npz"),
                               os.path.join(b.path("part"), "images.npz"), base)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        {"masked": worker, "equal": count_equal}[sys.argv[2]](*sys.argv[3:])
    else:
        main()
