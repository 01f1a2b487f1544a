#!/bin/sh
# blosc2 divides arrays of integers without remainder, and gives the quotients as floats: 1 / 2 is 0.0 in q[:], where
# q = x / y, in what q.compute() stores, and in its mean. q[0:4] of the same four, and x / 2, are right. Remainders of
# negative numbers and round change likewise. The documentation of divide: "x1_i / x2_i for each element", after
# np.divide, and the dtype is float64. Ratios of counts lose their fractions, and who looks at some entries sees them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH BLOSC_ME_JIT
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    blosc2==4.14.1 \
    numexpr==2.14.2 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: [:] and [0:4] are equal, and are those of NumPy'
cat >before <<'E'
x / y : NumPy [0.5, 1.5, -2.5, 3.5] [:] [0.0, 1.0, -2.0, 3.0] [0:4] [0.5, 1.5, -2.5, 3.5] float64
divide(x, y) : NumPy [0.5, 1.5, -2.5, 3.5] [:] [0.0, 1.0, -2.0, 3.0] [0:4] [0.5, 1.5, -2.5, 3.5] float64
"x / y" : NumPy [0.5, 1.5, -2.5, 3.5] [:] [0.0, 1.0, -2.0, 3.0] [0:4] [0.5, 1.5, -2.5, 3.5] float64
x / 2 : NumPy [0.5, 1.5, -2.5, 3.5] [:] [0.5, 1.5, -2.5, 3.5] [0:4] [0.5, 1.5, -2.5, 3.5] float64
x % y : NumPy [1, 1, 1, 1] [:] [1, 1, -1, 1] [0:4] [1, 1, 1, 1] int64
round(half) : NumPy [0.0, 2.0, -2.0, 4.0] [:] [1.0, 2.0, -3.0, 4.0] [0:4] [0.0, 2.0, -2.0, 4.0] float64
mean of x / y : NumPy 0.75 blosc2 0.5 of q[0:4] 0.75
a million quotients: NumPy 0.5 to 0.5 computed 0.0 to 0.0
E
venv/bin/python -W ignore - >seen <<'P'
import blosc2, numpy as np

a, b = np.array([1, 3, -5, 7]), np.array([2, 2, 2, 2])
x, y, half = blosc2.asarray(a), blosc2.asarray(b), blosc2.asarray(a / 2)

def shown(name, expected, lazy):
    print(name, ": NumPy", expected.tolist(), "[:]", lazy[:].tolist(), "[0:4]", lazy[0:4].tolist(), lazy[:].dtype)

shown("x / y", a / b, x / y)
shown("divide(x, y)", np.divide(a, b), blosc2.divide(x, y))
shown('"x / y"', a / b, blosc2.lazyexpr("x / y"))
shown("x / 2", a / 2, x / 2)
shown("x % y", a % b, x % y)
shown("round(half)", np.round(a / 2), blosc2.round(half))
print("mean of x / y : NumPy", (a / b).mean(), "blosc2", (x / y).mean(), "of q[0:4]", (x / y)[0:4].mean())
many = np.arange(1, 1_000_001)
quotients = (blosc2.asarray(many) / blosc2.asarray(2 * many)).compute()[:]
expected = many / (2 * many)
print("a million quotients: NumPy", expected.min(), "to", expected.max(), end=" ")
print("computed", quotients.min(), "to", quotients.max())
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
