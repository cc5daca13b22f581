"""The table of bad input: name, command, expected exit status, expected text. What takes more than one command is in cli_scenes.py."""

import collections
import os
import random

import cli_files as files
import cli_refusals as refusals
import cli_scenes as scenes

# `fragment`: text, or a list of texts, to be found in the messages (of a command that succeeds: in its output too).
# `function`: takes the bench, returns the text to show; `args` and `fragment` are then not used.
Case = collections.namedtuple("Case", "name args status fragment function", defaults=[None, 0, "", None])
COMMANDS = ["compile", "plan", "run", "report", "inspect", "dis", "asm", "targets", "ops", "passes", "opt", "prune"]
OUT = ["-o", "out.wafer"]
X = ["--input", "x=x.npy"]


def write_files(bench):
    def write(name, content):
        path = bench.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)

    noise = random.Random(1).randbytes(3000)
    write("empty", b"")
    write("random", noise)
    write("text", "this is no model, no program and no tensor\n")
    write_models(write)
    refusals.write(bench)
    write_tensors(bench, write, noise)
    write("deadlock.wasm", files.DEADLOCK)
    write("trap.wasm", files.TRAP)
    write("large.wasm", files.LARGE % "1.5")
    write("larger.wasm", files.LARGE % "2.5")
    write("repeat.wasm", "wafer 1\ntarget lab\nrepeat i 0..99999999 { }\n")
    write("hostile-text.wasm", "wafer 1\n\x1b[2J\x07\xff\n")
    write("hostile.wasm", 'wafer 1\ntarget lab\nlayer "\\x1b[2J\\nwaferc: error[WFC-E9999]: forged"\n'
          "class \"c\\x07\" { task t0 local main active code { main: halt } }\npe 0,0 class 0 layer 0\n")
    for name in ("deadlock", "trap"):
        bench.expect(["asm", name + ".wasm", "-o", name + ".wafer"], 0)
    for name in ("tiny", "wide", "controls", "not-utf8"):
        bench.expect(["compile", name + ".onnx", "-o", name + ".wafer"], 0)
    write("tiny.wir", bench.run(["compile", "tiny.onnx", "-o", "tiny.wafer", "--print-after", "fold"])[1].split(b"\n}\n")[0] + b"\n}\n")
    write_targets(bench, write)
    with open(bench.path("tiny.wafer"), "rb") as f:
        program = f.read()
    write("file-version.wafer", files.checksummed(program[:8] + b"\2\0\0\0" + program[12:]))
    write("target-version.wafer", files.checksummed(program[:12] + b"\2\0\0\0" + program[16:]))
    write("flipped.wafer", program[:2000] + bytes([program[2000] ^ 1]) + program[2001:])
    write("longer.wafer", program + b"\0" * 8)
    os.mkdir(bench.path("folder"))
    os.mkfifo(bench.path("pipe"))
    os.mkfifo(bench.path("pipe.npz"))
    os.mkfifo(bench.path("pipe.json"))
    os.symlink("gone", bench.path("dangling"))


def write_models(write):
    write("tiny.onnx", files.dense(4, 3))
    write("wide.onnx", files.dense(300, 40))
    write("layers.onnx", files.layers(4, 8))
    write("nested.onnx", files.nested_graphs(5000))
    write("expand.onnx", files.expand_bomb())
    write("unsupported.onnx", files.unsupported())
    write("large.onnx", files.too_large())
    write("open.onnx", files.open_axes())
    write("opset.onnx", files.dense(4, 3).replace(files.field(8, files.field(1, "") + files.field(2, 13)),
                                                  files.field(8, files.field(1, "") + files.field(2, 99))))
    write("external.onnx", files.external("weights.bin"))
    write("escape.onnx", files.external("../../../etc/passwd"))
    evil = b"\x1b[31mred\nwaferc: error[WFC-E9999]: forged\x07\xc2\x9b"
    write("controls.onnx", files.dense(4, 3, evil, b"in\x1b[2J", b"out\n\xe2\x80\xae"))
    write("not-utf8.onnx", files.dense(4, 3, b"conv \xff\xfe", b"in \xfd", b"out \xc0\x80"))
    write("evil-unsupported.onnx", files.model([files.node(b"Er\x1b[5mf", evil, ["x"], ["y"])],
                                               [files.value_info("x", [1, 4])], [files.value_info("y", [1, 4])]))


def write_tensors(bench, write, noise):
    x = files.floats((1, 4), [1, 2, 3, 4])
    write("x.npy", x)
    write("x3.npy", files.floats((1, 3), [1, 2, 3]))
    write("x1.npy", files.floats((4,), [1, 2, 3, 4]))
    write("x5.npy", files.floats((5, 4), list(range(20))))
    write("f64.npy", files.npy("<f8", (1, 4), [1, 2, 3, 4], "d"))
    write("none.npy", files.floats((0, 4), []))
    write("object.npy", files.npy("|O", (1, 4), [1, 2], "q"))
    write("huge.npy", files.floats((1 << 40, 1 << 40), [1]))
    write("labels.npy", files.npy("<i8", (2,), [1, 2], "q"))
    write("bad.npz", noise)
    files.archive(bench.path("x.npz"), x=x)
    files.archive(bench.path("extra.npz"), x=x, z=x)
    files.archive(bench.path("other.npz"), z=x)
    files.archive(bench.path("broken.npz"), x=noise)
    pb, half = files.tensor("x", [1, 4], [1.0, 2.0, 3.0, 4.0]), [0.5, 0.5, 0.5]
    for name, first in (("good", pb), ("wrong-type", files.tensor("x", [1, 4], [1, 2, 3, 4], files.INT64)),
                        ("wrong-shape", files.tensor("x", [1, 5], [1.0] * 5)), ("noise", noise), ("cut", pb[:-3])):
        write(f"data-{name}/test_data_set_0/input_0.pb", first)
        write(f"data-{name}/test_data_set_0/output_0.pb", files.tensor("y", [1, 3], half))
    write("data-two/input_0.pb", pb)
    write("data-two/input_1.pb", pb)
    write("data-gap/input_1.pb", pb)
    write("data-no-output/input_0.pb", pb)
    write("data-bad-output/input_0.pb", pb)
    write("data-bad-output/output_0.pb", files.tensor("y", [1, 4], [1.0] * 4))
    os.mkdir(bench.path("data-empty"))


def write_targets(bench, write):
    lab = bench.run(["targets", "lab"])[1].decode()
    for name, old, new in (("broken", "{", "{{"), ("unknown-key", '"width"', '"widht"'), ("negative", '"width": 64', '"width": -1'),
                           ("text", '"height": 64', '"height": "64"'), ("huge", '"width": 64', '"width": 4000000000'),
                           ("no-sram", '"sram_bytes": 49152', '"sram_bytes": 0'), ("small", '"sram_bytes": 49152', '"sram_bytes": 512'),
                           ("narrow", '"width": 64', '"width": 1'), ("colours", '"colours": 24', '"colours": 2')):
        assert old in lab
        write(f"{name}.json", lab.replace(old, new, 1))


def model_cases():
    def refused(name, model, status, fragment):
        return Case("model: " + name, ["compile", model, *OUT], status, fragment)
    yield refused("empty file", "empty", 2, "empty: the file is empty")
    yield refused("random bytes", "random", 2, "WFC-E01")
    yield refused("a text file", "text", 2, "text")
    yield refused("a program", "tiny.wafer", 2, "tiny.wafer")
    yield refused("5 000 nested graphs in 54 KB", "nested.onnx", 2, ["nested too deep at byte", "the limits are"])
    yield Case("inspect: 5 000 nested graphs", ["inspect", "nested.onnx"], 2, "nested too deep")
    yield refused("an Expand bomb", "expand.onnx", 2, ["bomb: ", "4000000000000 bytes"])
    yield Case("inspect: an Expand bomb", ["inspect", "expand.onnx"], 0, ["import: refused", "4000000000000 bytes"])
    yield refused("four unsupported nodes", "unsupported.onnx", 3,
                  ["for 4 reasons", "det: Det", "relu: Relu", "'slope'", "foreign: Relu (domain com.example", "random: Bernoulli"])
    yield refused("opset of the future", "opset.onnx", 3, "99")
    yield refused("unbound axes", "open.onnx", 2, ["--dim 'batch=N'", "--dim 'width=N'"])
    yield refused("external data file missing", "external.onnx", 2, ["weights.bin", "No such file"])
    yield refused("external data outside of the folder", "escape.onnx", 2, "leaves the folder")
    yield refused("missing file", "no-such.onnx", 74, "no-such.onnx: cannot open for reading: No such file")
    yield refused("a dangling link", "dangling", 74, "No such file")
    yield refused("a folder", "folder", 2, "not a regular file")
    yield refused("a pipe", "pipe", 2, "not a regular file")
    yield refused("too large for the target", "large.onnx", 4, ["wide convolution", "this layer needs about", "are missing"])
    for what, name, fragment in (("SRAM", "small", ["layer 0: ", "are missing"]), ("columns", "narrow", ["columns", "are missing"]),
                                 ("colours", "colours", ["takes 6 colours", "target lab has 2"])):
        yield Case(f"target with too little ({what})", ["compile", "layers.onnx", *OUT, "--target", name + ".json"], 4, fragment)


def refusal_cases():
    for name, model, status, fragment in refusals.rows():
        if status == 0:
            yield Case("import: " + name, ["inspect", model], 0, "import: ok, ")
        else:
            yield Case("import: " + name, ["compile", model, *OUT], status, fragment)
    data = ["compile", "layers.onnx", *OUT]
    yield Case("--const: an input that is data", data + ["--const", "x=x.npy"], 2, "x")
    yield Case("--const: an input that is not there", data + ["--const", "nobody=x.npy"], 2, "nobody")


def dim_cases():
    base = ["compile", "open.onnx", *OUT]
    yield Case("--dim: unknown name", base + ["--dim", "batch=1", "--dim", "wdith=8"], 2, ["wdith", "no open axis"])
    yield Case("--dim: one of two", base + ["--dim", "batch=1"], 2, "--dim 'width=N'")
    for value in ("batch", "batch=", "=3", "batch=0", "batch=-1", "batch=x", "batch=1.5", "batch=99999999999", "batch=1 "):
        yield Case(f"--dim {value!r}", base + ["--dim", value], 2, "--dim: ")
    yield Case("--dim: too large a tensor", base + ["--dim", "batch=100000", "--dim", "width=100000"], 3, "more than 2147483647 elements")
    yield Case("--dim: twice, differently", base + ["--dim", "batch=1", "--dim", "width=4", "--dim", "batch=2"], 2, "'batch' is given twice")
    shape = base + ["--input-shape"]
    yield Case("--input-shape: not the model's axes", shape + ["x=1x2x3x4x5x6"], 2, "axes, the model's")
    yield Case("--input-shape: unknown input", shape + ["nobody=1x2"], 2, ["nobody", "no input has this name"])
    yield Case("--input-shape: more than 8 axes", shape + ["x=1x1x1x1x1x1x1x1x1"], 2, "more than 8 axes")
    for value in ("x", "=1x2", "x=1x", "x=x2", "x=0x2", "x=1x-2", "x=1X2", "x=1x99999999999999999999999999"):
        yield Case(f"--input-shape {value!r}", shape + [value], 2, "--input-shape: ")
    yield Case("--const: no file", base + ["--const", "x=missing.npy"], 74, "missing.npy")
    yield Case("--const: not a tensor", base + ["--const", "x=text"], 2, "text")
    for value in ("x", "=f.npy", "x="):
        yield Case(f"--const {value!r}", base + ["--const", value], 2, "--const: ")


def target_cases():
    for name, status, fragment in (
            ("no-such-target", 2, ["no-such-target", "lab", "wse2"]), ("./no-such.json", 74, "No such file"), ("broken.json", 2, "JSON"),
            ("unknown-key.json", 2, "widht"), ("negative.json", 2, '"width"'), ("text.json", 2, '"height"'), ("huge.json", 2, '"width"'),
            ("no-sram.json", 2, '"sram_bytes"'), ("pipe.json", 2, "not a regular file"), ("folder", 2, "folder"), ("empty", 2, "empty"),
            ("random", 2, "random")):
        yield Case(f"--target {name}", ["compile", "tiny.onnx", *OUT, "--target", name], status, fragment)


def program_cases():
    for command, more in (("run", X), ("inspect", []), ("dis", [])):
        yield Case(f"program: other file version ({command})", [command, "file-version.wafer", *more], 2, ["version 2", "1"])
        yield Case(f"program: other target version ({command})", [command, "target-version.wafer", *more], 2, ["version 2", "1"])
        yield Case(f"program: one bit changed ({command})", [command, "flipped.wafer", *more], 2, "checksum")
    yield Case("program: something appended", ["run", "longer.wafer", *X], 2, "appended")
    for name in ("empty", "random", "text", "tiny.onnx"):
        yield Case(f"program: {name}", ["run", name, *X], 2, name)
    for name in ("folder", "pipe"):
        for command in ("run", "inspect", "dis", "asm", "opt"):
            more = X if command == "run" else OUT if command == "asm" else []
            yield Case(f"{command}: a {name}", [command, name, *more], 2, "not a regular file")
    yield Case("program that deadlocks", ["run", "deadlock.wafer", *X, "-o", "out.npz"], 5,
               ["deadlock", "PE (0, 0) layer left layer: task 0", "PE (1, 0)", "0 of 4 words", "WFC-N0612"])
    yield Case("program that deadlocks, with -q", ["run", "deadlock.wafer", *X, "-q"], 5, "PE (0, 0) layer left layer")
    yield Case("program that traps", ["run", "trap.wafer", *X, "-o", "out.npz", "--stats", "out.json"], 5, ["trap in cycle", "array 'a'", "conv1"])
    yield Case("cycle limit", ["run", "tiny.wafer", *X, "--max-cycles", "5", "-o", "out.npz"], 5, "5")
    yield Case("text: not a program", ["asm", "text", *OUT], 2, "text:1:1: expected 'wafer', found 'this'")
    yield Case("text: a hundred million repetitions", ["asm", "repeat.wasm", *OUT], 2, "repetitions")


def tensor_cases():
    def run(name, given, status, fragment):
        return Case("tensor: " + name, ["run", "tiny.wafer", *given, "-o", "out.npz"], status, fragment)
    yield run("wrong name", ["--input", "z=x.npy"], 2, ["z", "it has 'x'"])
    yield run("unknown name beside the right one", [*X, "--input", "z=x.npy"], 2, ["z", "it has 'x'"])
    yield run("given twice", [*X, *X], 2, "'x' is given twice")
    yield run("missing", ["--input", "other.npz"], 2, ["it has 'x'", "x: no tensor is given for this input"])
    yield run("one too many in the archive", ["--input", "extra.npz"], 2, ["z", "it has 'x'"])
    yield run("wrong shape", ["--input", "x=x3.npy"], 2, ["shape [1,3]", "expected [1,4]"])
    yield run("wrong rank", ["--input", "x=x1.npy"], 2, ["shape [4]", "expected [1,4]"])
    yield run("wrong type", ["--input", "x=f64.npy"], 2, ["f64", "f32"])
    yield run("no samples", ["--input", "x=none.npy"], 2, "shape [0,4]")
    yield run("Python objects", ["--input", "x=object.npy"], 2, "object.npy")
    yield run("2^80 elements", ["--input", "x=huge.npy"], 2, "huge.npy")
    yield run("random bytes as .npy", ["--input", "x=random"], 2, "not a .npy array")
    yield run("random bytes as .npz", ["--input", "bad.npz"], 2, "not a .npz archive")
    yield run("random bytes within .npz", ["--input", "broken.npz"], 2, "not a .npy array")
    yield run("missing file", ["--input", "x=no-such.npy"], 74, "No such file")
    yield run("missing archive", ["--input", "no-such.npz"], 74, "No such file")
    yield run("a pipe", ["--input", "x=pipe"], 2, "not a regular file")
    yield run("a pipe as archive", ["--input", "pipe.npz"], 2, "not a regular file")
    yield run("a folder", ["--input", "x=folder"], 2, "not a regular file")
    yield run("wrong type (.pb)", ["--data", "data-wrong-type"], 2, ["i64", "f32"])
    yield run("wrong shape (.pb)", ["--data", "data-wrong-shape"], 2, ["shape [1,5]", "expected [1,4]"])
    yield run("random bytes (.pb)", ["--data", "data-noise"], 2, "input_0.pb")
    yield run("cut off (.pb)", ["--data", "data-cut"], 2, "input_0.pb")
    yield run("one input too many (.pb)", ["--data", "data-two"], 2, ["found 2 files input_K.pb, expected 1"])
    yield run("input_0.pb missing", ["--data", "data-gap"], 2, "input_0.pb is missing")
    yield run("empty data folder", ["--data", "data-empty"], 2, "test_data_set_0")
    yield run("missing data folder", ["--data", "no-such-folder"], 74, "No such file")
    yield run("a file as data folder", ["--data", "x.npy"], 2, "x.npy")
    yield run("fewer labels than samples", ["--input", "x=x5.npy", "--labels", "labels.npy"], 2, "2 labels are given for 5 samples")
    yield run("labels of floats", [*X, "--labels", "x1.npy"], 2, "integers")
    yield Case("comparison fails", ["run", "tiny.wafer", "--data", "data-good", "--compare"], 1, ["elements differ", "expected 0.5"])
    yield Case("comparison without references", ["run", "tiny.wafer", "--data", "data-no-output", "--compare"], 2, ["no output_0.pb", "--compare"])
    yield Case("comparison with wrong references", ["run", "tiny.wafer", "--data", "data-bad-output", "--compare", "-o", "out.npz"], 2,
               ["shape [1,4]", "expected [1,3]"])


def usage_cases():
    for args, fragment in (
            ([], "waferc --help"), (["frobnicate"], "unknown command"), (["--frobnicate"], "--frobnicate"),
            (["run"], "too few operands; usage: waferc run"), (["run", "a", "b", *X], "one operand too many"),
            (["run", "tiny.wafer"], "give --input or --data"), (["run", "tiny.wafer", "--data", "data-good", *X], "either --input or --data"),
            (["run", "tiny.wafer", "--frobnicate"], "--frobnicate: unknown option"), (["run", "tiny.wafer", "-Z"], "-Z: unknown option"),
            (["run", "tiny.wafer", "--compare=1"], "takes no value"), (["run", "tiny.wafer", "--s", "1"], "more than one option"),
            (["run", "tiny.wafer", "--data"], "needs a value"), (["run", "tiny.wafer", "--input", "x.npy"], "NAME=FILE.npy"),
            (["run", "tiny.wafer", "--input", "x.npz", *X], "archive"), (["run", "tiny.wafer", *X, "--samples", "0"], "--samples: "),
            (["run", "tiny.wafer", *X, "--samples", "99999999999"], "--samples: "), (["run", "tiny.wafer", *X, "--jitter", "x"], "--jitter: "),
            (["run", "tiny.wafer", *X, "--engine", "magic"], "reference"), (["run", "tiny.wafer", *X, "--compare"], "--data"),
            (["run", "tiny.wafer", *X, "--rtol", "1"], "--compare"),
            (["run", "tiny.wafer", "--data", "d", "--compare", "--rel-max", "nan"], "--rel-max: "),
            (["compile", "tiny.onnx"], "-o PROG.wafer"), (["compile", "tiny.onnx", "-o"], "needs a value"),
            (["compile", "tiny.onnx", *OUT, "--print-after", "magic"], "waferc passes"), (["compile", *OUT], "too few operands"),
            (["opt", "g.wir", "--passes=fold,magic"], "waferc passes"), (["opt", "g.wir", "--print-after", "magic"], "waferc passes"),
            (["asm", "trap.wasm"], "-o PROG.wafer"), (["dis", "tiny.wafer", "--pe", "1"], "X,Y"),
            (["dis", "tiny.wafer", "--pe", "64,0"], "64 x 64"), (["dis", "tiny.wafer", "--pe", "60,60"], "does not use PE 60,60"),
            (["compile", "tiny.onnx", *OUT, "--place", "magic"], "slabs, metis, rows"), (["compile", "tiny.onnx", *OUT, "--region", "1,2"], "X,Y,W,H"),
            (["compile", "tiny.onnx", *OUT, "--region", "60,0,5,5"], "not all inside target lab"),
            (["compile", "tiny.onnx", *OUT, "--region", "0,0,9,9", "--max-pes", "9"], "--max-pes: "),
            (["compile", "tiny.onnx", *OUT, "--max-pes", "0"], "--max-pes: "), (["compile", "tiny.onnx", *OUT, "--rectangles", "random"], "random"),
            (["compile", "tiny.onnx", *OUT, "--defects", "random"], "random"), (["compile", "tiny.onnx", *OUT, "--defects", "pipe.json"], "not a regular file"),
            (["plan"], "too few operands"), (["plan", "random"], "random"), (["plan", "tiny.onnx", "--place", "magic"], "slabs, metis, rows"),
            (["report", "tiny.wafer"], "-o FILE"), (["report", "random", "-o", "out.html"], "random"), (["report", "tiny.wafer", "-o", "out.txt"], "out.txt"),
            (["ops", "extra"], "one operand too many"), (["targets", "magic"], "magic"),
            (["prune", "tiny.onnx", *OUT], "--prune or --recipe"), (["prune", "tiny.onnx", "--prune", "lamp:.5"], "-o PRUNED.onnx"),
            (["prune", "tiny.onnx", *OUT, "--prune", "size:.5"], "magnitude, lamp, random"),
            (["prune", "tiny.onnx", *OUT, "--prune", "lamp:1"], "0 <= S < 1"),
            (["prune", "tiny.onnx", *OUT, "--prune", "lamp:.5:erk:global"], "takes no distribution"),
            (["prune", "tiny.onnx", *OUT, "--prune", "snip:.5"], "--gradients FILE.npz"),
            (["prune", "tiny.onnx", *OUT, "--prune", "snip:.5", "--gradients", "random"], "random"),
            (["prune", "tiny.onnx", *OUT, "--prune", "lamp:.5", "--calibrate", "random"], "does not read this file"),
            (["prune", "random", *OUT, "--prune", "lamp:.5"], "random"), (["prune", "tiny.onnx", *OUT, "--recipe", "random"], "random"),
            (["prune", "tiny.onnx", *OUT, "--recipe", "empty"], "expected a mapping 'sparsity'")):
        yield Case("usage: waferc " + " ".join(args), args, 2, fragment)
    for command in COMMANDS:
        yield Case(f"{command} --help", [command, "--help"], 0, f"Usage: waferc {command}")
        yield Case(f"{command} --version", [command, "--version"], 0, "waferc ")
    yield Case("--help", ["--help"], 0, "Exit status:")
    yield Case("--version", ["--version"], 0, "waferc ")


def name_cases():
    yield Case("names: compile", ["compile", "evil-unsupported.onnx", *OUT], 3, "\\x1b[31mred")
    yield Case("names: inspect of the model", ["inspect", "controls.onnx"], 0, ["in\\x1b[2J", "out\\n\\xe2\\x80\\xae"])
    yield Case("names: inspect of the program", ["inspect", "-v", "controls.wafer"], 0, ["\\x1b[31mred", "in\\x1b[2J"])
    yield Case("names: dis", ["dis", "controls.wafer"], 0, "\\x1b[31mred")
    yield Case("names: run", ["run", "-v", "controls.wafer", *X], 2, "it has 'in\\x1b[2J'")
    yield Case("names: inspect of names that are not UTF-8", ["inspect", "-v", "not-utf8.wafer"], 0, ["conv \\xff\\xfe", "'in \\xfd'"])
    yield Case("names: run of names that are not UTF-8", ["run", "not-utf8.wafer", *X], 2, "it has 'in \\xfd'")
    yield Case("names: path", ["compile", "no\x1b[2J\nsuch\udcff", *OUT], 74, "no\\x1b[2J\\nsuch\\xff: cannot open")
    yield Case("names: command", ["\x1b[2J"], 2, "\\x1b[2J: unknown command")
    yield Case("names: option", ["run", "a", "--\x1b[2J=\n"], 2, "--\\x1b[2J=\\n: unknown option")
    yield Case("names: value of an option", ["run", "a", *X, "--engine", "\x1b[2J\nwaferc: error[WFC-E9999]: forged"], 2, "\\x1b[2J")
    yield Case("names: program text", ["asm", "hostile-text.wasm", *OUT], 2, "hostile-text.wasm:2:")


def cases(bench):
    for group in (model_cases, refusal_cases, dim_cases, target_cases, program_cases, tensor_cases, usage_cases, name_cases):
        yield from group()
    for name, status, function in scenes.SCENES:
        yield Case(name, None, status, "", function)
