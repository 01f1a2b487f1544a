#!/bin/sh
# numpy.einsum(optimize=True) and cotengra sum an index that one operand alone has in the dtype of that
# operand, before it meets the wider one: int8 and bool sums wrap, float16 and float32 become infinite.
# The documentation: optimize "controls if intermediate optimization should occur", and dtype is that
# of the calculation, by default the result type of all operands. No dtype= is given here.
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
    cotengra==0.8.3 \
    autoray==0.11.0
venv/bin/python -m pip freeze
echo 'expected: the value on the left of each line, also on its right'
cat >before <<'E'
int8 with float64:   10000 16 16
bool with float64:   60 20 20
float16 with float32: 600 inf inf
float32 with float64: 6e+35 inf inf
E
venv/bin/python -W ignore - >seen <<'P'
import cotengra, numpy as np

def show(what, text, *operands):
    found = (np.einsum(text, *operands), np.einsum(text, *operands, optimize=True),
             cotengra.einsum(text, *operands))
    print(what, *(f"{float(np.ravel(each)[0]):.6g}" for each in found))

show("int8 with float64:  ", "i,j->j", np.full(100, 100, "i1"), np.ones(1))
show("bool with float64:  ", "ij,j->j", np.ones((3, 1), bool), np.array([20.0]))
show("float16 with float32:", "i,j->j", np.full(10, 60000, "f2"), np.full(1, 1e-3, "f4"))
show("float32 with float64:", "i,j->j", np.full(2, 3e38, "f4"), np.full(1, 1e-3))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
