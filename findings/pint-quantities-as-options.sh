#!/bin/sh
# pint takes quantities for some options of NumPy's functions by their bare numbers: np.sum(initial=),
# np.diff(prepend=, append=), np.ediff1d(to_begin=, to_end=), np.std and np.var(mean=), and the out= of np.sum and
# np.cumsum, which keeps its unit and receives numbers of another. 10 m with an initial 30 cm is 40 m; the other order
# of units is as wrong. np.max(initial=), np.pad, np.insert and np.clip convert. The documentation: functions "that
# Pint does not explicitly handle will error, rather than return a value with units stripped". Sums and differences are
# wrong in a right unit.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pint==0.25.3 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the same twice'
cat >before <<'E'
np.max(initial=): in cm 4.0 m, in m 4.0 m
np.pad(constant_values=): in cm [0.3, 1.0, 2.0, 3.0, 4.0, 0.3] m, in m [0.3, 1.0, 2.0, 3.0, 4.0, 0.3] m
np.sum(initial=): in cm 40.0 m, in m 10.3 m
np.diff(prepend=): in cm [-29.0, 1.0, 1.0, 1.0] m, in m [0.7, 1.0, 1.0, 1.0] m
np.diff(append=): in cm [1.0, 1.0, 1.0, 26.0] m, in m [1.0, 1.0, 1.0, -3.7] m
np.ediff1d(to_begin=): in cm [30.0, 1.0, 1.0, 1.0] m, in m [0.3, 1.0, 1.0, 1.0] m
np.std(mean=): in cm 27.522718 m, in m 2.467793 m
np.var(mean=): in cm 757.5 m ** 2, in m 6.09 m ** 2
np.sum(out=): in cm 0.1 m, in m 10.0 m
np.cumsum(out=): in cm [0.01, 0.03, 0.06, 0.1] m, in m [1.0, 3.0, 6.0, 10.0] m
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, pint

unit = pint.UnitRegistry()
a, b = unit.Quantity(np.array([1.0, 2, 3, 4]), "m"), unit.Quantity(30.0, "cm")


def summed(function, unit_of_out, **more):
    out = unit.Quantity(np.zeros(more.pop("shape")), unit_of_out)
    function(a, out=out, **more)
    return out


for name, f in (
    ("np.max(initial=)", lambda b: np.max(a, initial=b)),
    ("np.pad(constant_values=)", lambda b: np.pad(a, 1, constant_values=b)),
    ("np.sum(initial=)", lambda b: np.sum(a, initial=b)),
    ("np.diff(prepend=)", lambda b: np.diff(a, prepend=b)),
    ("np.diff(append=)", lambda b: np.diff(a, append=b)),
    ("np.ediff1d(to_begin=)", lambda b: np.ediff1d(a, to_begin=b)),
    ("np.std(mean=)", lambda b: np.std(a, mean=b)),
    ("np.var(mean=)", lambda b: np.var(a, mean=b)),
    ("np.sum(out=)", lambda b: summed(np.sum, b.units, shape=())),
    ("np.cumsum(out=)", lambda b: summed(np.cumsum, b.units, shape=4)),
):
    got = [f(each).to_base_units() for each in (b, b.to("m"))]
    print(f"{name}:", ", ".join(f"in {u} {np.round(q.magnitude, 6).tolist()} {q.units:~}" for u, q in zip(("cm", "m"), got)))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
