#!/bin/sh
# unyt converts units for %, / and +, and not for // and divmod: 1 m // 30 cm is 0, the floor of 1 / 30, without a
# unit; divmod gives the quotients in metres and the dividends as remainders, of what % of the same two gives right, so
# that (a // b) * b + a % b, which is a by definition of both, is not. The documentation: unyt is for dividing
# "quantities and arrays with units in mathematical formulas while automatically handling unit conversions". Who counts
# how many steps, pixels or periods fit into a length or a time gets wrong counts; nothing warns.
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
echo 'expected: in each line the same twice, and the dividends 1, 2, 3 and 4 m in the last'
cat >before <<'E'
a + b: b in cm [1.3, 2.6, 3.8, 5.5] m, b in m [1.3, 2.6, 3.8, 5.5] m
a / b: b in cm [3.333333, 3.333333, 3.75, 2.666667] dimensionless, b in m [3.333333, 3.333333, 3.75, 2.666667] dimensionless
np.floor(a / b): b in cm [3.0, 3.0, 3.0, 2.0] dimensionless, b in m [3.0, 3.0, 3.0, 2.0] dimensionless
a % b: b in cm [0.1, 0.2, 0.6, 1.0] m, b in m [0.1, 0.2, 0.6, 1.0] m
a // b: b in cm [0.0, 0.0, 0.0, 0.0] dimensionless, b in m [3.0, 3.0, 3.0, 2.0] dimensionless
np.floor_divide(a, b): b in cm [0.0, 0.0, 0.0, 0.0] dimensionless, b in m [3.0, 3.0, 3.0, 2.0] dimensionless
divmod(a, b)[0]: b in cm [0.0, 0.0, 0.0, 0.0] m, b in m [3.0, 3.0, 3.0, 2.0] m
divmod(a, b)[1]: b in cm [1.0, 2.0, 3.0, 4.0] m, b in m [0.1, 0.2, 0.6, 1.0] m
(a // b) * b + a % b: b in cm [0.1, 0.2, 0.6, 1.0] m, b in m [1.0, 2.0, 3.0, 4.0] m
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, unyt

a, b = unyt.unyt_array([1.0, 2, 3, 4], "m"), unyt.unyt_array([30.0, 60, 80, 150], "cm")
metres = b.to("m")


def shown(x):
    return f"{np.round(x.value, 6).tolist()} {x.units}"


for name, f in (
    ("a + b", lambda b: a + b),
    ("a / b", lambda b: a / b),
    ("np.floor(a / b)", lambda b: np.floor(a / b)),
    ("a % b", lambda b: a % b),
    ("a // b", lambda b: a // b),
    ("np.floor_divide(a, b)", lambda b: np.floor_divide(a, b)),
    ("divmod(a, b)[0]", lambda b: divmod(a, b)[0]),
    ("divmod(a, b)[1]", lambda b: divmod(a, b)[1]),
    ("(a // b) * b + a % b", lambda b: ((a // b) * b + a % b).to("m")),
):
    print(f"{name}: b in cm {shown(f(b))}, b in m {shown(f(metres))}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
