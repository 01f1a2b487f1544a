#!/bin/sh
# A jitted function that another one calls with whole numbers written in its source is compiled anew for each of them,
# as long as it takes to compile, although the code is the same; given the same numbers in variables, once. numba's
# release notes of 0.51 say that types without the value are preferred, to compile less: that holds for functions that
# numba implements (overload), not for a user's own. A call by Python with the same numbers compiles once too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    numba==0.68.1 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: 1 form of each, for int64 and int64'
cat >before <<'E'
called with numbers as they are written: 4 forms
called with the same in variables: 1 forms
called by Python: 1 forms
of numba's overload, as they are written: 1 forms
E
cat >forms.py <<'P'
import numba
from numba.extending import overload

def made():
    @numba.njit
    def power(x, n):
        result = 1
        for _ in range(n):
            result *= x
        return result
    return power

written, stored, called = made(), made(), made()

@numba.njit
def by_numbers(x):
    return written(x, 2) + written(x, 3) + written(x, 4) + written(x, 5)

@numba.njit
def by_variables(x, a, b, c, d):
    return stored(x, a) + stored(x, b) + stored(x, c) + stored(x, d)

seen = set()

def plain(x, n):
    return x**n

@overload(plain)
def of_plain(x, n):
    seen.add((x, n))
    return lambda x, n: x**n

@numba.njit
def by_overload(x):
    return plain(x, 2) + plain(x, 3) + plain(x, 4) + plain(x, 5)

expected = 3**2 + 3**3 + 3**4 + 3**5
assert by_numbers(3) == by_variables(3, 2, 3, 4, 5) == by_overload(3) == expected
assert sum(called(3, n) for n in (2, 3, 4, 5)) == expected
print(f"called with numbers as they are written: {len(written.signatures)} forms")
print(f"called with the same in variables: {len(stored.signatures)} forms")
print(f"called by Python: {len(called.signatures)} forms")
print(f"of numba's overload, as they are written: {len(seen)} forms")
P
venv/bin/python -W ignore forms.py >seen
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
