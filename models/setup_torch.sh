#!/bin/sh
# Installs what export.py needs, in a virtual environment outside the repository:
# PyTorch, torchvision, ONNX Runtime, onnx and onnxscript, all from PyPI. They
# take about 6 GB (PyPI's PyTorch for Linux brings its CUDA libraries along; no
# GPU is used or needed). Nothing else in the project needs any of this.
#
# Then:  "$VENV/bin/python" models/export.py    (VENV as printed below)
set -eu

venv="${XDG_CACHE_HOME:-$HOME/.cache}/waferc/torch"
python=${PYTHON:-/usr/bin/python3}

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends python3-venv
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# The versions that the models' figures in README.md were made with.
"$venv/bin/python" -m pip install --quiet \
    'torch==2.15.0' 'torchvision==0.29.2' 'onnx==1.23.2' 'onnxscript==0.7.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'

"$venv/bin/python" - <<'PY'
import numpy, onnx, onnxruntime, onnxscript, torch, torchvision
print("torch", torch.__version__, " torchvision", torchvision.__version__, " numpy", numpy.__version__,
      " onnx", onnx.__version__, " onnxscript", onnxscript.__version__, " onnxruntime", onnxruntime.__version__)
PY
echo "VENV=$venv"
