#!/bin/sh
# scipy.stats.ttest_rel subtracts paired samples of small integers in their own dtype, where differences wrap: of grey
# values as uint8 that differ by noise, on either side, p is 0.0049 where it is 0.64, and of the same as float64 all is
# well. tmean, a mean, sums in that dtype and gives 18.6 for values near 200; cumfreq and relfreq lose values of int8
# in bins of wrong limits. ttest_1samp, wilcoxon, pearsonr, describe and tvar are right. The documentation: "the
# arithmetic mean of given values", and a test "that two related or repeated samples have identical average". Nothing
# warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    scipy==1.17.1 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the same of integers and of float64'
cat >before <<'E'
ttest_ind: uint8 0.9639, float64 0.9639
wilcoxon: uint8 0.793, float64 0.793
pearsonr: uint8 0.0, float64 0.0
ttest_rel: uint8 0.0049, float64 0.6424
ttest_rel of uint16: uint16 0.0051, float64 0.6424
tvar: uint8 99.9556, float64 99.9556
tmean: uint8 18.6, float64 197.8
tmean, limits: uint8 201.375, float64 201.375
numpy.histogram: int8 [2, 0, 1, 2], float64 [2, 0, 1, 2]
cumfreq: int8 [1.0, 1.0, 2.0, 3.0], float64 [1.0, 2.0, 3.0, 5.0]
relfreq: int8 [0.2, 0.0, 0.2, 0.2], float64 [0.2, 0.2, 0.2, 0.4]
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np, scipy.stats as stats

a = np.array([200, 210, 190, 205, 180, 198, 202, 211, 187, 195], np.uint8)
b = np.array([201, 209, 192, 206, 181, 196, 203, 210, 188, 194], np.uint8)
c = np.array([-100, 100, 50, -60, 120], np.int8)


def p(function):
    return lambda x, y: round(float(function(x, y).pvalue), 4)


for name, f, *values in (
    ("ttest_ind", p(stats.ttest_ind), a, b),
    ("wilcoxon", p(stats.wilcoxon), a, b),
    ("pearsonr", p(stats.pearsonr), a, b),
    ("ttest_rel", p(stats.ttest_rel), a, b),
    ("ttest_rel of uint16", p(stats.ttest_rel), a.astype(np.uint16), b.astype(np.uint16)),
    ("tvar", lambda x: round(float(stats.tvar(x)), 4), a),
    ("tmean", lambda x: round(float(stats.tmean(x)), 4), a),
    ("tmean, limits", lambda x: round(float(stats.tmean(x, (190, 255))), 4), a),
    ("numpy.histogram", lambda x: np.histogram(x, 4)[0].tolist(), c),
    ("cumfreq", lambda x: stats.cumfreq(x, 4).cumcount.tolist(), c),
    ("relfreq", lambda x: stats.relfreq(x, 4).frequency.tolist(), c),
):
    kind = values[0].dtype
    print(f"{name}: {kind} {f(*values)}, float64 {f(*(each.astype(float) for each in values))}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
