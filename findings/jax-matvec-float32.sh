#!/bin/sh
# jax.numpy.einsum on CPU: sums of the columns of a float32 matrix are right, and the product of the same
# matrix with ones, the same sums, stops at 2^24. precision="highest" changes nothing.
# The documentation of precision: "highest" is the most accurate arithmetic there is.
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
echo 'expected: 40000000 in each line'
cat >before <<'E'
ij->j 40000000
ij,i->j 16777216
ij,i->j highest 16777216
ij,i->j, float64 operands 40000000
E
venv/bin/python -W ignore - >seen <<'P'
import os
os.environ["JAX_PLATFORMS"] = "cpu"
import jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)

m, v = jnp.ones((40_000_000, 2), "float32"), jnp.ones(40_000_000, "float32")
print("ij->j", int(jnp.einsum("ij->j", m)[0]))
print("ij,i->j", int(jnp.einsum("ij,i->j", m, v)[0]))
print("ij,i->j highest", int(jnp.einsum("ij,i->j", m, v, precision="highest")[0]))
wide = jnp.einsum("ij,i->j", m.astype("float64"), v.astype("float64"))
print("ij,i->j, float64 operands", int(wide[0]))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
