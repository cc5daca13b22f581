#!/bin/sh
# Writes the manifest anew from what the suite says now; review the difference before committing it.
#   update_manifest.sh build/release/tests/onnx/onnx_suite
set -eu
here=$(dirname "$0")
head=$(grep '^#' "$here/manifest.txt")
"$here/run_suite.sh" "$1" "$here/manifest.txt" --list | sed '$d' | LC_ALL=C sort >"$here/manifest.new"
{ echo "$head"; cat "$here/manifest.new"; } >"$here/manifest.txt"
rm "$here/manifest.new"
