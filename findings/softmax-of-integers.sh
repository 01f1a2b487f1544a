#!/bin/sh
# softmax of scipy.special and jax.nn accepts integers and subtracts the largest score in their dtype, where
# the difference wraps: of int8 scores the class with the lowest one becomes the most probable, of uint8
# SciPy gives NaN. jax.nn.standardize squares what wrapped. Scores of quantised networks are of these dtypes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 scipy==1.17.1 'jax[cpu]==0.10.2'
venv/bin/python -m pip freeze
echo 'expected: in each pair of lines the same numbers, for float64 holds these integers exactly'
cat >before <<'E'
scipy softmax int8 [0.73 0.27]
scipy softmax float64 [0. 1.]
scipy softmax uint8 [nan  0.]
scipy softmax float64 [0. 1.]
scipy softmax int32 [0.73 0.27]
scipy softmax float64 [0. 1.]
scipy log_softmax int8 [-0.31 -1.31]
scipy log_softmax float64 [-255.    0.]
jax softmax int8 [0.73 0.27]
jax softmax float64 [0. 1.]
jax log_softmax int8 [-0.31 -1.31]
jax log_softmax float64 [-255.    0.]
jax standardize int8 [-254.99  254.99]
jax standardize float64 [-1.  1.]
E
JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 venv/bin/python -W ignore - >seen <<'P'
import jax
import numpy as np
from scipy import special

tiny = np.array([-128, 127], np.int8)
for library, function, scores in (
    ("scipy", special.softmax, tiny),
    ("scipy", special.softmax, np.array([1, 200], np.uint8)),
    ("scipy", special.softmax, np.array([-(2**31), 2**31 - 1], np.int32)),
    ("scipy", special.log_softmax, tiny),
    ("jax", jax.nn.softmax, tiny),
    ("jax", jax.nn.log_softmax, tiny),
    ("jax", jax.nn.standardize, tiny),
):
    for each in (scores, scores.astype(np.float64)):
        found = np.asarray(function(each), np.float64).round(2) + 0.0
        print(library, function.__name__, each.dtype, found)
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
