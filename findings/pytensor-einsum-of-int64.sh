#!/bin/sh
# pytensor computes einsum, dot, matmul, tensordot and outer of int64 in float64 and converts the result: a product
# with a permutation matrix changes the last digits beyond 2**53. With mode="FAST_COMPILE" dot is exact and einsum is
# not, so that values depend on the mode; * and sum are exact in both. The documentation: einsum is "multiplication and
# summation of tensors using the Einstein summation convention", and the dtype of the result is int64. Permuted or
# summed identifiers and fixed-point numbers change.
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
ij,jk->ik: default mode [[3, 9007199254740992], [1152921504606846976, 2]], FAST_COMPILE [[3, 9007199254740992], [1152921504606846976, 2]], NumPy [[3, 9007199254740993], [1152921504606846981, 2]]
ij,ji->: default mode 5, FAST_COMPILE 5, NumPy 5
ij,kl->ijkl [0, 0, 1]: default mode [9007199254740992, 0], FAST_COMPILE [9007199254740992, 0], NumPy [9007199254740993, 0]
matmul: default mode [[3, 9007199254740992], [1152921504606846976, 2]], FAST_COMPILE [[3, 9007199254740993], [1152921504606846981, 2]], NumPy [[3, 9007199254740993], [1152921504606846981, 2]]
tensordot: default mode [[3, 9007199254740992], [1152921504606846976, 2]], FAST_COMPILE [[3, 9007199254740993], [1152921504606846981, 2]], NumPy [[3, 9007199254740993], [1152921504606846981, 2]]
sum of x * y.T: default mode 5, FAST_COMPILE 5, NumPy 5
E
venv/bin/python -W ignore - >seen <<'P'
import os

os.environ["PYTENSOR_FLAGS"] = "base_compiledir=cache"  # in the temporary folder
import numpy as np, pytensor, pytensor.tensor as pt

a, b = np.array([[2**53 + 1, 3], [2, 2**60 + 5]]), np.array([[0, 1], [1, 0]])
x, y = pt.lmatrix("x"), pt.lmatrix("y")
CASES = {
    "ij,jk->ik": (lambda x, y: pt.einsum("ij,jk->ik", x, y), lambda x, y: np.einsum("ij,jk->ik", x, y)),
    "ij,ji->": (lambda x, y: pt.einsum("ij,ji->", x, y), lambda x, y: np.einsum("ij,ji->", x, y)),
    "ij,kl->ijkl [0, 0, 1]": (lambda x, y: pt.einsum("ij,kl->ijkl", x, y)[0, 0, 1],
                              lambda x, y: np.einsum("ij,kl->ijkl", x, y)[0, 0, 1]),
    "matmul": (pt.matmul, np.matmul),
    "tensordot": (lambda x, y: pt.tensordot(x, y, 1), lambda x, y: np.tensordot(x, y, 1)),
    "sum of x * y.T": (lambda x, y: (x * y.T).sum(), lambda x, y: (x * y.T).sum()),
}
modes = {mode: pytensor.function([x, y], [f(x, y) for f, _ in CASES.values()], mode=mode) for mode in (None, "FAST_COMPILE")}
seen = {mode: f(a, b) for mode, f in modes.items()}
for number, (name, (_, exact)) in enumerate(CASES.items()):
    print(f"{name}: default mode {seen[None][number].tolist()}, FAST_COMPILE {seen['FAST_COMPILE'][number].tolist()}, "
          f"NumPy {exact(a, b).tolist()}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
