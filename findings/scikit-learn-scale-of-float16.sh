#!/bin/sh
# scikit-learn's scale and normalize keep float16 and square in it, so that of values of a few hundred all results are
# 0; StandardScaler of the same is right, and calls scale the "equivalent function without the estimator API". The
# documentation: scale is to "center to the mean and component wise scale to unit variance", normalize to "scale input
# vectors individually to unit norm (vector length)"; float16 is among the dtypes that both keep. Embeddings and
# features that are stored in float16 become zeros; there is at most a RuntimeWarning.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    scikit-learn==1.9.1 \
    scipy==1.17.1 \
    'numpy==2.4.6; python_version < "3.12"' \
    'numpy==2.5.5; python_version >= "3.12"'
venv/bin/python -m pip freeze
echo 'expected: in each line the same of float16 and of float64, to three digits'
cat >before <<'E'
StandardScaler: float16 [0.62, -0.73, 1.3, -1.18], of float64 [0.62, -0.73, 1.3, -1.18]
maxabs_scale: float16 [0.5, -0.5, 1.0, -0.83], of float64 [0.5, -0.5, 1.0, -0.83]
scale: float16 [0.0, 0.0, 0.0, 0.0], of float64 [0.62, -0.73, 1.3, -1.18]
normalize: float16 [0.0, 0.0], of float64 [0.6, 0.8]
normalize, norm=max: float16 [0.75, 1.0], of float64 [0.75, 1.0]
E
venv/bin/python -W ignore - >seen <<'P'
import numpy as np
from sklearn.preprocessing import StandardScaler, maxabs_scale, normalize, scale

x = np.array([[300, 400], [-300, 100], [600, -200], [-500, -350]], np.float16)
for name, f in (
    ("StandardScaler", lambda x: StandardScaler().fit_transform(x)[:, 0]),
    ("maxabs_scale", lambda x: maxabs_scale(x)[:, 0]),
    ("scale", lambda x: scale(x)[:, 0]),
    ("normalize", lambda x: normalize(x)[0]),
    ("normalize, norm=max", lambda x: normalize(x, norm="max")[0]),
):
    seen, exact = f(x), f(x.astype(float))
    print(f"{name}: {seen.dtype} {(np.round(seen.astype(float), 2) + 0).tolist()}, of float64 {np.round(exact, 2).tolist()}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
