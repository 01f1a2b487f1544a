#!/bin/sh
# Compiled by numba, sum and mean of float32 add one element after the other in float32: sums stop at
# 2^24, and with parallel=True at 2^24 for each thread, so that the value is set by the number of threads.
# NumPy adds in pairs. numba's documentation lists both as supported, with no word of it.
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
echo 'expected: mean 1 and sum 80000000'
cat >before <<'E'
numpy: mean 1.0, sum 80000000
numba: mean 0.2097, sum 16777216
numba on 1 threads: sum 16777216
numba on 2 threads: sum 33554432
E
venv/bin/python -W ignore - >seen <<'P'
import os
os.environ.update(NUMBA_NUM_THREADS="2", NUMBA_THREADING_LAYER="workqueue")
import numba, numpy as np

x = np.ones(80_000_000, "f4")
print(f"numpy: mean {x.mean()}, sum {x.sum():.0f}")
mean, add = numba.njit(lambda x: x.mean()), numba.njit(lambda x: x.sum())
print(f"numba: mean {mean(x):.4f}, sum {add(x):.0f}")
shared = numba.njit(lambda x: x.sum(), parallel=True)
for threads in (1, 2):
    numba.set_num_threads(threads)
    print(f"numba on {threads} threads: sum {shared(x):.0f}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
