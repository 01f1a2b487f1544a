#!/bin/sh
# With numexpr installed, arithmetic of pandas changes its dtypes and values from 1,000,001 rows on: int64 and float32
# meet in float32, so that numbers that differ are equal, int32 becomes int64 where it wrapped before, and a negative
# power of integers is 0 where it was an error. pandas: numexpr is used "to accelerate computation if it is installed";
# numexpr's list of exceptions to the casting of NumPy has no integers that meet float32. A test with few rows passes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pandas==3.1.1 \
    numexpr==2.14.2 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: the same with 1000000 rows and 1000001'
cat >before <<'E'
1000000 rows: int64 - float32 : float64 1.0
1000000 rows: int64 == float32 : bool False
1000000 rows: int64 > float32 : bool True
1000000 rows: int32 * 300 : int32 738197804
1000000 rows: int64 ** -1 : ValueError
1000001 rows: int64 - float32 : float32 0.0
1000001 rows: int64 == float32 : bool True
1000001 rows: int64 > float32 : bool False
1000001 rows: int32 * 300 : int64 5033165100
1000001 rows: int64 ** -1 : int64 0
1000001 rows, use_numexpr off: int64 - float32 : float64 1.0
1000001 rows, use_numexpr off: int64 == float32 : bool False
1000001 rows, use_numexpr off: int64 > float32 : bool True
1000001 rows, use_numexpr off: int32 * 300 : int32 738197804
1000001 rows, use_numexpr off: int64 ** -1 : ValueError
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, pandas as pd

def shown(rows, note=""):
    wide = pd.Series(np.full(rows, 2**24 + 1, "int64"))
    narrow = wide.astype("int32")
    single = pd.Series(np.full(rows, 2**24, "float32"))
    for name, function in (
        ("int64 - float32", lambda: wide - single),
        ("int64 == float32", lambda: wide == single),
        ("int64 > float32", lambda: wide > single),
        ("int32 * 300", lambda: narrow * 300),
        ("int64 ** -1", lambda: wide**-1),
    ):
        try:
            result = function()
            seen = f"{result.dtype} {result.iloc[0]}"
        except ValueError as error:
            seen = type(error).__name__
        print(f"{rows} rows{note}: {name} : {seen}")

shown(1_000_000)
shown(1_000_001)
pd.set_option("compute.use_numexpr", False)
shown(1_000_001, ", use_numexpr off")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
