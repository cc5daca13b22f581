#!/bin/sh
# All mutants: tests/e2e/mutants.sh BUILD_DIR [PER_KIND [MODEL...]]; 200 of each kind, all four models. Prints a table for
# each model and every mutant that is not refused or wrong at once, with its explanation. Meant for a release build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${1:?usage: mutants.sh BUILD_DIR [PER_KIND [MODEL...]]}
per_kind=${2:-200}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- mlp-fashion lenet5-fashion dannet-fashion dannet-fashion-relu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for model; do
    echo "== $model"
    "$build/waferc" compile "$here/../../models/$model/model.onnx" -q -o "$work/$model.wafer" 2>/dev/null
    "$build/tests/e2e/mutants" "$work/$model.wafer" "$here/../../models/$model" --per-kind "$per_kind" || failed=1
done
exit $failed
