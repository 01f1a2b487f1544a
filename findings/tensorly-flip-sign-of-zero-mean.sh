#!/bin/sh
# tensorly.cp_tensor.cp_flip_sign multiplies two factors by the sign of a column's mean, which is 0 where the mean is:
# a component with a centred column vanishes from both, and the tensor is another one. For complex factors the sign is
# no 1 or -1 either, and the tensor changes. The factors of the argument change with it. The documentation: "returns
# cp_tensor with factors flipped to have positive signs", "any negative signs are assigned to the mode indicated by
# mode". Who orders the signs of a decomposition for a plot, of contrasts or of waves, loses components; nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    tensorly==0.10.0 \
    scipy==1.17.1 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: the same tensor before and after in each line, and the argument as it was'
cat >before <<'E'
negative means, cp_normalize: before [-1.0, -2.0, -3.0, -6.0, -2.0, -4.0, -6.0, -12.0], after [-1.0, -2.0, -3.0, -6.0, -2.0, -4.0, -6.0, -12.0]
negative means, cp_flip_sign: before [-1.0, -2.0, -3.0, -6.0, -2.0, -4.0, -6.0, -12.0], after [-1.0, -2.0, -3.0, -6.0, -2.0, -4.0, -6.0, -12.0]
negative means, the argument: before [-1.0, -3.0], after [1.0, 3.0]
a mean of 0, cp_normalize: before [1.0, 2.0, -1.0, -2.0, 2.0, 4.0, -2.0, -4.0], after [1.0, 2.0, -1.0, -2.0, 2.0, 4.0, -2.0, -4.0]
a mean of 0, cp_flip_sign: before [1.0, 2.0, -1.0, -2.0, 2.0, 4.0, -2.0, -4.0], after [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
a mean of 0, the argument: before [1.0, -1.0], after [0.0, -0.0]
a mean of 0, in the mode that receives the signs, cp_normalize: before [1.0, 2.0, 2.0, 4.0, -1.0, -2.0, -2.0, -4.0], after [1.0, 2.0, 2.0, 4.0, -1.0, -2.0, -2.0, -4.0]
a mean of 0, in the mode that receives the signs, cp_flip_sign: before [1.0, 2.0, 2.0, 4.0, -1.0, -2.0, -2.0, -4.0], after [1.0, 2.0, 2.0, 4.0, -1.0, -2.0, -2.0, -4.0]
a mean of 0, in the mode that receives the signs, the argument: before [1.0, 2.0], after [1.0, 2.0]
complex, cp_normalize: before [(1+1j), (2+2j), (2+2j), (4+4j), (2+2j), (4+4j), (4+4j), (8+8j)], after [(1+1j), (2+2j), (2+2j), (4+4j), (2+2j), (4+4j), (4+4j), (8+8j)]
complex, cp_flip_sign: before [(1+1j), (2+2j), (2+2j), (4+4j), (2+2j), (4+4j), (4+4j), (8+8j)], after [(-1+1j), (-2+2j), (-2+2j), (-4+4j), (-2+2j), (-4+4j), (-4+4j), (-8+8j)]
complex, the argument: before [(1+1j), (2+2j)], after [1.4142135623730951j, 2.8284271247461903j]
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, tensorly as tl
from tensorly.cp_tensor import CPTensor, cp_flip_sign, cp_normalize

A, B, C = np.array([[1.0], [2]]), np.array([[-1.0], [-3]]), np.array([[1.0], [-1]])
for name, factors in (
    ("negative means", [A, B, A]),
    ("a mean of 0", [A, C, A]),
    ("a mean of 0, in the mode that receives the signs", [C, A, A]),
    ("complex", [A, (1 + 1j) * A, A]),
):
    cp = CPTensor((np.ones(1), [each.copy() for each in factors]))
    before = tl.cp_to_tensor(cp).ravel()
    for f in (cp_normalize, cp_flip_sign):
        after = tl.cp_to_tensor(f(CPTensor((cp.weights, list(cp.factors))))).ravel()
        print(f"{name}, {f.__name__}: before {np.round(before, 4).tolist()}, after {np.round(after, 4).tolist()}")
    cp_flip_sign(cp)
    print(f"{name}, the argument: before {factors[1].ravel().tolist()}, after {cp.factors[1].ravel().tolist()}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
