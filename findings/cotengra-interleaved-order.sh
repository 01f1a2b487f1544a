#!/bin/sh
# cotengra.einsum with lists of subscripts and no output puts the axes of the result as they first appear:
# a transpose is none, and products come out transposed. numpy.einsum, whose interleaved call cotengra says
# it takes, sorts them by number, and so does opt_einsum. With letters cotengra sorts too.
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
    opt_einsum==3.4.0 \
    cotengra==0.8.3 \
    autoray==0.11.0
venv/bin/python -m pip freeze
echo 'expected: the same shape three times in a line'
cat >before <<'E'
[1, 0]: (3, 2) (3, 2) (2, 3)
[2, 1], [1, 0]: (4, 2) (4, 2) (2, 4)
cb,ba: (4, 2) (4, 2) (4, 2)
E
venv/bin/python -W ignore - >seen <<'P'
import cotengra, numpy as np, opt_einsum

a, b = np.ones((2, 3)), np.ones((3, 4))
libraries = (np.einsum, opt_einsum.contract, cotengra.einsum)
print("[1, 0]:", *(each(a, [1, 0]).shape for each in libraries))
print("[2, 1], [1, 0]:", *(each(a, [2, 1], b, [1, 0]).shape for each in libraries))
print("cb,ba:", *(each("cb,ba", a, b).shape for each in libraries))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
