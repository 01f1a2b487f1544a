#!/bin/sh
# Compiled by numba, np.median of an even number of int64 or uint64 adds the two in the middle in their own dtype: from
# half the range on the sum wraps, and the median of two equal numbers has the other sign. NumPy divides in float64, as
# does np.mean, compiled or not. numba lists np.median as supported, with no word of it. Medians of hashes, identifiers
# and fixed-point numbers that use all 64 bits are far from every value.
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
echo 'expected: in each line the same three times'
cat >before <<'E'
int64 8e18 twice: NumPy 8e+18, compiled -1.22337e+18, mean compiled 8e+18
int64 5e18 and 7e18: NumPy 6e+18, compiled -3.22337e+18, mean compiled 6e+18
int64 -8e18 and -6e18: NumPy -7e+18, compiled 2.22337e+18, mean compiled -7e+18
uint64 1.2e19 twice: NumPy 1.2e+19, compiled 2.77663e+18, mean compiled 1.2e+19
int32 2e9 twice: NumPy 2e+09, compiled 2e+09, mean compiled 2e+09
E
venv/bin/python -W ignore - >seen <<'P'
import numba, numpy as np

median, mean = numba.njit(lambda a: np.median(a)), numba.njit(lambda a: np.mean(a))
for name, values in (
    ("int64 8e18 twice", np.array([8 * 10**18] * 2)),
    ("int64 5e18 and 7e18", np.array([5 * 10**18, 7 * 10**18])),
    ("int64 -8e18 and -6e18", np.array([-8 * 10**18, -6 * 10**18])),
    ("uint64 1.2e19 twice", np.array([12 * 10**18] * 2, np.uint64)),
    ("int32 2e9 twice", np.array([2 * 10**9] * 2, np.int32)),
):
    print(f"{name}: NumPy {np.median(values):g}, compiled {median(values):g}, mean compiled {mean(values):g}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
