#!/bin/sh
# The five models on `lab`: what issue "Must show" 2, 3 and 6 ask of each, in one table.
#   tests/e2e/models.sh BUILD_DIR          2 samples, 2 jitter seeds
#   tests/e2e/models.sh BUILD_DIR --full   16 samples, 5 jitter seeds; meant for a release build
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${1:?usage: models.sh BUILD_DIR [--full]}
case ${2:-} in
--full) how="--samples 16 --jitter-samples 16 --seeds 5" ;;
'') how="--samples 2 --jitter-samples 2 --seeds 2" ;;
*) echo "usage: models.sh BUILD_DIR [--full]" >&2; exit 2 ;;
esac
printf 'model\tPEs\tsamples\tcycles\tdelta-T\tpredicted\tideal\tlatency\tSRAM\tin\tout\tcycles with jitter\tslowest layer\tcompile s\trun s\n'
failed=0
for model in mlp-fashion lenet5-fashion dannet-fashion dannet-fashion-relu resnet-fashion; do
    case $model in mlp-*|lenet5-*) pes=1000 ;; *) pes=1 ;; esac
    # shellcheck disable=SC2086 # several words
    python3 "$here/test_models.py" "$build/waferc" "$here/../../models/$model" $how --min-pes $pes || failed=1
done
exit $failed
