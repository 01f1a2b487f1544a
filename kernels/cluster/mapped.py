"""A memory map as file, offset, shape and strides: what travels to a worker in place of its bytes.

Pickling a `numpy.memmap` sends all of it, and `dask.array.from_array` (2024.11 and newer) reads it
into memory before that, for it copies what has a method ``copy``. What is made here has none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.units import bytes_text, one_line

Array = npt.NDArray[Any]


class Mapped:
    """Numbers in a file: sliced and converted like an array, opened where that is done.

    ``dask.array.from_array(einbench.mapped(np.memmap(...)), chunks=...)`` keeps file, offset and
    shape in its graph; each worker reads its own blocks, and must see the file under that name.
    """

    def __init__(
        self, path: str, dtype: np.dtype[Any], shape: Sequence[int], offset: int,
        strides: Sequence[int],
    ) -> None:  # fmt: skip
        self.path, self.dtype, self.shape = path, dtype, tuple(shape)
        #: of the first number, in bytes from the beginning of the file
        self.offset = offset
        #: in bytes
        self.strides = tuple(strides)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of these numbers, none of which is held in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def opened(self) -> Array:
        """A read-only view of the file.

        Raises:
            FileNotFoundError: there is no file of that name here.
            ValueError: it is shorter than when it was mapped.
        """
        if not self.size:
            return np.empty(self.shape, self.dtype)
        reach = [(size - 1) * step for size, step in zip(self.shape, self.strides, strict=True)]
        low = self.offset + sum(step for step in reach if step < 0)
        high = self.offset + sum(step for step in reach if step > 0) + self.dtype.itemsize
        try:
            found = Path(self.path).stat().st_size
            if found < high:
                raise ValueError(
                    f"memory map {self.path}: the file has {bytes_text(found)}, and up to "
                    f"{bytes_text(high)} of it were mapped; was it written anew?"
                )
            whole = np.memmap(self.path, np.uint8, "r", low, (high - low,))
        except OSError as problem:
            raise FileNotFoundError(
                f"memory map {self.path}: this process cannot open the file "
                f"({problem.strerror or one_line(problem)}); put it where every worker sees it "
                "under this name"
            ) from None
        return np.ndarray(
            self.shape, self.dtype, np.asarray(whole).data, self.offset - low, self.strides
        )

    def __getitem__(self, where: Any) -> Array:
        return self.opened()[where]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        opened = self.opened()
        if copy is False and dtype is not None and np.dtype(dtype) != self.dtype:
            raise ValueError(f"memory map {self.path}: {dtype} needs a copy of {self.dtype}")
        return np.array(opened, dtype, copy=copy) if copy is not None else np.asarray(opened, dtype)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """What tells two of them apart: the file's time and size too."""
        try:
            found = Path(self.path).stat()
            state: tuple[int, ...] = (found.st_size, found.st_mtime_ns)
        except OSError:
            state = ()
        return (self.path, str(self.dtype), self.shape, self.offset, self.strides, state)

    def __repr__(self) -> str:
        return f"<Mapped {self.path}: {self.shape} {self.dtype} from byte {self.offset}>"


def mapped(array: Any) -> Mapped:
    """A memory map, or a view of one, as file, offset and shape: for ``dask.array.from_array``.

    Args:
        array: a `numpy.memmap`, or an array that lies in one.

    Raises:
        TypeError: it lies in no memory map of a file.
    """
    found = as_mapped(array)
    if not isinstance(found, Mapped):
        raise TypeError(
            f"mapped: {type(array).__name__} lies in no memory map of a file; expected what "
            "np.memmap(...) or np.load(..., mmap_mode='r') gives, or a view of it"
        )
    return found


def as_mapped(array: Any) -> Any:
    """The same where the array lies in a memory map of a file; else the array itself."""
    if isinstance(array, Mapped) or not isinstance(array, np.ndarray) or array.dtype.hasobject:
        return array
    base = _map_of(array)
    if base is None:
        return array
    apart = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return Mapped(
        os.path.realpath(str(base.filename)), array.dtype, array.shape,
        int(base.offset) + apart, array.strides,
    )  # fmt: skip


def _map_of(array: Array) -> Any:
    """The outermost memory map of a file that an array lies in."""
    found, each = None, array
    while isinstance(each, np.ndarray):
        if isinstance(each, np.memmap) and each.filename is not None:
            found = each
        each = each.base  # type: ignore[assignment]
    # copy-on-write maps may hold what the file does not
    return None if found is None or found.mode == "c" else found


def copied_map(array: Any) -> str:
    """Bytes of a memory map that was read into memory as a dask array was made; else empty."""
    layer = array.dask.layers.get(f"original-{array.name}")
    for value in () if layer is None else layer.values():
        held = getattr(value, "value", value)
        if isinstance(held, np.memmap) and held.filename is None:
            return bytes_text(held.nbytes)
    return ""
