#!/bin/sh
# Compiled by numba, a finite number floor-divided by an infinity of the other sign is -0, where Python and
# NumPy have -1, the floor of a quotient just below 0; its remainder is the infinity in all three, so that
# of numba's own quotient and remainder the dividend is not q y + r for any q in {-0, 0}.
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
echo 'expected: all of a line are equal'
cat >before <<'E'
1.0 // -inf : Python -1.0 -inf NumPy -1.0 -inf numba -0.0 -inf
-1.0 // inf : Python -1.0 inf NumPy -1.0 inf numba -0.0 inf
-5e-324 // inf : Python -1.0 inf NumPy -1.0 inf numba -0.0 inf
1.0 // inf : Python 0.0 1.0 NumPy 0.0 1.0 numba 0.0 1.0
E
venv/bin/python -W ignore - >seen <<'P'
import numba, numpy as np

divided = numba.njit(lambda x, y: np.divmod(x, y))
for x, y in ((1.0, -np.inf), (-1.0, np.inf), (-5e-324, np.inf), (1.0, np.inf)):
    arrays = np.array([x]), np.array([y])
    (nq,), (nr,) = np.divmod(*arrays)
    (cq,), (cr,) = divided(*arrays)
    print(x, "//", y, ": Python", *divmod(x, y), "NumPy", nq, nr, "numba", cq, cr)
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
