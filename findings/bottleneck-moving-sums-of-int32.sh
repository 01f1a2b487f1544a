#!/bin/sh
# bottleneck's move_sum and move_mean of int32 give float64, and subtract what leaves the window from what enters it in
# int32: where they differ by more than 2**31 the sum is off by 2**32, in this window and all that follow, although
# every sum would fit into 32 bits. Other functions and dtypes are right. xarray's rolling(...).sum() and .mean() give
# the same, where bottleneck is installed and the window is not centred; its use_bottleneck is "whether to use
# bottleneck to accelerate". Moving averages of 32-bit audio and counters shift by a constant and stay there; nothing
# warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    bottleneck==1.6.0 \
    xarray==2026.9.0 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the same twice'
cat >before <<'E'
move_sum: float64 [1500000000.0, 2794967296.0, 3794967296.0, 2500000000.0, 500000000.0, 1794967296.0, 2794967296.0, 4294967299.0, 4294967304.0]
  of float64 [1500000000.0, -1500000000.0, -500000000.0, 2500000000.0, 500000000.0, -2500000000.0, -1500000000.0, 3.0, 8.0]
move_mean: float64 [750000000.0, 1397483648.0, 1897483648.0, 1250000000.0, 250000000.0, 897483648.0, 1397483648.0, 2147483649.5, 2147483652.0]
  of float64 [750000000.0, -750000000.0, -250000000.0, 1250000000.0, 250000000.0, -1250000000.0, -750000000.0, 1.5, 4.0]
move_var: float64 [5.625e+17, 5.625e+17, 1.5625e+18, 6.25e+16, 1.5625e+18, 6.25e+16, 5.625e+17, 0.0, 0.0]
  of float64 [5.625e+17, 5.625e+17, 1.5625e+18, 6.25e+16, 1.5625e+18, 6.25e+16, 5.625e+17, 0.0, 0.0]
move_max: float64 [1500000000.0, 0.0, 1000000000.0, 1500000000.0, 1500000000.0, -1000000000.0, 0.0, 3.0, 5.0]
  of float64 [1500000000.0, 0.0, 1000000000.0, 1500000000.0, 1500000000.0, -1000000000.0, 0.0, 3.0, 5.0]
xarray sum, use_bottleneck=True: [1500000000.0, 2794967296.0, 3794967296.0, 2500000000.0, 500000000.0, 1794967296.0, 2794967296.0, 4294967299.0, 4294967304.0]
xarray sum, use_bottleneck=False: [1500000000.0, -1500000000.0, -500000000.0, 2500000000.0, 500000000.0, -2500000000.0, -1500000000.0, 3.0, 8.0]
xarray mean, use_bottleneck=True: [750000000.0, 1397483648.0, 1897483648.0, 1250000000.0, 250000000.0, 897483648.0, 1397483648.0, 2147483649.5, 2147483652.0]
xarray mean, use_bottleneck=False: [750000000.0, -750000000.0, -250000000.0, 1250000000.0, 250000000.0, -1250000000.0, -750000000.0, 1.5, 4.0]
E
venv/bin/python -W ignore - >seen <<'P'
import bottleneck, numpy as np, xarray as xr

values = np.array([1.5e9, 0, -1.5e9, 1e9, 1.5e9, -1e9, -1.5e9, 0, 3, 5]).astype(np.int32)
for name in ("move_sum", "move_mean", "move_var", "move_max"):
    f = getattr(bottleneck, name)
    seen = f(values, 2)
    print(f"{name}: {seen.dtype} {seen[1:].tolist()}\n  of float64 {f(values.astype(float), 2)[1:].tolist()}")
for name in ("sum", "mean"):
    for use in (True, False):
        with xr.set_options(use_bottleneck=use):
            seen = getattr(xr.DataArray(values, dims="x").rolling(x=2), name)()
            print(f"xarray {name}, use_bottleneck={use}: {seen.values[1:].tolist()}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
