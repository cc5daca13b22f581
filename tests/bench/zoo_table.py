#!/usr/bin/env python3
"""Which models come in, compile and run right: a markdown table with a row per model and exporter.

    tests/bench/zoo_table.py build/release/waferc MODELDIR... [--target wse2] [--no-run] [--samples 1] [--threads 2]
                             [--rel-max 1e-4] [--compile OPTION]... [--keep DIR]

A MODELDIR holds model.onnx (TorchScript exporter), model-dynamo.onnx or both, and test_data_set_0, .. as models/export.py makes
them. Each file is inspected, for its nodes before and after folding, compiled, run on the first --samples data sets and compared
with their outputs. Figures are those that waferc prints; seconds (of the clock, behind it of all CPUs) and peak memory
those of the compiler's and the simulator's process. --no-run compiles only. --compile passes an option on
(--compile=--max-pes=46593), --keep leaves the programs in a folder. A row appears when it is known. Where a step fails, the row
says so with what waferc said first, and the next model is taken; the exit status then is 1.
"""
import argparse
import os
import re
import shutil
import sys
import tempfile

from measuring import Failed, cost, heading, measured, row, thousands, verdict

EXPORTERS = (("TorchScript", "model.onnx"), ("dynamo", "model-dynamo.onnx"))
COMPILED = re.compile(r": (\d+) layers on \S+, (\d+) of \d+ PEs, .*predicted delta-T (\d+) cycles")


def failure(status, text):
    """One line: the first error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line]
    return f"exit {status}: {(errors or lines[-1:] or ['nothing said'])[0][:200]}"


def nodes(args, model):
    """(nodes of the file, those that do not fold) as texts; '-' for the latter where the import is refused, as compile says."""
    _, text, _, _ = measured([args.waferc, "inspect", "--folded", model])
    before = re.search(r"^operators \((\d+) nodes\)", text, re.M)
    folded = re.search(r"^folded to constants: (\d+) nodes", text, re.M)
    if not before:
        raise Failed("inspect does not say how many nodes there are")
    return before[1], str(int(before[1]) - int(folded[1])) if folded else "-"


def compiled(args, model, program):
    """(layers, PEs, predicted delta-T, cost, "") as texts, or dashes and what went wrong."""
    status, text, seconds, peak = measured(
        [args.waferc, "compile", model, "--target", args.target, "-o", program, *args.compile], True)
    if status:
        return ("-", "-", "-", cost(seconds, peak)), failure(status, text)
    found = COMPILED.search(text)
    if not found:
        raise Failed("compile does not say what it made")
    return (found[1], thousands(int(found[2])), thousands(int(found[3])), cost(seconds, peak)), ""


def ran(args, folder, program):
    """((verdict, cost) as texts, whether it was right)."""
    status, text, seconds, peak = measured(
        [args.waferc, "run", program, "--data", folder, "--samples", str(args.samples), "--threads", str(args.threads),
         "--compare", "--rel-max", args.rel_max], True)
    try:
        right, worst = verdict(status, text)
    except Failed:
        return (failure(status, text), cost(seconds, peak)), False
    return (f"{'pass' if right else 'WRONG'}, {worst:.1e}", cost(seconds, peak)), right


def line(args, folder, name, exporter, file, scratch):
    """(cells of the row, whether all went well)."""
    model, program = os.path.join(folder, file), os.path.join(scratch, f"{name}.{exporter}.wafer")
    cells = [name, exporter]
    try:
        cells += nodes(args, model)
        made, wrong = compiled(args, model, program)
        cells += made
        if wrong:
            return cells + ([wrong, "-"] if not args.no_run else [wrong]), False
        if args.no_run:
            return cells + [""], True
        outcome, right = ran(args, folder, program)
        return cells + [*outcome], right
    except Failed as problem:
        said = " ".join(str(problem).split())[:200]
        width = 9 if args.no_run else 10
        return cells + ["-"] * (width - 1 - len(cells)) + [said], False
    finally:
        if not args.keep and os.path.exists(program):
            os.remove(program)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waferc", type=os.path.abspath)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--target", default="wse2")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rel-max", default="1e-4")
    parser.add_argument("--no-run", action="store_true")
    parser.add_argument("--compile", action="append", default=[])
    parser.add_argument("--keep")
    args = parser.parse_intermixed_args()
    scratch = args.keep or tempfile.mkdtemp()
    os.makedirs(scratch, exist_ok=True)
    print(f"target {args.target}, {args.samples} samples, {args.threads} threads, options: "
          f"{' '.join(args.compile) or 'none'}; machine load {os.getloadavg()[0]:.2f}\n")
    head = ["model", "exporter", "nodes", "after folding", "layers", "PEs", "predicted delta-T, cycles", "compile"]
    head += ["problem"] if args.no_run else ["outputs, max error / max", "run"]
    print(heading(head), flush=True)
    bad = False
    try:
        for folder in args.models:
            name = os.path.basename(os.path.normpath(folder))
            found = [(e, f) for e, f in EXPORTERS if os.path.exists(os.path.join(folder, f))]
            for exporter, file in found:
                print(f"{name}, {exporter} ..", file=sys.stderr, flush=True)
                cells, right = line(args, folder, name, exporter, file, scratch)
                print(row(cells), flush=True)
                bad |= not right
            if not found:
                print(f"{folder}: neither {EXPORTERS[0][1]} nor {EXPORTERS[1][1]} there", file=sys.stderr)
                bad = True
    finally:
        if not args.keep:
            shutil.rmtree(scratch)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
