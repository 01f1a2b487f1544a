#!/bin/sh
# Compiled by numba, np.power of int64 arrays goes through float64: powers beyond 2^53 have wrong last digits,
# though they fit into int64. ** of the same arrays is exact, compiled or not, and so is NumPy's np.power.
# numba lists np.power as supported for integers, with no word of it.
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
3 ** 39 : exact 4052555153018976267 NumPy 4052555153018976267 numba ** 4052555153018976267 numba power 4052555153018976256
5 ** 27 : exact 7450580596923828125 NumPy 7450580596923828125 numba ** 7450580596923828125 numba power 7450580596923828224
7 ** 20 : exact 79792266297612001 NumPy 79792266297612001 numba ** 79792266297612001 numba power 79792266297612000
E
venv/bin/python -W ignore - >seen <<'P'
import numba, numpy as np

power = numba.njit(lambda base, exponent: np.power(base, exponent))
operator = numba.njit(lambda base, exponent: base**exponent)
bases, exponents = np.array([3, 5, 7]), np.array([39, 27, 20])
found = [f(bases, exponents) for f in (np.power, operator, power)]
assert all(each.dtype == np.int64 for each in found)
for place, (base, exponent) in enumerate(zip(bases.tolist(), exponents.tolist())):
    numpy, starred, powered = (each[place] for each in found)
    print(base, "**", exponent, ": exact", base**exponent, "NumPy", numpy, end=" ")
    print("numba **", starred, "numba power", powered)
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
