#!/bin/sh
# pytensor's argmin of signed integers is that of the largest after a change of sign, and the smallest number of a
# dtype, which has no positive one, is not found: argmin of -128, as int8, is another index, and min is another number
# with mode="FAST_COMPILE". max and min of numbers with NaN are NaN with mode="FAST_COMPILE" and the largest and
# smallest number in the default mode, and median puts NaN last, where NumPy gives NaN from all. The documentation:
# argmin "returns indices of minimum elements", max "maximum elements", with no word of NaN or of modes. Saturated
# samples are missed, and a check for NaN by max passes; nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pytensor==3.0.7 \
    numba==0.65.1 \
    scipy==1.17.1 \
    numpy==2.4.6
venv/bin/python -m pip freeze
echo 'expected: in each line the same three times'
cat >before <<'E'
argmin of [5, -128, 7], int8: default mode 0, FAST_COMPILE 0, NumPy 1
min of [5, -128, 7], int8: default mode -128, FAST_COMPILE 5, NumPy -128
max of [5, -128, 7], int8: default mode 7, FAST_COMPILE 7, NumPy 7
argmax of [5, -128, 7], int8: default mode 2, FAST_COMPILE 2, NumPy 2
sum of [5, -128, 7], int8: default mode -116, FAST_COMPILE -116, NumPy -116
argmin of [5, -32768, 7], int16: default mode 0, FAST_COMPILE 0, NumPy 1
min of [5, -32768, 7], int16: default mode -32768, FAST_COMPILE 5, NumPy -32768
max of [5, -32768, 7], int16: default mode 7, FAST_COMPILE 7, NumPy 7
argmax of [5, -32768, 7], int16: default mode 2, FAST_COMPILE 2, NumPy 2
sum of [5, -32768, 7], int16: default mode -32756, FAST_COMPILE -32756, NumPy -32756
argmin of [1.0, nan, 3.0, 2.0], float64: default mode 1, FAST_COMPILE 1, NumPy 1
min of [1.0, nan, 3.0, 2.0], float64: default mode 1.0, FAST_COMPILE nan, NumPy nan
max of [1.0, nan, 3.0, 2.0], float64: default mode 3.0, FAST_COMPILE nan, NumPy nan
argmax of [1.0, nan, 3.0, 2.0], float64: default mode 1, FAST_COMPILE 1, NumPy 1
sum of [1.0, nan, 3.0, 2.0], float64: default mode nan, FAST_COMPILE nan, NumPy nan
median of [1.0, nan, 3.0, 2.0], float64: default mode 2.5, FAST_COMPILE 2.5, NumPy nan
E
venv/bin/python -W ignore - >seen <<'P'
import os

os.environ["PYTENSOR_FLAGS"] = "base_compiledir=cache"  # in the temporary folder
import numpy as np, pytensor, pytensor.tensor as pt

for values in (np.array([5, -128, 7], np.int8), np.array([5, -(2**15), 7], np.int16), np.array([1.0, np.nan, 3, 2])):
    x = pt.vector("x", dtype=values.dtype)
    names = ("argmin", "min", "max", "argmax", "sum") + (("median",) if values.dtype == float else ())
    seen = [pytensor.function([x], [getattr(pt, name)(x) for name in names], mode=mode)(values)
            for mode in (None, "FAST_COMPILE")]
    for number, name in enumerate(names):
        print(f"{name} of {values.tolist()}, {values.dtype}: default mode {seen[0][number]}, "
              f"FAST_COMPILE {seen[1][number]}, NumPy {getattr(np, name)(values)}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
