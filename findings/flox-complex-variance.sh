#!/bin/sh
# With flox installed, xarray's groupby(...).var() and std() of complex numbers square the deviations without taking
# their absolute values: variances are complex, negative, or 0 for data that vary. Without flox, and without groupby,
# they are those of NumPy. xarray: use_flox is "whether to use numpy_groupies and flox to accelerate" groupby, and var
# is "variance". Noise of radio, radar or NMR data changes by a package that is installed for speed; nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    xarray==2026.9.0 \
    flox==0.11.2 \
    numpy-groupies==0.16.0 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: variances of 25, 9, 4 and 1, deviations of 5, 3, 2 and 1'
cat >before <<'E'
NumPy var [25.0, 9.0, 4.0, 1.0]
xarray var, use_flox=False [25.0, 9.0, 4.0, 1.0]
xarray var, use_flox=True [(-7+24j), (-9+0j), (4+0j), 0j]
flox var, engine flox [(-7+24j), (-9+0j), (4+0j), 0j]
flox var, engine numpy [(-7+24j), (-9+0j), (4+0j), 0j]
NumPy std [5.0, 3.0, 2.0, 1.0]
xarray std, use_flox=False [5.0, 3.0, 2.0, 1.0]
xarray std, use_flox=True [(3+4j), 3j, (2+0j), 0j]
flox std, engine flox [(3+4j), 3j, (2+0j), 0j]
flox std, engine numpy [(3+4j), 3j, (2+0j), 0j]
E
venv/bin/python -W ignore - >seen <<'P'
import flox, numpy as np, xarray as xr

z = np.array([3 + 4j, -3 - 4j, 3j, -3j, 2, -2, 1, 1j, -1, -1j])
groups = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3, 3])

def shown(name, values):
    print(name, np.round(values, 6).tolist())

for name in ("var", "std"):
    shown(f"NumPy {name}", [getattr(np, name)(z[groups == g]) for g in range(4)])
    data = xr.DataArray(z, dims="x")
    label = xr.DataArray(groups, dims="x", name="g")
    for use in (False, True):
        with xr.set_options(use_flox=use):
            shown(f"xarray {name}, use_flox={use}", getattr(data.groupby(label), name)().values)
    for engine in ("flox", "numpy"):
        shown(f"flox {name}, engine {engine}", flox.groupby_reduce(z, groups, func=name, engine=engine)[0])
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
