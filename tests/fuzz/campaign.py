#!/usr/bin/env python3
"""Fuzzing by CPU time: a markdown table of executions, coverage and findings per target.

    tests/fuzz/campaign.py build/fuzz [--cpu-minutes 20] [--corpus DIR] [--waferc build/release/waferc] [TARGET]...

Build first: cmake --preset fuzz && cmake --build --preset fuzz. Targets are the fuzz_* of this folder, all of them by default. Corpora start
from the repository's own small files and the models of Debian's libonnx-testdata; programs are assembled from tests/fabric with
waferc. A target runs in slices of a minute of the clock until it has used its CPU time, or found something: the input then
stays in the corpus folder as crash-*, leak-*, oom-* or timeout-*, and the exit status is 1. A corpus that is kept with --corpus is taken up again.
Coverage is of the target's own edges and those of the libraries it links, as libFuzzer counts them.
"""
import argparse
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = ("onnx", "program", "wasm", "ir", "tensor")
SEEDS = {
    "wasm": ("tests/fabric/*.wasm",),
    "ir": ("tests/passes/text/*.wir", "tests/ir/**/*.wir"),
    "tensor": ("models/*/test_data_set_*/*.pb", "models/*/*.npy", "models/*/*.npz"),
    "onnx": ("models/lenet5-fashion/model.onnx",),
}
DEBIAN = {"onnx": "data/node/*/model.onnx", "tensor": "data/node/test_a*/test_data_set_0/*.pb"}
LARGEST = 1 << 18  # bytes of a seed
SLICE = 60


def debian_data():
    listed = subprocess.run(["dpkg", "-L", "libonnx-testdata"], capture_output=True, text=True, check=False).stdout
    return next((line[:-len("data")] for line in listed.splitlines() if line.endswith("/data")), None)


def seed(target, folder, waferc):
    """Copies, by number, what the target can start from."""
    files = [f for pattern in SEEDS.get(target, ()) for f in glob.glob(os.path.join(ROOT, pattern), recursive=True)]
    debian = debian_data()
    if target in DEBIAN and debian:
        files += glob.glob(os.path.join(debian, DEBIAN[target]))
    for i, file in enumerate(sorted(files)):
        if os.path.getsize(file) <= LARGEST:
            shutil.copy(file, os.path.join(folder, f"seed-{i:04}"))
    if target == "tensor":
        array = glob.glob(os.path.join(ROOT, "models/*/predictions.npy"))[0]
        for name, how in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
            with zipfile.ZipFile(os.path.join(folder, "seed-" + name), "w", how) as z:
                z.write(array, "x.npy")
    if target == "program":
        for i, file in enumerate(sorted(glob.glob(os.path.join(ROOT, "tests/fabric/*.wasm")))):
            subprocess.run([waferc, "asm", "-q", file, "-o", os.path.join(folder, f"seed-{i:04}")],
                           stderr=subprocess.DEVNULL, check=False)


def findings(folder):
    return [f for kind in ("crash", "leak", "oom", "timeout") for f in glob.glob(os.path.join(folder, kind + "-*"))]


def used():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def campaign(binary, corpus, found, seconds):
    """(executions, covered edges, all edges, CPU seconds)."""
    runs, start, edges, total = 0, used(), 0, 0
    while used() - start < seconds and not findings(found):
        done = subprocess.run([binary, corpus, f"-max_total_time={SLICE}", "-print_final_stats=1", "-timeout=25",
                               "-rss_limit_mb=2048", f"-artifact_prefix={found}/"], stderr=subprocess.PIPE, text=True,
                              errors="replace", check=False)
        units = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
        covered = re.findall(r" cov: (\d+)", done.stderr)
        counters = re.search(r"\((\d+) inline 8-bit counters\)", done.stderr)
        if not covered or not counters:
            sys.exit(f"{binary}: {done.stderr[-2000:]}")
        runs += int(units[1]) if units else 0
        edges, total = int(covered[-1]), int(counters[1])
        if done.returncode:
            print(done.stderr[-4000:], file=sys.stderr)
            break
    return runs, edges, total, used() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("targets", nargs="*", default=TARGETS)
    parser.add_argument("--cpu-minutes", type=float, default=20)
    parser.add_argument("--corpus")
    parser.add_argument("--waferc", default=os.path.join(ROOT, "build/release/waferc"))
    args = parser.parse_intermixed_args()
    where = args.corpus or tempfile.mkdtemp()
    print("| target | executions | CPU minutes | edges covered | of | inputs kept | findings |\n" + "|---" * 7 + "|")
    bad = False
    for target in args.targets:
        corpus, found = os.path.join(where, target), os.path.join(where, target + ".found")
        os.makedirs(found, exist_ok=True)
        if not os.path.isdir(corpus):
            os.makedirs(corpus)
            seed(target, corpus, args.waferc)
        binary = os.path.join(args.build, "tests/fuzz/fuzz_" + target)
        runs, edges, total, seconds = campaign(binary, corpus, found, 60 * args.cpu_minutes)
        bad |= bool(findings(found))
        print(f"| {target} | {runs} | {seconds / 60:.1f} | {edges} | {total} | {len(os.listdir(corpus))} | "
              f"{len(findings(found))} |", flush=True)
    if not args.corpus:
        shutil.rmtree(where) if not bad else print(f"inputs are in {where}", file=sys.stderr)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
