#!/usr/bin/env python3
"""Table of the bundled models on a target: what a run costs and how far from the bound it is.

    tests/bench/models_table.py build/release/waferc [--target lab] [--samples 64] [MODEL ...]

ratio = ideal_used_cycles / delta_t_cycles: share of the multiply-accumulate rate of the PEs in use. The dominating term is the
largest predicted part of the layer with the longest predicted time. Times are of the whole process, best of three."""
import argparse
import json
import os
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TERMS = ("compute", "receive", "reduce", "epilogue", "send")


def timed(command):
    best = None
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        elapsed = time.perf_counter() - start
        best = elapsed if best is None else min(best, elapsed)
    return best


def row(waferc, model, target, samples, folder):
    path = os.path.join(ROOT, "models", model)
    program, stats = os.path.join(folder, model + ".wafer"), os.path.join(folder, model + ".json")
    compile_s = timed([waferc, "compile", "-q", os.path.join(path, "model.onnx"), "--target", target, "-o", program])
    run = [waferc, "run", program, "--data", path, "--samples", str(samples)]
    run_s = timed(run + ["-q"])
    subprocess.run(run + ["--stats", stats, "--compare", "--rel-max", "1e-4"], check=True, stdout=subprocess.DEVNULL)
    with open(stats, encoding="utf-8") as f:
        s = json.load(f)
    slowest = max(s["layers"], key=lambda l: l["predicted_cycles"]["total"])
    p = slowest["predicted_cycles"]
    term = "lane" if p["lane"] >= p["total"] else max(TERMS, key=lambda t: p[t])
    rate = s["cycles"] * s["pe_used"] / run_s
    return (f"| {model} | {s['pe_used']} | {s['delta_t_cycles']:.1f} | {s['ideal_used_cycles']:.1f} | "
            f"{s['ideal_wafer_cycles']:.1f} | {s['ideal_used_cycles'] / s['delta_t_cycles']:.2f} | "
            f"{s['predicted_delta_t_cycles']:.0f} ({s['predicted_delta_t_cycles'] / s['delta_t_cycles'] - 1:+.1%}) | "
            f"{s['latency_cycles']} | {s['sram_peak_bytes']} | {slowest['name']}: {term} | {compile_s:.2f} | {run_s:.2f} | "
            f"{rate:.2e} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waferc")
    parser.add_argument("--target", default="lab")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("models", nargs="*",
                        default=["mlp-fashion", "lenet5-fashion", "dannet-fashion", "dannet-fashion-relu", "resnet-fashion"])
    a = parser.parse_intermixed_args()
    print(f"target {a.target}, {a.samples} samples, machine load {os.getloadavg()[0]:.2f}\n")
    print("| model | PEs | delta-T | ideal, used PEs | ideal, wafer | ratio | predicted delta-T | latency | largest SRAM, bytes | "
          "slowest layer: term | compile s | run s | PE-cycles/s |")
    print("|" + "---|" * 13)
    with tempfile.TemporaryDirectory() as folder:
        for model in a.models:
            print(row(a.waferc, model, a.target, a.samples, folder), flush=True)


if __name__ == "__main__":
    main()
