#!/bin/sh
# jax.numpy.power and ** of two integer arrays take the exponent modulo 64: 3 ** 66 is 9, and 2 ** 64 is 1, in every
# dtype of integers. With the exponent as a Python int the same power is right, as NumPy's is, so that jit, which makes
# an argument of it, changes the value. The documentation: "element-wise base x1 exponential of x2", with a note that
# negative exponents are undefined, and none of large ones. Powers modulo 2**32, by which random number generators are
# advanced and polynomial hashes computed, need such exponents and are wrong without a warning.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    jax==0.10.2 \
    jaxlib==0.10.2 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the same four times'
cat >before <<'E'
uint32 3 ** 63: jnp.power 2111105451, ** in jit 2111105451, ** int 2111105451, NumPy 2111105451
uint32 3 ** 64: jnp.power 1, ** in jit 1, ** int 2038349057, NumPy 2038349057
uint32 3 ** 66: jnp.power 9, ** in jit 9, ** int 1165272329, NumPy 1165272329
uint32 2 ** 64: jnp.power 1, ** in jit 1, ** int 0, NumPy 0
uint32 5 ** 200: jnp.power 390625, ** in jit 390625, ** int 1018802913, NumPy 1018802913
int64 3 ** 63: jnp.power -3237885987332494933, ** in jit -3237885987332494933, ** int -3237885987332494933, NumPy -3237885987332494933
int64 3 ** 64: jnp.power 1, ** in jit 1, ** int 8733086111712066817, NumPy 8733086111712066817
int64 3 ** 66: jnp.power 9, ** in jit 9, ** int 4810798710570394889, NumPy 4810798710570394889
int64 2 ** 64: jnp.power 1, ** in jit 1, ** int 0, NumPy 0
int64 5 ** 200: jnp.power 390625, ** in jit 390625, ** int -7817535966050405663, NumPy -7817535966050405663
uint8 3 ** 63: jnp.power 171, ** in jit 171, ** int 171, NumPy 171
uint8 3 ** 64: jnp.power 1, ** in jit 1, ** int 1, NumPy 1
uint8 3 ** 66: jnp.power 9, ** in jit 9, ** int 9, NumPy 9
uint8 2 ** 64: jnp.power 1, ** in jit 1, ** int 0, NumPy 0
uint8 5 ** 200: jnp.power 225, ** in jit 225, ** int 225, NumPy 225
generator advanced one by one: [3368691941, 3169604001, 2553364701, 2951567673, 3649828041]
by jnp.power: [3368691941, 3169604001, 2553364701, 12345, 1447312329]
E
venv/bin/python -W ignore - >seen <<'P'
import warnings

import jax, jax.numpy as jnp, numpy as np

jax.config.update("jax_enable_x64", True)
for dtype in (np.uint32, np.int64, np.uint8):
    for base, exponent in ((3, 63), (3, 64), (3, 66), (2, 64), (5, 200)):
        a, b = np.array([base], dtype), np.array([exponent], dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = (jnp.power(jnp.asarray(a), jnp.asarray(b)), jax.jit(lambda x, y: x**y)(a, exponent),
                      jnp.asarray(a) ** exponent, np.power(a, b))
        values = [int(each[0]) for each in values]
        print(f"{a.dtype} {base} ** {exponent}: jnp.power {values[0]}, ** in jit {values[1]}, ** int {values[2]}, NumPy {values[3]}")
state, multiplier = np.uint32(12345), np.uint32(1664525)
steps = np.array([1, 2, 63, 64, 100], np.uint32)
one = [int(state)]
for _ in range(100):
    one.append(one[-1] * int(multiplier) % 2**32)
print("generator advanced one by one:", [one[n] for n in steps])
print("by jnp.power:", (state * jnp.power(jnp.full(5, multiplier), jnp.asarray(steps))).tolist())
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
