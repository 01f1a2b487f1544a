"""Reads one file in IDX format, plain or gzip, and validates its header against the data."""

from __future__ import annotations

import gzip
import math
import os
import stat
import struct
import sys
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GZIP_MAGIC = b"\x1f\x8b"

# Deflate spends at least two bits on a run of at most 258 bytes: four such runs to the byte.
MOST_FROM_ONE_GZIP_BYTE = 1032

# Of a packed file its own size says little: a gigabyte of gzip could honestly hold a terabyte.
MOST_UNPACKED_BYTES = 1 << 34

# Memory grows a block at a time with what really arrives, never with what a header announces.
BLOCK_BYTES = 1 << 20

UNSIGNED_BYTE = 0x08
OTHER_TYPES = {
    0x09: "signed byte",
    0x0B: "16-bit integer",
    0x0C: "32-bit integer",
    0x0D: "32-bit float",
    0x0E: "64-bit float",
}

# The format could count to 255, but NumPy before 2.0 stops here, and so does any sense in it.
MOST_DIMENSIONS = 32


def explain(path: Path, came: str, expected: str, advice: str) -> str:
    """One line: which file, what came, what was expected, what to do."""
    return f"{path}: {came}; expected {expected}; {advice}"


def as_path(value: str | os.PathLike[str], argument: str) -> Path:
    """The argument as a Path, or a TypeError that names it."""
    if not isinstance(value, str | os.PathLike):
        came = type(value).__name__
        raise TypeError(f"{argument}: expected a str or a pathlib.Path, came {came}; pass a path")
    return Path(value)


def unreadable(path: Path, error: OSError) -> OSError:
    """The same kind of OSError, in one line that names the path."""
    came = f"cannot be read ({error.strerror or error})"
    advice = "check the path and its permissions"
    return type(error)(explain(path, came, "a path this process may read", advice))


def read_idx(path: str | os.PathLike[str], *, dimensions: int | None = None) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes into an array.

    ::

        file      = 00 00 | type | D | size_1 ... size_D | data
        type      = 08, unsigned byte                       (1 byte)
        D         = number of dimensions, 1 to 32           (1 byte)
        size_i    = unsigned, most significant byte first   (4 bytes each)
        data      = size_1 * ... * size_D bytes, the last index running fastest

    :param path: the file, plain or gzip; its first two bytes say which, not its name. Only
        a name that ends in ``.gz`` must hold what it says.
    :param dimensions: the D to insist on; any by default.
    :returns: uint8 array of shape (size_1, ..., size_D), C-contiguous, writeable, owning its
        memory. An image file has (count, rows, columns), a label file (count,).
    :raises FileNotFoundError: no such file.
    :raises OSError: a folder or a device where a file should be, or a file that cannot be read.
    :raises ValueError: the file is empty, cut, too long, no IDX, of another type or number of
        dimensions, or a gzip file that is damaged; the message names the file and the fault.
    :raises TypeError: ``path`` is no path.

    No more is unpacked than the header announces and one byte, and nothing is allocated for
    dimensions that a file of this length cannot hold. A gzip file may announce 16 GiB.

    The format is described at the end of http://yann.lecun.com/exdb/mnist/.
    """
    path = as_path(path, "path")
    size = size_of_file(path)
    try:
        with path.open("rb") as file:
            if not is_gzip(file, path):
                return read_stream(file, path, dimensions, size, packed=False)
            with gzip.GzipFile(fileobj=file) as stream:
                return read_stream(stream, path, dimensions, size, packed=True)
    except EOFError as error:
        came = f"the gzip file stops before its end, after {size} bytes"
        raise ValueError(explain(path, came, "all of it", "it is cut: get it again")) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        came = f"the gzip file is corrupt ({error})"
        advice = "it was damaged on its way: get it again"
        raise ValueError(explain(path, came, "an intact one", advice)) from error
    except OSError as error:
        raise unreadable(path, error) from error


def size_of_file(path: Path) -> int:
    """The file's length in bytes; an error where there is no file to read."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        message = explain(path, "no such file", "a file in IDX format", "check the path")
        raise FileNotFoundError(message) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        message = explain(path, "a folder", "a file in IDX format", "name the file inside it")
        raise IsADirectoryError(message)
    # opening a pipe would wait for its writer, and a device has no length to hold a header to
    if not stat.S_ISREG(status.st_mode):
        advice = "copy what it gives to a file first"
        raise OSError(explain(path, "a pipe or a device", "a regular file", advice))
    if status.st_size == 0:
        message = explain(path, "the file is empty", "an IDX header", "get the file again")
        raise ValueError(message)
    return status.st_size


def is_gzip(file: BufferedIOBase, path: Path) -> bool:
    """Whether the content is gzip; an error where the name promises it and it is not."""
    start = file.read(len(GZIP_MAGIC))
    file.seek(0)
    if start == GZIP_MAGIC:
        return True
    if path.suffix.lower() == ".gz":
        came = f"named .gz but not gzip, it begins with {start.hex(' ')}"
        advice = "take .gz off its name if it is unpacked already, or get the file again"
        raise ValueError(explain(path, came, GZIP_MAGIC.hex(" "), advice))
    return False


def read_stream(
    stream: BufferedIOBase, path: Path, dimensions: int | None, size: int, *, packed: bool
) -> NDArray[np.uint8]:
    """The array in an unpacked stream whose file has ``size`` bytes."""
    shape = read_header(stream, path, dimensions)
    header = 4 + 4 * len(shape)
    announced = math.prod(shape)
    wanted = f"{announced} for the dimensions {written(shape)} in its header"
    advice = "the file is cut or its header is damaged: get it again"

    if packed and header + announced > size * MOST_FROM_ONE_GZIP_BYTE:
        most = size * MOST_FROM_ONE_GZIP_BYTE - header
        came = f"{size} bytes of gzip, which unpack to at most {most} bytes of data"
        raise ValueError(explain(path, came, wanted, advice))
    if packed and announced > MOST_UNPACKED_BYTES:
        came = f"a gzip file that announces {announced} bytes of data"
        cap = f"at most {MOST_UNPACKED_BYTES} of a packed file"
        raise ValueError(explain(path, came, cap, "unpack it first: gunzip"))
    if not packed and header + announced > size:
        came = f"truncated, {size - header} bytes of data"
        raise ValueError(explain(path, came, wanted, advice))

    # One byte more is asked for: it shows what is too long, and makes gzip compare its checksum.
    content = bytearray()
    while len(content) <= announced:
        block = stream.read(min(BLOCK_BYTES, announced + 1 - len(content)))
        if not block:
            break
        content += block

    if len(content) < announced:
        came = f"truncated, {len(content)} bytes of data"
        raise ValueError(explain(path, came, wanted, advice))
    if len(content) > announced:
        came = "trailing bytes after the data"
        advice = "it is another file's header or something was appended: get it again"
        raise ValueError(explain(path, came, f"the end after {wanted}", advice))
    return np.ndarray(shape, np.uint8, buffer=content).copy()


def read_header(stream: BufferedIOBase, path: Path, dimensions: int | None) -> tuple[int, ...]:
    """The dimensions, once the magic number, the type and their count are as they must be."""
    magic = stream.read(4)
    if not magic:
        advice = "get the file again"
        raise ValueError(
            explain(path, "the gzip file unpacks to nothing, it is empty", "an IDX header", advice)
        )
    if magic[:2] == GZIP_MAGIC:
        came = "gzip within gzip"
        raise ValueError(explain(path, came, "an IDX file packed once", "unpack it once: gunzip"))
    if magic[:2] != b"\0\0"[: len(magic)]:
        came = f"not an IDX file, it begins with {magic.hex(' ')}"
        raise ValueError(
            explain(path, came, "the magic number 00 00 08", "check which file this is")
        )
    if len(magic) < 4:
        came = f"truncated header, {len(magic)} bytes"
        raise ValueError(explain(path, came, "4 and 4 for each dimension", "get the file again"))

    kind, count = magic[2], magic[3]
    if kind != UNSIGNED_BYTE:
        came = f"data of type 0x{kind:02x} ({OTHER_TYPES.get(kind, 'unknown')})"
        advice = "store images and labels as unsigned bytes"
        raise ValueError(explain(path, came, "0x08 (unsigned byte)", advice))
    if dimensions is not None and count != dimensions:
        came = f"number of dimensions {count}"
        advice = "images have 3 dimensions and labels 1: check that the two are not swapped"
        given = stream.read(4 * count)
        if count > 3 and len(given) == 4 * count:
            came += f" ({written(struct.unpack(f'>{count}I', given))})"
            advice = "images are count x rows x columns: make grey ones of coloured ones"
        raise ValueError(explain(path, came, f"{dimensions}", advice))
    if not 1 <= count <= MOST_DIMENSIONS:
        came = f"number of dimensions {count}"
        advice = "check that this is an IDX file"
        raise ValueError(explain(path, came, f"1 to {MOST_DIMENSIONS}", advice))

    sizes = stream.read(4 * count)
    if len(sizes) < 4 * count:
        came = f"truncated header, {4 + len(sizes)} bytes"
        wanted = f"{4 + 4 * count} for {count} dimensions"
        raise ValueError(explain(path, came, wanted, "get the file again"))
    shape = struct.unpack(f">{count}I", sizes)
    # A zero among the sizes makes the data empty, but NumPy multiplies the others all the same.
    if math.prod(max(length, 1) for length in shape) > sys.maxsize:
        came = f"the absurd dimensions {written(shape)}"
        advice = "the header is damaged: get the file again"
        raise ValueError(explain(path, came, "an array that memory can address", advice))
    return shape


def written(shape: tuple[int, ...]) -> str:
    """Sizes as people write them: 60000 x 28 x 28."""
    return " x ".join(map(str, shape))
