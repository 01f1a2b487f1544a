#!/bin/sh
# numpy.einsum with out= of a narrower dtype rounds to that dtype whenever its buffer of 8,192 elements
# is full, and goes on from the rounded sum: 100 x 0.4 is 0 or 40 by shape and order. The documentation
# of out: "the calculation is done into this array"; of casting: "what kind of data casting may occur".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: 40 everywhere but in the last line, and 4000 there'
cat >before <<'E'
float64 into int64, 100 rows of 8192: 0
float64 into int64, the same in Fortran order: 40
float64 into int64, 100 rows of 4: 40
float32 into float16, 4000 rows of 8192: 2048
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np

def into(kind, array):
    out = np.zeros(array.shape[1], kind)
    return int(np.einsum("ij->j", array, out=out, casting="unsafe")[0])

wide = np.full((100, 8192), 0.4 + 1e-9)
print("float64 into int64, 100 rows of 8192:", into("i8", wide))
print("float64 into int64, the same in Fortran order:", into("i8", np.asfortranarray(wide)))
print("float64 into int64, 100 rows of 4:", into("i8", wide[:, :4].copy()))
print("float32 into float16, 4000 rows of 8192:", into("f2", np.ones((4000, 8192), "f4")))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
