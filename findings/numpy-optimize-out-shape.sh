#!/bin/sh
# numpy.einsum(optimize=True) takes an out= of another shape and repeats the result in it. Without
# optimize it raises ValueError; the documentation says that out is the array of the result.
. "$(dirname "$0")/install.sh"
install "$NUMPY24" "$NUMPY25"
echo 'expected: ValueError twice'
seen "optimize=False: ValueError
optimize=True: (4, 3), [4.0, 4.0, 4.0] in each row" <<'P'
import numpy as np

for optimize in (False, True):
    try:
        out = np.zeros((4, 3))
        a, b = np.ones((2, 2)), np.ones((2, 3))
        found = np.einsum("ij,jk->k", a, b, out=out, optimize=optimize)
        assert (found == found[0]).all()
        print(f"optimize={optimize}: {found.shape}, {found[0].tolist()} in each row")
    except ValueError:
        print(f"optimize={optimize}: ValueError")
P
