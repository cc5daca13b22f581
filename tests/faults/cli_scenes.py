"""Bad input that takes more than one command: damaged files at many places, outputs that cannot be written, kills, races."""

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import threading
import time

from cli_bench import Failed

X = ["--input", "x=x.npy"]
LEFTOVER = re.compile(r"^out\.wafer\.[0-9]+\.[0-9]+\.tmp$")


def read(bench, name):
    with open(bench.path(name), "rb") as f:
        return f.read()


def write(bench, name, content):
    with open(bench.path(name), "wb") as f:
        f.write(content)


def remove(bench, *names):
    for name in names:
        if os.path.lexists(bench.path(name)):
            os.remove(bench.path(name))


# --- damaged files -----------------------------------------------------------------------------------------------------

def each_damage(bench, args, name, contents, statuses=frozenset([2])):
    """Runs `args` on each content of the file `name`; returns the last message."""
    shown = ""
    for content in contents:
        write(bench, name, content)
        shown = bench.check(args, bench.run(args), statuses, "")
        if os.path.exists(bench.path("out")):
            raise Failed(f"{args}: an output file in spite of the error")
    remove(bench, name)
    return shown


def cuts(content, count):
    """The first bytes of a file, `count` lengths spread over it, with those near the end."""
    n = len(content)
    lengths = sorted({n * i // count for i in range(count)} | {n - 1, max(n - 9, 0)})
    return [content[:k] for k in lengths]


def noise(count, seed, head=b""):
    source = random.Random(seed)
    return [head + source.randbytes(source.randrange(2000)) for _ in range(count)]


def flips(content, count, seed):
    """The file with one byte changed."""
    source = random.Random(seed)
    out = []
    for _ in range(count):
        at = source.randrange(len(content))
        out.append(content[:at] + bytes([content[at] ^ source.randrange(1, 256)]) + content[at + 1:])
    return out


def truncated(args, name, count):
    original = {"cut.onnx": "tiny.onnx", "cut.wafer": "tiny.wafer", "cut.npy": "x.npy", "cut.npz": "x.npz",
                "cut/input_0.pb": "data-good/test_data_set_0/input_0.pb"}[name]

    def scene(bench):
        folder = os.path.dirname(name)
        if folder:
            os.mkdir(bench.path(folder))
        shown = each_damage(bench, args, name, cuts(read(bench, original), count))
        if folder:
            os.rmdir(bench.path(folder))
        return shown
    return scene


def random_models(bench):
    return each_damage(bench, ["compile", "noise", "-o", "out"], "noise", noise(10, 2) + noise(10, 3, b"\x08\x08\x3a"))


def random_programs(bench):
    return each_damage(bench, ["run", "noise", *X], "noise", noise(10, 4) + noise(5, 5, read(bench, "tiny.wafer")[:272]))


def changed_programs(bench):
    return each_damage(bench, ["run", "flip", *X], "flip", flips(read(bench, "tiny.wafer"), 25, 6))


# --- outputs that cannot be written --------------------------------------------------------------------------------------

def outputs(path):
    """One command per kind of output file, each with what it needs."""
    return (["compile", "tiny.onnx", "-o", path], ["asm", "deadlock.wasm", "-o", path], ["opt", "tiny.wir", "-o", path],
            ["run", "tiny.wafer", *X, "-o", path], ["run", "tiny.wafer", *X, "--stats", path])


def to_place(path, fragment):
    def scene(bench):
        shown = ""
        for args in outputs(path):
            shown = bench.expect(args, 74, fragment)
        return shown
    return scene


def limited_size(bench):
    """A limit on the size of files acts as a full disk does in the middle of the file; the old file stays."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    write(bench, "out", b"old")
    shown = ""
    for args in outputs("out"):
        shown = bench.expect(args, 74, "out: cannot write: File too large", preexec_fn=limit)
        if read(bench, "out") != b"old":
            raise Failed(f"{args}: the old file was touched")
    remove(bench, "out")
    return shown


def full_disk(bench):
    """A file system of 16 KiB, if this user may mount one."""
    script = ('mount -t tmpfs -o size=16k tmpfs folder && printf old > folder/out.wafer && "$0" "$@"; status=$?; '
              'test "$(cat folder/out.wafer)" = old && test "$(ls folder)" = out.wafer || exit 98; exit $status')
    flags = ["-m"] if os.geteuid() == 0 else ["-r", "-m"]
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, *flags, "sh", "-c", "mount -t tmpfs -o size=16k tmpfs folder"], cwd=bench.folder,
                                     capture_output=True, check=False).returncode:
        return "waferc: error: (not tried: this user cannot mount a file system)"
    args = ["compile", "wide.onnx", "-o", "folder/out.wafer"]
    result = bench.run([*flags, "sh", "-c", script, bench.waferc, *args], program=unshare)
    return bench.check(args, result, {74}, "folder/out.wafer: cannot write: No space left on device")


def folder_not_writable(bench):
    """As another user where this one is root, whom no folder refuses."""
    folder = bench.path("folder")
    os.chmod(folder, 0o555)
    more, copied = {}, None
    if os.geteuid() == 0:
        copied = bench.path("waferc copy")
        shutil.copy(bench.waferc, copied)
        os.chmod(copied, 0o755)
        more = {"program": copied, "user": 65534, "group": 65534, "extra_groups": []}
    try:
        return bench.expect(["compile", "tiny.onnx", "-o", "folder/out.wafer"], 74, "Permission denied", **more)
    finally:
        os.chmod(folder, 0o755)
        if copied:
            os.remove(copied)


# --- kills and races -----------------------------------------------------------------------------------------------------

def killed_while_writing(bench):
    """kill -9 as soon as the temporary file is there: the old file stays whole, the leftover is known by its name."""
    bench.expect(["asm", "large.wasm", "-o", "whole.wafer"], 0)
    whole, hits, attempts = read(bench, "whole.wafer"), 0, 0
    while hits < 3 and attempts < 12:
        attempts += 1
        write(bench, "out.wafer", b"old")
        child = bench.start(["asm", "large.wasm", "-o", "out.wafer"])
        while child.poll() is None and not any(LEFTOVER.match(name) for name in os.listdir(bench.folder)):
            pass
        time.sleep(0.004 * attempts)  # further and further into the writing
        child.kill()
        bench.finish(child, "asm")
        leftovers = [name for name in os.listdir(bench.folder) if name.startswith("out.wafer.")]
        if any(not LEFTOVER.match(name) for name in leftovers):
            raise Failed(f"leftovers of another name: {leftovers}")
        if read(bench, "out.wafer") not in (b"old", whole):
            raise Failed("neither the old file nor the new one")
        hits += child.returncode == -signal.SIGKILL and len(leftovers) == 1
        remove(bench, *leftovers)
    remove(bench, "out.wafer", "whole.wafer")
    if not hits:
        raise Failed(f"none of {attempts} kills came during the writing")
    return "waferc: error: (killed while writing: the old file is whole, out.wafer.PID.N.tmp stays)"


def one_output_of_two(bench):
    names = ("large", "larger")
    for name in names:
        bench.expect(["asm", name + ".wasm", "-o", name + ".wafer"], 0)
    whole = [read(bench, name + ".wafer") for name in names]
    for _ in range(3):
        children = [bench.start(["asm", name + ".wasm", "-o", "out.wafer"]) for name in names]
        for child in children:
            bench.check("asm", bench.finish(child, "asm"), {0}, "out.wafer: 512 PEs")
        if read(bench, "out.wafer") not in whole:
            raise Failed("two writers at once made a file that is neither's")
    remove(bench, "out.wafer", "large.wafer", "larger.wafer")
    return "out.wafer is one of the two, whole"


def vanishing_input(bench):
    """A model that is written, cut and removed all the time: every command sees a model, a damaged one, or none."""
    content, stop, shown, seen = read(bench, "tiny.onnx"), threading.Event(), "", set()

    def disturb():
        while not stop.is_set():
            write(bench, "vanishing.onnx", content)
            write(bench, "vanishing.onnx", content[:100])
            remove(bench, "vanishing.onnx")
    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for _ in range(20):
            result = bench.run(["compile", "vanishing.onnx", "-o", "out.wafer"])
            text = bench.check("compile", result, {0, 2, 74}, "")
            seen.add(result[0])
            shown = text if result[0] else shown
    finally:
        stop.set()
        thread.join()
    remove(bench, "vanishing.onnx", "out.wafer")
    return shown


# --- standard streams ----------------------------------------------------------------------------------------------------

PRINTING = (["--help"], ["compile", "--help"], ["ops"], ["targets", "wse2"], ["dis", "wide.wafer"], ["inspect", "wide.wafer"],
            ["inspect", "tiny.onnx"], ["opt", "tiny.wir"])


def full_output(bench):
    shown = ""
    for args in PRINTING:
        with open("/dev/full", "wb") as full:
            shown = bench.expect(args, 74, "standard output: cannot write: No space left", stdout=full)
    return shown


def closed_pipe(bench):
    shown = ""
    for args in PRINTING:
        end, start = os.pipe()
        os.close(end)
        shown = bench.expect(args, 74, "standard output: cannot write: Broken pipe", stdout=start)
        os.close(start)
    return shown


def closed_output(bench):
    """Standard output is closed: the files opened take its number, and must not get what is printed."""
    shown = ""
    for args in PRINTING + (["compile", "tiny.onnx", "-o", "out.wafer", "--print-after", "all"],
                            ["opt", "tiny.wir", "-o", "out.wir", "--print-after", "all"]):
        result = bench.run(args, stdout=None, preexec_fn=lambda: os.close(1))
        shown = bench.check(args, result, {74}, "standard output: cannot write: Bad file descriptor")
    if read(bench, "out.wafer") != read(bench, "tiny.wafer"):
        raise Failed("the program file is not the one of an ordinary run")
    if b"after pass" in read(bench, "out.wir"):
        raise Failed("what was printed went into the output file")
    remove(bench, "out.wafer", "out.wir")
    return shown


def closed_errors(bench):
    """All three are closed: nothing can be said, but the status is right and the files are, too."""
    def close_all():
        for fd in range(3):
            os.close(fd)
    for args, status in ((["compile", "tiny.onnx", "-q", "-o", "out.wafer"], 0), (["compile", "random", "-o", "out"], 2),
                         (["run", "deadlock.wafer", *X], 5)):
        result = bench.run(args, stdin=None, stdout=None, stderr=None, preexec_fn=close_all)
        if result[0] != status:
            raise Failed(f"{args}: exit {result[0]}, expected {status}")
    if read(bench, "out.wafer") != read(bench, "tiny.wafer"):
        raise Failed("the program file is not the one of an ordinary run")
    remove(bench, "out.wafer")
    return "(no stream to print to)"


# Name, exit status for the table, function.
SCENES = (
    ("model cut off at 40 places", 2, truncated(["compile", "cut.onnx", "-o", "out"], "cut.onnx", 38)),
    ("program cut off at 40 places", 2, truncated(["run", "cut.wafer", *X], "cut.wafer", 38)),
    ("tensor .npy cut off at 20 places", 2, truncated(["run", "tiny.wafer", "--input", "x=cut.npy", "-o", "out"], "cut.npy", 18)),
    ("tensor .npz cut off at 20 places", 2, truncated(["run", "tiny.wafer", "--input", "cut.npz", "-o", "out"], "cut.npz", 18)),
    ("tensor .pb cut off at 20 places", 2, truncated(["run", "tiny.wafer", "--data", "cut", "-o", "out"], "cut/input_0.pb", 18)),
    ("20 models of random bytes", 2, random_models),
    ("15 programs of random bytes", 2, random_programs),
    ("25 programs with one byte changed", 2, changed_programs),
    ("output in a missing folder", 74, to_place("no/such/out", "No such file or directory")),
    ("output is a folder", 74, to_place("folder", "not a regular file")),
    ("output is /dev/full", 74, to_place("/dev/full", "not a regular file")),
    ("output is a pipe", 74, to_place("pipe", "not a regular file")),
    ("output folder not writable", 74, folder_not_writable),
    ("disk full", 74, full_disk),
    ("file size limit", 74, limited_size),
    ("kill -9 while writing", -9, killed_while_writing),
    ("two commands write one file at once", 0, one_output_of_two),
    ("model vanishes and comes back", 74, vanishing_input),
    ("standard output is full", 74, full_output),
    ("standard output is a closed pipe", 74, closed_pipe),
    ("standard output is closed", 74, closed_output),
    ("all standard streams are closed", 5, closed_errors),
)
