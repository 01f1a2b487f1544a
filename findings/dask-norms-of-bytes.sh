#!/bin/sh
# dask.array.linalg.norm and dask.array.average compute with bytes in bytes: the norm of a uint8 image is
# that of squares modulo 256, its weighted mean lies below its smallest pixel, whatever the chunks. NumPy
# computes both in float64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"' \
    dask==2026.8.0
venv/bin/python -m pip freeze
echo 'expected: NumPy and Dask agree in each line'
cat >before <<'E'
norm uint8 numpy 335.4 dask 10.8
norm uint8 numpy 335.4 dask 10.8
norm int8 numpy 206.2 dask 5.1
average uint8 numpy 204.2 dask 0.2
average uint8 numpy 204.2 dask 0.2
E
venv/bin/python -W ignore - >seen <<'P'
import dask.array as da
import numpy as np

pixels = np.array([1, 200, 100, 250], np.uint8)


def line(name, array, chunks, numpy, dask):
    chunked = da.from_array(array, chunks)
    print(f"{name} {array.dtype} numpy {numpy(array):.1f} dask {dask(chunked).compute():.1f}")


for chunks in (2, 4):
    line("norm", pixels, chunks, np.linalg.norm, da.linalg.norm)
line("norm", np.array([-128, 127, 100, 3], np.int8), 2, np.linalg.norm, da.linalg.norm)
for chunks in (2, 4):
    line("average", pixels, chunks, lambda a: np.average(a, weights=a), lambda a: da.average(a, weights=a))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
