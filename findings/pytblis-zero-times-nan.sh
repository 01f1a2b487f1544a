#!/bin/sh
# pytblis.einsum skips zeros where one operand scales the other, as BLAS may: in outer products and
# products with a scalar 0 x NaN and 0 x infinity are 0, entry by entry and where products are summed they
# are NaN. In numpy.einsum, which it says it replaces, they are NaN always.
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
    pytblis==0.0.16
venv/bin/python -m pip freeze
echo 'expected: nan everywhere'
cat >before <<'E'
,i->i [nan] [0.0]
j,i->ji [nan] [0.0]
i,j->ji [nan] [0.0]
i,i->i [nan] [nan]
i,i-> [nan] [nan]
ji,i->j [nan] [nan]
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, pytblis

zeros, bad = np.zeros(2), np.array([np.nan, np.inf])
for text, *operands in ((",i->i", np.array(0.0), bad), ("j,i->ji", zeros, bad),
                        ("i,j->ji", bad, zeros), ("i,i->i", zeros, bad), ("i,i->", zeros, bad),
                        ("ji,i->j", np.zeros((2, 2)), bad)):
    found = pytblis.einsum(text, *operands)
    print(text, np.unique(np.einsum(text, *operands)).tolist(), np.unique(found).tolist())
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
