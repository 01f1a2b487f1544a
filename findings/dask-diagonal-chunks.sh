#!/bin/sh
# dask.array.einsum takes the diagonal or the trace of an array only if both axes are chunked alike: the
# same array is refused by how it lies in chunks, with an error of shapes that it does not have.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"' \
    dask==2026.8.0
venv/bin/python -m pip freeze
echo 'expected: 30 in each line, whatever the chunks'
cat >before <<'E'
(4, 4) 30
(2, 2) 30
(2, 4) ValueError
(1, 2) ValueError
((1, 3), (3, 1)) ValueError
E
venv/bin/python -W ignore - >seen <<'P'
import dask.array as da, numpy as np

for chunks in ((4, 4), (2, 2), (2, 4), (1, 2), ((1, 3), (3, 1))):
    try:
        print(chunks, da.einsum("ii->", da.from_array(np.arange(16).reshape(4, 4), chunks)).compute())
    except ValueError:
        print(chunks, "ValueError")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
