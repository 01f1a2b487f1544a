#!/bin/sh
# dask.array.einsum takes the diagonal or the trace of an array only if both axes are chunked alike: the
# same array is refused by how it lies in chunks, with an error of shapes that it does not have.
. "$(dirname "$0")/install.sh"
install "$NUMPY24" "$NUMPY25" dask==2026.8.0
echo 'expected: 30 in each line, whatever the chunks'
seen "(4, 4) 30
(2, 2) 30
(2, 4) ValueError
(1, 2) ValueError
((1, 3), (3, 1)) ValueError" <<'P'
import dask.array as da, numpy as np

for chunks in ((4, 4), (2, 2), (2, 4), (1, 2), ((1, 3), (3, 1))):
    try:
        print(chunks, da.einsum("ii->", da.from_array(np.arange(16).reshape(4, 4), chunks)).compute())
    except ValueError:
        print(chunks, "ValueError")
P
