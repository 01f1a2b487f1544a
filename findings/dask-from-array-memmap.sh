#!/bin/sh
# dask.array.from_array copies an np.memmap into memory, all of it, whatever the chunks: with a file that is
# larger than memory the process ends before anything is computed, and chunks are read from the copy, not
# from the file. lock=True and asarray=False change nothing; a class that is no array (no copy method) is
# sliced chunk by chunk.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 dask==2026.8.0
venv/bin/python -m pip freeze
echo 'expected: memory that does not grow with the file, as chunks are sliced when they are computed'
cat >before <<'E'
defaults: the whole file was copied
asarray=False: the whole file was copied
lock=True: the whole file was copied
no array: a small part of the file was copied
E
venv/bin/python -W ignore - >seen <<'P'
import dask.array as da
import numpy as np

SIZE = 128 << 20
np.lib.format.open_memmap("rows.npy", "w+", np.uint8, (SIZE >> 10, 1 << 10))[:] = 1


def anonymous():
    with open("/proc/self/status") as said:
        return int(next(line for line in said if line.startswith("RssAnon")).split()[1]) << 10


class Rows:
    def __init__(self, array):
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, part):
        return np.asarray(self._array[part])


for what, wrap, more in (
    ("defaults", lambda a: a, {}),
    ("asarray=False", lambda a: a, {"asarray": False}),
    ("lock=True", lambda a: a, {"lock": True}),
    ("no array", Rows, {}),
):
    before = anonymous()
    chunked = da.from_array(wrap(np.load("rows.npy", mmap_mode="r")), chunks=(1 << 12, -1), **more)
    grown = anonymous() - before
    print(what + ": " + ("the whole file" if grown > 0.9 * SIZE else "a small part of the file"), "was copied")
    del chunked
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
