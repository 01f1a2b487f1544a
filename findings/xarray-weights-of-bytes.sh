#!/bin/sh
# xarray adds weights of one or two bytes in their own dtype, though the data are float64: the days of the twelve months
# as uint8 or int8 add up to 109, and the weighted mean of twelve times 10 degrees is 33.5. Quantiles by int8 are wrong.
# The user guide: the weighted mean corresponds to weighted_sum / weights.sum(), which is 10. Weights that are counts,
# days or quality marks come from files in such dtypes. std, var and sum_of_weights are wrong with it; nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    xarray==2026.9.0 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: 365 days, 10 degrees, quartiles of 2.75, 5.5, 8.25, whatever the dtype'
cat >before <<'E'
int64 days 365.0 mean 10.0 std 0.0 by the user guide 10.0 quartiles of 0 to 11 [2.75, 5.5, 8.25]
float64 days 365.0 mean 10.0 std 0.0 by the user guide 10.0 quartiles of 0 to 11 [2.75, 5.5, 8.25]
uint8 days 109.0 mean 33.486 std 42.978 by the user guide 10.0 quartiles of 0 to 11 [2.75, 5.5, 8.25]
int8 days 109.0 mean 33.486 std 42.978 by the user guide 10.0 quartiles of 0 to 11 [0.0, 0.0, 0.0]
uint16 ones 100000 mean 29.016
E
cat >weights.py <<'P'
import numpy as np, xarray as xr

days = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
degrees = xr.DataArray(np.full(12, 10.0), dims="month")
ramp = xr.DataArray(np.arange(12.0), dims="month")
for dtype in ("int64", "float64", "uint8", "int8"):
    weights = xr.DataArray(np.array(days, dtype), dims="month")
    weighted = degrees.weighted(weights)
    guide = (degrees * weights).sum() / weights.sum()
    equal = xr.DataArray(np.full(12, 30, dtype), dims="month")
    print(dtype, "days", weighted.sum_of_weights().item(), end=" ")
    print("mean", round(weighted.mean().item(), 3), "std", round(weighted.std().item(), 3), end=" ")
    print("by the user guide", round(guide.item(), 3), end=" ")
    print("quartiles of 0 to 11", ramp.weighted(equal).quantile([0.25, 0.5, 0.75]).values.round(3).tolist())
many = xr.DataArray(np.full(100_000, 10.0), dims="pixel")
weights = xr.DataArray(np.full(100_000, 1, "uint16"), dims="pixel")
print("uint16 ones", weights.sum().item(), "mean", round(many.weighted(weights).mean().item(), 3))
P
venv/bin/python -W ignore weights.py >seen
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
