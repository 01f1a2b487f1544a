#!/bin/sh
# polars's diff of unsigned 64-bit integers converts to Int64 first, and makes nulls of all from 2**63 on, so that
# their differences are missing, also those that fit into 64 bits; sums and means of the result leave them out. The
# same in a lazy frame is an error, and subtraction of the shifted column gives the differences. Smaller unsigned
# integers get a signed dtype that holds them. The documentation: "calculate the first discrete difference between
# shifted items", and null_behavior is "how to handle null values", of which there are none. Hashes and counters lose
# rows without a warning.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    polars==2.1.0
venv/bin/python -m pip freeze
echo 'expected: null, 2, 5 and 6, or an error, in each line'
cat >before <<'E'
UInt32, Series.diff: [None, 2, 5, 6]
UInt32, DataFrame.select: [None, 2, 5, 6]
UInt32, LazyFrame.select: [None, 2, 5, 6]
UInt32, subtraction: [None, 2, 5, 6]
UInt32, diff().sum(): 13
UInt64 below 2**63, Series.diff: [None, 2, 5, 6]
UInt64 below 2**63, DataFrame.select: [None, 2, 5, 6]
UInt64 below 2**63, LazyFrame.select: [None, 2, 5, 6]
UInt64 below 2**63, subtraction: [None, 2, 5, 6]
UInt64 below 2**63, diff().sum(): 13
UInt64, Series.diff: [None, None, None, None]
UInt64, DataFrame.select: [None, None, None, None]
UInt64, LazyFrame.select: InvalidOperationError
UInt64, subtraction: [None, 2, 5, 6]
UInt64, diff().sum(): 0
E
venv/bin/python -W ignore - >seen <<'P'
import polars as pl


def shown(function):
    try:
        return function()
    except pl.exceptions.PolarsError as error:
        return type(error).__name__


for name, dtype, first in (("UInt32", pl.UInt32, 2**31), ("UInt64 below 2**63", pl.UInt64, 2**62), ("UInt64", pl.UInt64, 2**63)):
    s = pl.Series("a", [first, first + 2, first + 7, first + 13], dtype=dtype)
    frame = pl.DataFrame(s)
    for call, f in (
        ("Series.diff", lambda: s.diff().to_list()),
        ("DataFrame.select", lambda: frame.select(pl.col("a").diff())["a"].to_list()),
        ("LazyFrame.select", lambda: frame.lazy().select(pl.col("a").diff()).collect()["a"].to_list()),
        ("subtraction", lambda: (s - s.shift()).to_list()),
        ("diff().sum()", lambda: s.diff().sum()),
    ):
        print(f"{name}, {call}: {shown(f)}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
