#!/bin/sh
# numpy.einsum of sparse arrays is sparse's, which sums in the widest integer: bool "i,i->" counts to 5 where
# arrays give True, int8 "i->" is 500 where they wrap to -12, and int8 "i,i->" is 80, for products
# do wrap. The documentation: it "evaluates the Einstein summation convention on the operands", after NumPy.
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
    sparse==0.19.3
venv/bin/python -m pip freeze
echo 'expected: the same value and dtype twice in a line'
cat >before <<'E'
i,i->i True bool, sparse True bool
i,i-> True bool, sparse 5 int64
i-> -12 int8, sparse 500 int64
i,i-> 80 int8, sparse 80 int64
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, sparse

def show(text, *operands):
    right = np.einsum(text, *operands)
    found = np.einsum(text, *map(sparse.COO.from_numpy, operands))
    value = found.todense().ravel()[0]
    print(text, f"{np.ravel(right)[0]} {right.dtype}, sparse {value} {found.dtype}")

show("i,i->i", np.ones(5, bool), np.ones(5, bool))
show("i,i->", np.ones(5, bool), np.ones(5, bool))
show("i->", np.full(5, 100, "i1"))
show("i,i->", np.full(5, 100, "i1"), np.full(5, 100, "i1"))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
