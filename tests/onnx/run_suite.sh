#!/bin/sh
# Finds ONNX's test data where the package manager put it, then runs the cases.
set -eu
data=$(dpkg -L libonnx-testdata 2>/dev/null | grep '/data/node$' | head -n 1)
if [ -z "$data" ]; then
    echo "package libonnx-testdata is not installed; scripts/setup installs it" >&2
    exit 2
fi
program=$1
shift
exec "$program" "${data%/node}" "$@"
