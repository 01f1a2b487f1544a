#!/bin/sh
# unyt gives determinants of a stack of matrices a unit by the number of matrices: that of five 2 x 2 matrices of
# metres is in m**5, of one of them m**2. Both factors of np.linalg.qr have the unit of the matrix, and so has that of
# np.linalg.cholesky, so that their products have its square. np.multiply.reduce along axis 0 counts the whole array,
# np.prod does not. np.cov has no unit, np.var has. The documentation: unyt is for "detecting when you have made a
# mistake in your units". Who stacks Jacobians or factors covariances gets units that fail later, or that fit something
# else.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    unyt==3.2.0 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the same twice'
cat >before <<'E'
det of each in a stack of 5, and of one: 4 m**5, 4 m**2
det of each in a stack of 1, and of one: 4 m, 4 m**2
q @ r, and the matrix: 9 m**4, 9 m**2
cholesky times its transpose, and the matrix: 9 m**4, 9 m**2
svd: u s vh, and the matrix: 9 m**2, 9 m**2
np.multiply.reduce(axis=0), and np.prod(axis=0): 1 m**6, 1 m**2
np.cov, and np.var(ddof=1): 2.333 none, 2.333 m**2
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, unyt

a = unyt.unyt_array([[4.0, 0], [0, 9]], "m**2")
stack = unyt.unyt_array(np.tile(2 * np.eye(2), (5, 1, 1)), "m")
x = unyt.unyt_array([1.0, 2, 4], "m")
block = unyt.unyt_array(np.ones((2, 3)), "m")
q, r = np.linalg.qr(a)
factor = np.linalg.cholesky(a)
for name, seen, other in (
    ("det of each in a stack of 5, and of one", np.linalg.det(stack)[0], np.linalg.det(stack[0])),
    ("det of each in a stack of 1, and of one", np.linalg.det(stack[:1])[0], np.linalg.det(stack[0])),
    ("q @ r, and the matrix", (q @ r)[1, 1], a[1, 1]),
    ("cholesky times its transpose, and the matrix", (factor @ factor.T)[1, 1], a[1, 1]),
    ("svd: u s vh, and the matrix", (lambda u, s, v: ((u * s) @ v)[1, 1])(*np.linalg.svd(a)), a[1, 1]),
    ("np.multiply.reduce(axis=0), and np.prod(axis=0)", np.multiply.reduce(block)[0], np.prod(block, axis=0)[0]),
    ("np.cov, and np.var(ddof=1)", np.cov(x), np.var(x, ddof=1)),
):
    shown = (f"{float(each):.4g} {getattr(each, 'units', 'none')}" for each in (seen, other))
    print(f"{name}:", ", ".join(shown))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
