#!/bin/sh
# pint gives the range of temperatures, np.ptp, as a temperature, not as a difference: that of 20 and 25 degrees
# Celsius is 5 degrees Celsius, which is 278.15 K. np.max - np.min, np.diff and np.std of the same are differences of
# temperatures, in a delta unit. The documentation: subtraction of two temperatures "yields a delta unit"; ptp is
# listed as supported, and NumPy calls it "maximum - minimum". Who converts a daily range to kelvin or multiplies it
# with a heat capacity is off by 273.15 K; nothing warns.
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
echo 'expected: 5 K in all'
cat >before <<'E'
np.max - np.min: 5 delta_degree_Celsius, in kelvin 5
np.max - np.min: 5 kelvin, in kelvin 5
np.max - np.min: 9 delta_degree_Fahrenheit, in kelvin 5
np.diff: 5 delta_degree_Celsius, in kelvin 5
np.diff: 5 kelvin, in kelvin 5
np.diff: 9 delta_degree_Fahrenheit, in kelvin 5
np.ediff1d: 5 delta_degree_Celsius, in kelvin 5
np.ediff1d: 5 kelvin, in kelvin 5
np.ediff1d: 9 delta_degree_Fahrenheit, in kelvin 5
np.std, twice: 5 delta_degree_Celsius, in kelvin 5
np.std, twice: 5 kelvin, in kelvin 5
np.std, twice: 9 delta_degree_Fahrenheit, in kelvin 5
np.ptp: 5 degree_Celsius, in kelvin 278.15
np.ptp: 5 kelvin, in kelvin 5
np.ptp: 9 degree_Fahrenheit, in kelvin 260.372
np.ptp(axis=0): 5 degree_Celsius, in kelvin 278.15
np.ptp(axis=0): 5 kelvin, in kelvin 5
np.ptp(axis=0): 9 degree_Fahrenheit, in kelvin 260.372
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, pint

unit = pint.UnitRegistry()
celsius = unit.Quantity(np.array([20.0, 25]), "degC")
for name, f in (
    ("np.max - np.min", lambda t: np.max(t) - np.min(t)),
    ("np.diff", lambda t: np.diff(t)[0]),
    ("np.ediff1d", lambda t: np.ediff1d(t)[0]),
    ("np.std, twice", lambda t: 2 * np.std(t)),
    ("np.ptp", np.ptp),
    ("np.ptp(axis=0)", lambda t: np.ptp(t, axis=0)),
):
    for t in (celsius, celsius.to("kelvin"), celsius.to("degF")):
        q = f(t)
        print(f"{name}: {q.magnitude:g} {q.units}, in kelvin {q.to('kelvin').magnitude:g}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
