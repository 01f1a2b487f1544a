#!/bin/sh
# abs of integers is float64 in numexpr, for int32 and int64, so that beyond 2**53 its last digits are gone, and two
# that differ are equal; sign, round and unary minus keep integers as they are. pandas, whose eval and query compute
# with numexpr where it is installed, finds rows that do not match, and abs changes the dtype of a column. numexpr's
# guide: "abs(float|complex|int): float|complex|int". nextafter of float32 is a float64, the next one of these, which
# is the number itself as float32. Who filters by abs(id) or by abs of nanoseconds gets rows of others.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    numexpr==2.14.2 \
    pandas==3.1.1 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the same twice'
cat >before <<'E'
sign(a) of int64: int64 [-1, 1], NumPy int64 [-1, 1]
round(a) of int64: int64 [-9007199254740993, 9007199254740995], NumPy int64 [-9007199254740993, 9007199254740995]
-a of int64: int64 [9007199254740993, -9007199254740995], NumPy int64 [9007199254740993, -9007199254740995]
abs(a) of int64: float64 [9007199254740992.0, 9007199254740996.0], NumPy int64 [9007199254740993, 9007199254740995]
sign(a) of int32: int32 [-1, 1], NumPy int32 [-1, 1]
round(a) of int32: int32 [-7, 7], NumPy int32 [-7, 7]
-a of int32: int32 [7, -7], NumPy int32 [7, -7]
abs(a) of int32: float64 [7.0, 7.0], NumPy int32 [7, 7]
abs(a) == 9007199254740992: [True, False], NumPy [False, False]
nextafter(x, y) > x, as float32: [False, False], NumPy [True, True]
pandas query abs(a) == 9007199254740992: rows by numexpr 1, by Python 0
pandas query abs(a) > 9007199254740992: rows by numexpr 1, by Python 2
E
venv/bin/python -W ignore - >seen <<'P'
import numexpr, numpy as np, pandas as pd

a = np.array([-(2**53) - 1, 2**53 + 3])
for each in (a, np.array([-7, 7], np.int32)):
    for expression, numpy in (("sign(a)", np.sign), ("round(a)", np.round), ("-a", np.negative), ("abs(a)", np.abs)):
        seen, exact = numexpr.evaluate(expression, {"a": each}), numpy(each)
        print(f"{expression} of {each.dtype}: {seen.dtype} {seen.tolist()}, NumPy {exact.dtype} {exact.tolist()}")
seen = numexpr.evaluate("abs(a) == 9007199254740992", {"a": a})
print(f"abs(a) == 9007199254740992: {seen.tolist()}, NumPy {(np.abs(a) == 9007199254740992).tolist()}")
x = np.array([1, 2], np.float32)
seen, exact = numexpr.evaluate("nextafter(x, y)", {"x": x, "y": 2 * x}), np.nextafter(x, 2 * x)
print(f"nextafter(x, y) > x, as float32: {(seen.astype(np.float32) > x).tolist()}, NumPy {(exact > x).tolist()}")
frame = pd.DataFrame({"a": a})
for expression in ("abs(a) == 9007199254740992", "abs(a) > 9007199254740992"):
    rows = [len(frame.query(expression, engine=engine)) for engine in ("numexpr", "python")]
    print(f"pandas query {expression}: rows by numexpr {rows[0]}, by Python {rows[1]}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
