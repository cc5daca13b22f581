#!/usr/bin/env python3
"""What models cost on a target and how far from the bounds they are: a markdown table with a column per model.

    tests/bench/wafer_table.py build/release/waferc MODELDIR... [--target wse2] [--samples 8] [--threads 2] [--no-run]
                               [--each] [--rel-max 1e-4] [--compile OPTION]... [--keep DIR [--resume]]

A MODELDIR holds model.onnx and test_data_set_0, .. as models/ and models/export.py have them. Each model is compiled (-v,
for the note on placement), run with --stats and compared with the outputs of its data sets, and reported as JSON; every
figure is from there, none is worked out here but ratios. Seconds (of the clock and of all CPUs) and peak memory are those
of the compiler's and the simulator's process. Fewer than 8 samples have no delta-T. --no-run leaves the simulation out, and what comes of it.
--each also compiles with each placement method alone; else the figures by method are those that the compiler weighed
before it emitted the winner ('-': the method found no floorplan that fits). --compile passes an option on (--compile=--max-pes=46593). --keep leaves
programs, statistics, reports and what runs printed in a folder; with --resume, a run that is kept there, of the same
program with the same number of samples, is not made again. Exits with 1 where a model failed or an output was wrong.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile

from measuring import Failed, cost, heading, load, measured, percent, row, thousands, verdict

METHODS = ("metis", "slabs", "rows")


def busy_share(stats):
    """Of the cycles of all PEs with code, filling and draining the pipeline included."""
    causes = [layer["pe_cycles"] for layer in stats["layers"]]
    return sum(c["busy"] for c in causes) / max(1, sum(sum(c.values()) for c in causes))


class Model:
    def __init__(self, args, folder, path):
        self.args, self.path = args, path
        self.name = os.path.basename(os.path.normpath(path))
        self.program = os.path.join(folder, self.name + ".wafer")
        self.stats_path = os.path.join(folder, self.name + ".stats.json")
        self.report_path = os.path.join(folder, self.name + ".report.json")
        self.run_path = os.path.join(folder, self.name + ".run.json")
        self.wrong = False

    def compile(self, program, *more):
        return measured([self.args.waferc, "compile", "-v", os.path.join(self.path, "model.onnx"), "--target",
                         self.args.target, "-o", program, *self.args.compile, *more])

    def methods(self, said, folder):
        """Winner, and cycles by method: as weighed, or of programs of their own."""
        found = re.search(r"floorplan: (\w+) at \d+ cycles \(slabs (\d+), metis (\d+), rows (\d+);", said)
        if not found:
            raise Failed("the compiler says nothing of its placement")
        cycles = dict(zip(("slabs", "metis", "rows"), (int(found[k]) for k in (2, 3, 4))))
        if not self.args.each:
            return found[1], {m: thousands(cycles[m]) if cycles[m] else "-" for m in METHODS}
        by = {}
        for m in METHODS:
            alone = os.path.join(folder, f"{self.name}.{m}.wafer")
            try:
                _, text, _, _ = self.compile(alone, "--place", m)
                by[m] = thousands(int(re.search(r"predicted delta-T (\d+) cycles", text)[1]))
            except Failed as problem:
                print(f"{self.name}, {m} alone: {problem}", file=sys.stderr)
                by[m] = "-"
        return found[1], by

    def run_or_resume(self):
        """(status, text, seconds, peak) of the run, from the folder where it is the same one."""
        with open(self.program, "rb") as f:
            what = [hashlib.file_digest(f, "sha256").hexdigest(), self.args.samples, self.args.rel_max]
        kept = load(self.run_path) if self.args.resume and os.path.exists(self.run_path) else {}
        if kept.get("of") != what:
            kept = {"of": what, "result": measured(
                [self.args.waferc, "run", self.program, "--data", self.path, "--samples", str(self.args.samples),
                 "--threads", str(self.args.threads), "--compare", "--rel-max", self.args.rel_max, "--stats",
                 self.stats_path], True)}
            with open(self.run_path, "w", encoding="utf-8") as f:
                json.dump(kept, f)
        return kept["result"]

    def run(self):
        """Statistics, the verdict, (seconds, peak) of the run."""
        status, text, seconds, peak = self.run_or_resume()
        right, worst = verdict(status, text)
        self.wrong = not right
        if not os.path.exists(self.stats_path):
            raise Failed(f"run: exit {status}, no statistics: {text.strip()[-300:]}")
        return load(self.stats_path), f"{'WRONG' if self.wrong else 'pass'}, {worst:.1e}", (seconds, peak)

    def column(self, folder):
        """Label -> text, in the order of the table."""
        _, said, compile_s, compile_peak = self.compile(self.program)
        winner, by = self.methods(said, folder)
        stats, outputs, took = self.run() if not self.args.no_run else (None, None, None)
        measured([self.args.waferc, "report", self.program, "-o", self.report_path]
                 + (["--stats", self.stats_path] if stats else []))
        report = load(self.report_path)
        t, pes = report["totals"], report["totals"]["pe_used"]
        ideal_used, ideal_wafer = (t["macs_nonzero"] / (n * t["mac_rate"]) for n in (pes, t["pe_total"]))
        delta, predicted = stats and stats["delta_t_cycles"], t["predicted_delta_t_cycles"]
        best = delta or predicted
        busy = (sum(l["pe_count"] * l["predicted_cycles"]["total"] for l in report["layers"])
                / (predicted * t["pe_total"]))
        slowest = report["layers"][t["slowest_layer"]]
        out = {"layers": str(t["layers"] - t["adapters"] - t["buffers"])}
        if stats:
            out["delta-T simulated, cycles"] = f"{delta:.1f}" if delta else f"- ({stats['samples']} samples)"
            done = stats["completion_cycles"]
            out["samples apart, cycles"] = " ".join(str(b - a) for a, b in zip(done, done[1:])) or "-"
        out["delta-T predicted"] = thousands(predicted) + (f" ({percent(predicted, delta)})" if delta else "")
        out["ideal, used PEs"] = f"{ideal_used:.1f}"
        out["ideal, wafer"] = f"{ideal_wafer:.1f}"
        out["edge bound: all ports / busiest"] = f"{t['edge_bound_cycles']:.1f} / {t['port_bound_cycles']}"
        out["ratio: ideal of used PEs / delta-T" + ("" if stats else " predicted")] = f"{ideal_used / best:.3f}"
        if stats:
            out["latency, cycles"] = thousands(stats["latency_cycles"])
        out["PEs allotted, of the wafer"] = f"{thousands(pes)} ({100 * pes / t['pe_total']:.1f} %)"
        out["PEs routing only"] = thousands(t["pe_router_only"])
        if stats:
            out["PEs that ran"] = thousands(stats["pe_active"])
            out["their time busy in the run"] = f"{100 * busy_share(stats):.1f} %"
        out["time of the wafer's PEs in use, predicted"] = f"{100 * busy:.1f} %"
        out["adapters (columns)"] = f"{t['adapters']} ({t['adapter_columns']})"
        out["skip buffers: tensors, columns, bytes"] = (f"{t['buffer_tensors']}, {t['buffer_columns']}, "
                                                        f"{thousands(t['buffer_bytes'])}")
        out["most colours at a router"] = f"{t['colours_max']} of {report['target']['colours']}"
        out["largest SRAM, bytes"] = thousands(t["sram_max_bytes"])
        out["placement"] = winner
        for m in METHODS:
            out[f"{m} alone, predicted" if self.args.each else f"{m}, as weighed before emission"] = by[m]
        out["slowest layer, predicted"] = f"{slowest['name']} ({slowest['kind']})"
        out["compile"] = cost(compile_s, compile_peak)
        if stats:
            out[f"run of {stats['samples']} samples"] = cost(*took)
            out["outputs, max error / max"] = outputs
        return out


def print_table(columns, names):
    labels = list(dict.fromkeys(label for column in columns for label in column))
    print(heading(["", *names]))
    for label in labels:
        print(row([label, *(column.get(label, "-") for column in columns)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waferc", type=os.path.abspath)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--target", default="wse2")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rel-max", default="1e-4")
    parser.add_argument("--no-run", action="store_true")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--compile", action="append", default=[])
    parser.add_argument("--keep")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_intermixed_args()
    folder = args.keep or tempfile.mkdtemp()
    os.makedirs(folder, exist_ok=True)
    columns, names, bad = [], [], False
    try:
        for path in args.models:
            model = Model(args, folder, path)
            print(f"{model.name} ..", file=sys.stderr, flush=True)
            try:
                columns.append(model.column(folder))
                names.append(model.name)
            except Failed as problem:
                print(f"{model.name}: {problem}", file=sys.stderr)
                bad = True
            bad |= model.wrong
    finally:
        if not args.keep:
            shutil.rmtree(folder)
    print(f"target {args.target}, {args.samples} samples, {args.threads} threads, options: "
          f"{' '.join(args.compile) or 'none'}; machine load {os.getloadavg()[0]:.2f}\n")
    if columns:
        print_table(columns, names)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
