#!/bin/sh
# bottleneck's rankdata and nanrankdata compare integers as float64: int64 that differ beyond 2**53 have one rank.
# scipy.stats.rankdata and pandas rank them apart, and so does bottleneck of datetimes with the same numbers. xarray's
# rank, which requires bottleneck, gives the same ties. The documentation of all: "equal values are assigned a rank
# that is the average of the ranks that would have been otherwise assigned" to them. Ranks of identifiers, hashes and
# times in nanoseconds as int64 have ties that the data have not; nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    bottleneck==1.6.0 \
    scipy==1.17.1 \
    xarray==2026.9.0 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the ranks of SciPy'
cat >before <<'E'
small, SciPy: [4.0, 1.0, 3.0, 2.0]
small, pandas: [4.0, 1.0, 3.0, 2.0]
small, bottleneck.rankdata: [4.0, 1.0, 3.0, 2.0]
small, bottleneck.nanrankdata: [4.0, 1.0, 3.0, 2.0]
small, xarray rank: [4.0, 1.0, 3.0, 2.0]
small, bottleneck.rankdata of datetime64: [4.0, 1.0, 3.0, 2.0]
from 2**60, SciPy: [4.0, 1.0, 3.0, 2.0]
from 2**60, pandas: [4.0, 1.0, 3.0, 2.0]
from 2**60, bottleneck.rankdata: [2.5, 2.5, 2.5, 2.5]
from 2**60, bottleneck.nanrankdata: [2.5, 2.5, 2.5, 2.5]
from 2**60, xarray rank: [2.5, 2.5, 2.5, 2.5]
from 2**60, bottleneck.rankdata of datetime64: [4.0, 1.0, 3.0, 2.0]
nanoseconds of 2026, SciPy: [2.0, 1.0]
nanoseconds of 2026, pandas: [2.0, 1.0]
nanoseconds of 2026, bottleneck.rankdata: [1.5, 1.5]
nanoseconds of 2026, bottleneck.nanrankdata: [1.5, 1.5]
nanoseconds of 2026, xarray rank: [1.5, 1.5]
nanoseconds of 2026, bottleneck.rankdata of datetime64: [2.0, 1.0]
E
venv/bin/python -W ignore - >seen <<'P'
import bottleneck, numpy as np, pandas as pd, scipy.stats as stats, xarray as xr

for name, values in (
    ("small", np.array([4, 1, 3, 2])),
    ("from 2**60", 2**60 + np.array([4, 1, 3, 2])),
    ("nanoseconds of 2026", np.array(["2026-01-01", "2026-01-01"], "M8[ns]").astype(np.int64) + [100, 0]),
):
    for which, ranks in (
        ("SciPy", stats.rankdata(values)),
        ("pandas", pd.Series(values).rank()),
        ("bottleneck.rankdata", bottleneck.rankdata(values)),
        ("bottleneck.nanrankdata", bottleneck.nanrankdata(values)),
        ("xarray rank", xr.DataArray(values, dims="x").rank("x")),
    ):
        print(f"{name}, {which}: {np.asarray(ranks).tolist()}")
    as_times = bottleneck.rankdata(values.astype("M8[ns]"))
    print(f"{name}, bottleneck.rankdata of datetime64: {as_times.tolist()}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
