#!/bin/sh
# A loop over rows, each computed from itself alone: rounds of prange that do not depend on each other, as numba asks.
# Given one array for what is read and for what is written, compiled code with parallel=True gives something else than
# Python, and than the same function compiled without it: LLVM is told of a parallel loop that no two of its arrays
# share memory, and of no other. numba's guide to prange has no word of it, and nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    numba==0.68.1 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: as Python everywhere'
cat >before <<'E'
a row of its predecessors, two arrays : as Python compiled True parallel True
a row of its predecessors, one array : as Python compiled True parallel False
a row by its first element, two arrays : as Python compiled True parallel True
a row by its first element, one array : as Python compiled True parallel False
E
cat >loops.py <<'P'
import numba, numpy as np
from numba import prange

def predecessors(x, out):
    for i in prange(x.shape[0]):
        for j in range(1, x.shape[1]):
            out[i, j] = x[i, j - 1] + 1.0

def first(x, out):
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = out[i, j] * x[i, 0]

for name, function in (("of its predecessors", predecessors), ("by its first element", first)):
    for arrays in ("two", "one"):
        results = []
        for call in (function, numba.njit(function), numba.njit(parallel=True)(function)):
            out = np.full((8, 64), 2.0)
            call(out if arrays == "one" else np.full((8, 64), 2.0), out)
            results.append(out)
        python, compiled, parallel = results
        print(f"a row {name}, {arrays} array{'s' * (arrays == 'two')} : as Python", end=" ")
        print("compiled", np.array_equal(python, compiled), end=" ")
        print("parallel", np.array_equal(python, parallel))
P
venv/bin/python -W ignore loops.py >seen
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
