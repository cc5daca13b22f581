#!/usr/bin/env python3
"""One model of models/ through the command line: compile, forget the model, run, and what must hold of the runs.

    test_models.py WAFERC MODEL_DIR [--samples N] [--jitter-samples N] [--seeds N] [--min-pes N]

Each claim is an assertion; the last line printed is a row of the table of tests/e2e/models.sh. Standard library only.
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ARRAY = re.compile(r"^  array \S+ @(0x[0-9a-f]+) (\d+) ", re.M)


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


class Model:
    def __init__(self, waferc, model, work):
        self.waferc, self.model, self.work = waferc, model, work
        self.program = self.path("p.wafer")
        self.seconds = {}

    def path(self, *names):
        return os.path.join(self.work, *names)

    def call(self, *args, code=0, cwd=None):
        begin = time.monotonic()
        done = subprocess.run([self.waferc, *args], capture_output=True, check=False, cwd=cwd)
        text = done.stdout.decode() + done.stderr.decode()
        check(done.returncode == code, f"exit {done.returncode}, expected {code}: waferc {' '.join(args)}\n{text}")
        return done.stdout.decode(), time.monotonic() - begin

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def run(self, tag, samples, *args):
        """One run of the first samples; returns (bytes of the outputs, statistics, seconds)."""
        out, stats = self.path(tag + ".npz"), self.path(tag + ".json")
        _, seconds = self.call("run", self.program, "--data", self.model, "--samples", str(samples), "-o", out,
                               "--stats", stats, *args)
        return self.read(tag + ".npz"), json.loads(self.read(tag + ".json")), seconds

    def compile(self):
        """Several times, from different folders and working directories; then the model is gone. Addresses differ from
        run to run (ASLR), so an order that depends on them shows sooner or later: that happened."""
        for name in ("a", "b/c"):
            os.makedirs(self.path(name))
            shutil.copy(os.path.join(self.model, "model.onnx"), self.path(name, "model.onnx"))
        _, seconds = self.call("compile", self.path("a", "model.onnx"), "--target", "lab", "-q", "-o", self.program)
        for _ in range(5):
            self.call("compile", "model.onnx", "--target", "lab", "-q", "-o", "other.wafer", cwd=self.path("b/c"))
            check(self.read("p.wafer") == self.read("b/c/other.wafer"), "compiling again gives different bytes")
        for name in ("a", "b"):
            shutil.rmtree(self.path(name))
        check(not [f for _, _, files in os.walk(self.work) for f in files if f.endswith(".onnx")], "a model is left")
        return seconds

    def text_round_trip(self):
        """dis and asm give the same file; returns the text."""
        text, _ = self.call("dis", self.program)
        with open(self.path("p.wasm"), "w", encoding="utf-8") as f:
            f.write(text)
        self.call("asm", self.path("p.wasm"), "-q", "-o", self.path("again.wafer"))
        check(self.read("p.wafer") == self.read("again.wafer"), "dis and asm give a different file")
        return text


def sram_of_classes(text):
    """Bytes per class, counted from the disassembly: 8 per instruction, 20 per descriptor, 4 per task, 2 per binding."""
    found = []
    for block in re.split(r"(?m)^class ", text)[1:]:
        block = block[:block.index("\n}\n")]
        descs = [int(n) for n in re.findall(r"(?m)^  desc d(\d+) ", block)]
        code = block[block.index("  code {"):].splitlines()[1:]
        insns = [line for line in code if re.match(r"^\s+[a-z]", line) and not re.match(r"^\s+L\d+:", line)]
        tasks = len(re.findall(r"(?m)^  task ", block))
        queues = len(re.findall(r"(?m)^  (?:in|out) q\d+ = ", block))
        used = 8 * len(insns) + 20 * (max(descs) + 1 if descs else 0) + 4 * tasks + 2 * queues
        used = (used + 3) // 4 * 4
        # up to the end of the last array: bytes that alignment leaves unused between arrays count
        found.append(max([used] + [int(at, 16) + int(size) for at, size in ARRAY.findall(block)]))
    return found


def check_sram(m, text, stats):
    """The program's own account, the inspector's, and one counted here from the text are the same number."""
    peak = max(sram_of_classes(text))
    check(peak == stats["sram_peak_bytes"], f"recounted {peak} bytes, statistics say {stats['sram_peak_bytes']}")
    check(sum(stats["sram_bytes"].values()) == peak, "the categories do not add up")
    check(peak <= stats["sram_bytes_per_pe"], "more SRAM than there is")
    shown = m.call("inspect", m.program)[0]
    check(re.search(rf"fullest PE {peak} of {stats['sram_bytes_per_pe']} bytes", shown), "inspect says otherwise")
    most = max(layer["sram_peak_bytes"] for layer in stats["layers"])
    check(most == peak, "the layers' accounts do not hold the fullest PE")


def check_words(m, stats, samples):
    """Every element is injected once and collected once; f32 travels one element to the word."""
    shown = m.call("inspect", m.program)[0]
    words = {}
    for kind, dtype, dims, n in re.findall(r"(?m)^(input|output) '[^']*': (\w+)\[([\d,]*)\], 1 samples each, .* (\d+) words",
                                           shown):
        check(dtype == "f32", f"expected f32 at the edge, found {dtype}")
        elements = 1
        for d in dims.split(","):
            elements *= int(d)
        check(int(n) == elements, f"{kind}: {n} words for {elements} elements")
        words[kind] = words.get(kind, 0) + elements
    check(stats["words_injected"] == words["input"] * samples, f"injected {stats['words_injected']} words")
    check(stats["words_collected"] == words["output"] * samples, f"collected {stats['words_collected']} words")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("waferc")
    parser.add_argument("model")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--jitter-samples", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--min-pes", type=int, default=1)
    a = parser.parse_args()
    a.model = os.path.abspath(a.model)
    with tempfile.TemporaryDirectory() as work:
        m = Model(os.path.abspath(a.waferc), a.model, work)
        compiled = m.compile()
        text = m.text_round_trip()
        outputs, stats, ran = m.run("plain", a.samples, "--compare", "--rel-max", "1e-4")
        check(stats["pe_used"] >= a.min_pes, f"{stats['pe_used']} PEs, expected {a.min_pes}")
        check(stats["pe_active"] == stats["pe_used"], "PEs with code that never ran")
        check_words(m, stats, a.samples)
        check_sram(m, text, stats)

        again = (outputs, stats) if a.jitter_samples == a.samples else m.run("few", a.jitter_samples)[:2]
        check(m.run("again", a.jitter_samples)[:2] == again, "running twice gives different outputs or statistics")
        check(m.run("visit", a.jitter_samples, "--no-skip")[:2] == again, "--no-skip changes outputs or statistics")
        cycles = []
        for seed in range(1, a.seeds + 1):
            shaken, with_jitter, _ = m.run("jitter", a.jitter_samples, "--jitter", str(seed))
            check(shaken == again[0], f"--jitter {seed} changes the outputs")
            check(with_jitter["completion_cycles"] != again[1]["completion_cycles"], f"--jitter {seed} changes no cycle")
            cycles.append(with_jitter["cycles"])
        check(len(set(cycles)) > 1 or a.seeds < 2, "all seeds take the same cycles")
    top = collections.Counter()
    for layer in stats["layers"]:
        top[layer["name"]] = layer["predicted_cycles"]["total"] or 0
    delta = stats["delta_t_cycles"]
    print("\t".join(str(v) for v in (
        os.path.basename(a.model), stats["pe_used"], stats["samples"], stats["cycles"],
        "-" if delta is None else round(delta, 1), round(stats["predicted_delta_t_cycles"]),
        round(stats["ideal_used_cycles"], 1), stats["latency_cycles"], stats["sram_peak_bytes"],
        stats["words_injected"], stats["words_collected"], f"{min(cycles)}..{max(cycles)}", top.most_common(1)[0][0],
        f"{compiled:.1f}", f"{ran:.1f}")))


if __name__ == "__main__":
    main()
