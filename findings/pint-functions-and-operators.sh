#!/bin/sh
# pint converts units for the operators % and //, and not for NumPy's functions of the same meaning: np.remainder,
# np.fmod and np.floor_divide divide the bare numbers, so that 1 m modulo 30 cm is 1 m, and 1 m over 30 cm is floored to
# 0 m/cm, where the operators give 0.1 m and 3. pint's documentation lists all three among the ufuncs that "can be
# applied to a Quantity object", and NumPy's calls them equivalent to the operators. Who wraps positions into a cell or
# counts whole steps gets positions that are not wrapped, in a plausible unit, without a warning.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pint==0.25.3 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each block the same three times'
cat >before <<'E'
m + cm: [1.3, 2.6, 3.8, 5.5] m
  np.add, m and cm: [1.3, 2.6, 3.8, 5.5] m
  np.add, m and m: [1.3, 2.6, 3.8, 5.5] m
m % cm: [0.1, 0.2, 0.6, 1.0] m
  np.remainder, m and cm: [1.0, 2.0, 3.0, 4.0] m
  np.remainder, m and m: [0.1, 0.2, 0.6, 1.0] m
m % cm: [0.1, 0.2, 0.6, 1.0] m
  np.fmod, m and cm: [1.0, 2.0, 3.0, 4.0] m
  np.fmod, m and m: [0.1, 0.2, 0.6, 1.0] m
m // cm: [3.0, 3.0, 3.0, 2.0]
  np.floor_divide, m and cm: [0.0, 0.0, 0.0, 0.0] m / cm
  np.floor_divide, m and m: [3.0, 3.0, 3.0, 2.0]
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, pint

unit = pint.UnitRegistry()
a, b = unit.Quantity(np.array([1.0, 2, 3, 4]), "m"), unit.Quantity(np.array([30.0, 60, 80, 150]), "cm")


def shown(q):
    return f"{np.round(q.magnitude, 6).tolist()} {q.units:~}".strip()


for name, operator, function in (
    ("+", lambda x, y: x + y, np.add),
    ("%", lambda x, y: x % y, np.remainder),
    ("%", lambda x, y: x % y, np.fmod),
    ("//", lambda x, y: x // y, np.floor_divide),
):
    print(f"m {name} cm:", shown(operator(a, b)))
    print(f"  np.{function.__name__}, m and cm:", shown(function(a, b)))
    print(f"  np.{function.__name__}, m and m:", shown(function(a, b.to("m"))))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
