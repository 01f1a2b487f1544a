#!/bin/sh
# numcodecs.BitRound rounds the bits of NaN like those of numbers: by its payload a NaN becomes infinity, zero or minus
# zero. With keepbits=0 NumPy's own NaN is -0; with any number of bits that of all ones (0x7fffffff, the NaN that
# NVIDIA GPUs compute) is -0 or 0, and R's NA is infinity. numpy.isnan is true of all of them before. The
# documentation: the codec "drops a specified number of bits from the floating point mantissa, leaving an array more
# amenable to compression". Missing values of a field that is stored with it, in zarr say, come back as zeros, and
# enter every mean; nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    numcodecs==0.16.6 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: nan in each, and 1.25 and inf of numbers'
cat >before <<'E'
numbers: [1.25, inf]
NumPy's NaN, float32: isnan True, keepbits=0 -0.0, keepbits=3 nan, keepbits=10 nan, keepbits=20 nan
its negative, float32: isnan True, keepbits=0 0.0, keepbits=3 nan, keepbits=10 nan, keepbits=20 nan
all ones, float32: isnan True, keepbits=0 -0.0, keepbits=3 -0.0, keepbits=10 -0.0, keepbits=20 -0.0
all ones, negative, float32: isnan True, keepbits=0 0.0, keepbits=3 0.0, keepbits=10 0.0, keepbits=20 0.0
all ones, float64: isnan True, keepbits=0 -0.0, keepbits=3 -0.0, keepbits=10 -0.0, keepbits=20 -0.0
NA of R, float64: isnan True, keepbits=0 inf, keepbits=3 inf, keepbits=10 inf, keepbits=20 inf
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np
from numcodecs import BitRound


def rounded(values, keep):
    codec = BitRound(keep)
    return np.asarray(codec.decode(codec.encode(values))).ravel().tolist()


print("numbers:", rounded(np.array([1.2345, np.inf], np.float32), 2))
for name, bits, dtype in (
    ("NumPy's NaN", 0x7FC00000, np.float32),
    ("its negative", 0xFFC00000, np.float32),
    ("all ones", 0x7FFFFFFF, np.float32),
    ("all ones, negative", 0xFFFFFFFF, np.float32),
    ("all ones", 0x7FFFFFFFFFFFFFFF, np.float64),
    ("NA of R", 0x7FF00000000007A2, np.float64),
):
    value = np.array([bits], np.uint32 if dtype is np.float32 else np.uint64).view(dtype)
    print(f"{name}, {value.dtype}: isnan {bool(np.isnan(value[0]))},", ", ".join(
        f"keepbits={keep} {rounded(value, keep)[0]}" for keep in (0, 3, 10, 20)))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
