#!/bin/sh
# Installs what export_fashion.py needs, on Debian 12:
#   - from Debian: PyTorch 1.13, NumPy, and the Fashion-MNIST images;
#   - from PyPI:   ONNX Runtime and the onnx package, in a virtual environment
#     that sits on top of Debian's Python and stays outside the repository.
# Nothing else in the project needs any of this: the models are committed.
#
# Then:  "$VENV/bin/python" models/export_fashion.py    (VENV as printed below)
set -eu

venv="${XDG_CACHE_HOME:-$HOME/.cache}/waferc/venv"

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends \
    python3-torch python3-numpy python3-venv dataset-fashion-mnist

# Debian's own Python: a different python3 earlier in PATH can't see its torch.
# The constraints keep pip from putting a newer NumPy over the one torch 1.13
# was built for.
[ -x "$venv/bin/python" ] || /usr/bin/python3 -m venv --system-site-packages "$venv"
"$venv/bin/python" -m pip install --quiet \
    'onnxruntime==1.19.2' 'onnx==1.16.2' 'protobuf==4.25.8' 'numpy<2'

"$venv/bin/python" - <<'PY'
import numpy, onnx, onnxruntime, torch
print("torch", torch.__version__, " numpy", numpy.__version__,
      " onnx", onnx.__version__, " onnxruntime", onnxruntime.__version__)
PY
echo "VENV=$venv"
