#!/bin/sh
# Compiled by numba, np.sign takes the upper half of unsigned integers for negative numbers: the sign of a
# byte of 128 or more is 255, that of 2^63 as uint64 is 2^64 - 1. NumPy's is 1. Indices and masks that are
# made of it are wrong for the brighter half of an image of bytes.
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
echo 'expected: NumPy and numba agree in each line'
cat >before <<'E'
uint8 [0, 1, 127, 128, 255] NumPy [0, 1, 1, 1, 1] numba [0, 1, 1, 255, 255]
uint16 [0, 1, 32767, 32768, 65535] NumPy [0, 1, 1, 1, 1] numba [0, 1, 1, 65535, 65535]
uint64 [0, 1, 9223372036854775807, 9223372036854775808, 18446744073709551615] NumPy [0, 1, 1, 1, 1] numba [0, 1, 1, 18446744073709551615, 18446744073709551615]
bytes above 0 of a ramp: NumPy 255 numba 32767
E
venv/bin/python -W ignore - >seen <<'P'
import numba, numpy as np

sign = numba.njit(lambda x: np.sign(x))
for dtype in ("uint8", "uint16", "uint64"):
    most = np.iinfo(dtype).max
    x = np.array([0, 1, most // 2, most // 2 + 1, most], dtype)
    print(dtype, x.tolist(), "NumPy", np.sign(x).tolist(), "numba", sign(x).tolist())
ramp = np.arange(256).astype("uint8")
print("bytes above 0 of a ramp: NumPy", np.sign(ramp).sum(), "numba", sign(ramp).sum())
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
