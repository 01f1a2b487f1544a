#!/bin/sh
# np.unwrap of unyt angles in degrees works on the bare numbers with a period of 2 pi: 350, 355, 0 and 5 degrees become
# 350, 348.72, 351.86 and 350.58 degrees, all but the first other directions, where np.sin and np.cos of the same array
# convert. In radians it is right. NumPy: unwrap "by taking the complement of large deltas with respect to the period",
# the default of which is 2 pi, and that is 360 degrees; unyt lists trigonometric functions as the exception to
# ignoring units, "applied to data with angular units". Phases and headings in degrees come out as something else;
# nothing warns.
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
echo 'expected: 350, 355, 360 and 365 degrees twice, and sines that do not change'
cat >before <<'E'
in degrees: [350.0, 348.7168, 351.8584, 350.5752] degree, sines [-0.1736, -0.1957, -0.1416, -0.1638]
in radians: [350.0, 355.0, 360.0, 365.0] degree, sines [-0.1736, -0.0872, -0.0, 0.0872]
sines before [-0.1736, -0.0872, 0.0, 0.0872]
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, unyt

angles = unyt.unyt_array([350.0, 355, 0, 5], "degree")
for name, unwrapped in (
    ("in degrees", np.unwrap(angles)),
    ("in radians", np.unwrap(angles.to("radian")).to("degree")),
):
    print(f"{name}: {np.round(unwrapped.value, 4).tolist()} {unwrapped.units},",
          "sines", np.round(np.sin(unwrapped), 4).tolist())
print("sines before", np.round(np.sin(angles), 4).tolist())
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
