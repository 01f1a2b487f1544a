#!/bin/sh
# perfplot's check that all kernels give the same cannot fail where they write into an array of the setup (out=, or in
# place) and return it: what the first one gave is not copied, the second overwrites it, and the array is compared
# with itself. The readme: "By default, perfplot asserts the equality of the output of all snippets, too." Who times
# variants with out= sees wrong ones pass, and may take one for the fastest that computes something else.
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
    perfplot==0.10.2 matplotx==0.3.10 matplotlib==3.11.2 rich==15.0.0
venv/bin/python -m pip freeze
echo 'expected: refused in each line, as the second kernel gives other numbers than the first'
cat >before <<'E'
new arrays, sum and difference: refused
out=, sum and difference: passed
in place, ascending and descending: passed
np.einsum with out=, product and its transpose: passed
E
MPLBACKEND=agg venv/bin/python -W ignore - >seen <<'P'
import numpy as np
import perfplot


def ascending(a):
    a.sort()
    return a


def descending(a):
    a[:] = np.sort(a)[::-1]
    return a


def vectors(n):
    return np.arange(1.0, n + 1), np.ones(n), np.empty(n)


def matrices(n):
    return np.arange(1.0, n * n + 1).reshape(n, n), np.triu(np.ones((n, n))), np.empty((n, n))


def line(name, setup, *kernels):
    said = "passed"
    try:
        perfplot.bench(setup=setup, kernels=kernels, labels=["first", "second"], n_range=[4, 8],
                       target_time_per_measurement=0.0, show_progress=False)
    except Exception as error:
        said = "refused" if "Equality check failure" in str(error) else repr(error)
    print(f"{name}: {said}")


line("new arrays, sum and difference", vectors,
     lambda a, b, out: a + b, lambda a, b, out: a - b)
line("out=, sum and difference", vectors,
     lambda a, b, out: np.add(a, b, out=out), lambda a, b, out: np.subtract(a, b, out=out))
line("in place, ascending and descending", lambda n: np.cos(np.arange(n)), ascending, descending)
line("np.einsum with out=, product and its transpose", matrices,
     lambda a, b, out: np.einsum("ij,jk->ik", a, b, out=out), lambda a, b, out: np.einsum("ij,jk->ki", a, b, out=out))
P
grep . seen >lines && mv lines seen
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
