#!/bin/sh
# numpy.einsum(optimize=True) takes an out= of another shape and repeats the result in it. Without
# optimize it raises ValueError; the documentation says that out is the array of the result.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: ValueError twice'
cat >before <<'E'
optimize=False: ValueError
optimize=True: (4, 3), [4.0, 4.0, 4.0] in each row
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np

for optimize in (False, True):
    try:
        out = np.zeros((4, 3))
        a, b = np.ones((2, 2)), np.ones((2, 3))
        found = np.einsum("ij,jk->k", a, b, out=out, optimize=optimize)
        assert (found == found[0]).all()
        print(f"optimize={optimize}: {found.shape}, {found[0].tolist()} in each row")
    except ValueError:
        print(f"optimize={optimize}: ValueError")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
