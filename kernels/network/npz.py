"""The arrays in an npz file of unknown origin: nothing is allocated that the file only promises."""

from __future__ import annotations

import io
import math
import zipfile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: as `numpy.savez` writes them, entries are not packed; some tools pack them
_MOST_TIMES, _MOST_SPARE_BYTES = 2, 2**24
_END = ".npy"


class Refused(Exception):  # noqa: N818 - the file's state, not a mistake of ours
    """Why a file was not read, in words that follow its name."""


def read_arrays(content: bytes) -> dict[str, Array]:
    """Every array by name; pickled ones are refused.

    Raises:
        Refused: it is no such file, is damaged, or unpacks to far more than it is.
    """
    if content.startswith(np.lib.format.MAGIC_PREFIX):
        raise Refused("a single array, no npz file of a network")
    if content and not content.startswith(b"PK"):
        raise Refused("not an npz file of numbers; pickled objects are never loaded")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            entries = file.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > _MOST_TIMES * len(content) + _MOST_SPARE_BYTES:
                raise Refused(
                    f"{len(content):,} bytes that unpack to {unpacked:,}; expected what "
                    "numpy.savez writes, which does not pack"
                )
            arrays = {}
            for entry in entries:
                name = entry.filename.removesuffix(_END)
                if name == entry.filename:
                    raise Refused(f"{name:.60} in it is no array; expected what save wrote")
                with file.open(entry) as opened:
                    arrays[name] = _array(opened, name, entry.file_size)
            return arrays
    except Refused:
        raise
    except NotImplementedError:  # a compression that zipfile does not know
        raise Refused("packed in a way that cannot be read") from None
    except MemoryError:
        raise Refused("too large for this machine's memory") from None
    except Exception as problem:
        raise Refused(
            f"damaged or cut off ({type(problem).__name__}); save the network again"
        ) from None


def _array(entry: IO[bytes], name: str, size: int) -> Array:
    """One entry, whose header promises what is there."""
    version = np.lib.format.read_magic(entry)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read_header(entry)
    if dtype.hasobject:
        raise Refused(f"{name!r:.60} holds pickled objects, which are never loaded")
    if min(shape, default=0) < 0 or entry.tell() + math.prod(shape) * dtype.itemsize != size:
        raise Refused(
            f"damaged: the header of {name!r:.60} promises {dtype} {shape}, which its {size:,} "
            "bytes do not hold"
        )
    entry.seek(0)
    return np.lib.format.read_array(entry, allow_pickle=False)
