#!/bin/sh
# numpy.einsum of unyt arrays gives a product the unit of one operand: the sum of squares of metres is in metres, a
# chain of three matrices too, where @, np.dot, np.outer and np.linalg.multi_dot give m**2 and m**3. Operands of
# different units, or with none, are an error, though products need no common unit. dtype=, casting= and optimize= are
# dropped: int8 of 100 and 100 summed with dtype=float is -56. The documentation: unyt multiplies arrays "while
# automatically handling unit conversions and detecting when you have made a mistake in your units". An area passes for
# a length.
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
i,i->: 5.0 m, otherwise 5.0 m**2
i,j->ij: [[1.0, 2.0], [2.0, 4.0]] m, otherwise [[1.0, 2.0], [2.0, 4.0]] m**2
ij,j->i: [1.0, 2.0] m, otherwise [1.0, 2.0] m**2
ij,jk,kl->il: [[1.0, 0.0], [0.0, 1.0]] m, otherwise [[1.0, 0.0], [0.0, 1.0]] m**3
i,i->, m and s: UnitInconsistencyError, otherwise 150.0 m*s
i,i->, m and none: UnitInconsistencyError, otherwise 3.0 m
i->, int8 with dtype=float: -56 m, otherwise 200.0 m
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, unyt

x, y = unyt.unyt_array([1.0, 2], "m"), unyt.unyt_array([30.0, 60], "s")
m = unyt.unyt_array(np.eye(2), "m")
small = unyt.unyt_array(np.array([100, 100], np.int8), "m")
for name, one, other in (
    ("i,i->", lambda f: f("i,i->", x, x), lambda: x @ x),
    ("i,j->ij", lambda f: f("i,j->ij", x, x), lambda: np.outer(x, x)),
    ("ij,j->i", lambda f: f("ij,j->i", m, x), lambda: m @ x),
    ("ij,jk,kl->il", lambda f: f("ij,jk,kl->il", m, m, m), lambda: np.linalg.multi_dot([m, m, m])),
    ("i,i->, m and s", lambda f: f("i,i->", x, y), lambda: x @ y),
    ("i,i->, m and none", lambda f: f("i,i->", x, np.ones(2)), lambda: x @ np.ones(2)),
    ("i->, int8 with dtype=float", lambda f: f("i->", small, dtype=float), lambda: np.sum(small, dtype=float)),
):
    try:
        seen = one(np.einsum)
        seen = f"{seen.value.tolist()} {seen.units}"
    except Exception as error:
        seen = type(error).__name__
    print(f"{name}: {seen}, otherwise {other().value.tolist()} {other().units}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
