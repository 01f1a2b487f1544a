#!/bin/sh
# opt_einsum and cotengra let each pair of operands choose its dtype: two int8 wrap before they meet
# float64, and float16 with uint8 and int8 is float16 or float32 by the order they are given in. Both call
# themselves drop-in replacements for numpy.einsum, whose dtype is the result type of all operands.
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
echo 'expected: what NumPy gives'
cat >before <<'E'
numpy 10000.0 float16 float16
opt_einsum 16.0 float16 float32
cotengra 16.0 float16 float32
E
venv/bin/python -W ignore - >seen <<'P'
import cotengra, numpy as np, opt_einsum

i, u, f = (np.ones(2, kind) for kind in ("i1", "u1", "f2"))
hundred = np.full(1, 100, "i1")
for name, einsum in (("numpy", np.einsum), ("opt_einsum", opt_einsum.contract),
                     ("cotengra", cotengra.einsum)):
    print(name, einsum("i,i,i->i", hundred, hundred, np.ones(1))[0],
          einsum("i,i,i->i", f, u, i).dtype, einsum("i,i,i->i", u, i, f).dtype)
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
