"""One IDX file: right ones are read exactly, wrong ones refused with their fault."""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from einbench.mnist import read_idx

SHAPES = st.lists(st.integers(0, 6), min_size=1, max_size=4).map(tuple)
# a wrong file may cost about a block of memory, however much it claims or unpacks to
LITTLE_BYTES = 8 << 20


def header(*shape: int, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape)


def stored(folder: Path, content: bytes, *, packed: bool = False, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return path


def refusal(path: Path, dimensions: int | None = None) -> str:
    """The message of the ValueError: one line that starts with the file and says what to do."""
    with pytest.raises(ValueError, match="; expected ") as caught:
        read_idx(path, dimensions=dimensions)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.count("; ") == 2
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # hypothesis refuses a fixture made anew for each test, as tmp_path is
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def packed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@given(shape=SHAPES, data=st.data(), packed=st.booleans())
def test_what_is_written_comes_back(
    shelf: Path, shape: tuple[int, ...], data: st.DataObject, packed: bool
) -> None:
    length = int(np.prod(shape))
    content = data.draw(st.binary(min_size=length, max_size=length))
    array = read_idx(stored(shelf, header(*shape) + content, packed=packed))
    assert array.shape == shape
    assert array.dtype == np.uint8
    assert array.tobytes() == content


def test_the_last_index_runs_fastest(tmp_path: Path, packed: bool) -> None:
    path = stored(tmp_path, header(2, 3) + bytes(range(6)), packed=packed)
    assert read_idx(str(path), dimensions=2).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_array_is_the_callers_own(tmp_path: Path, packed: bool) -> None:
    path = stored(tmp_path, header(2, 3) + bytes(6), packed=packed)
    first, second = read_idx(path), read_idx(path)
    assert first.flags.owndata
    assert first.flags.writeable
    assert first.flags.c_contiguous
    first[:] = 7
    assert not second.any()


def test_more_than_one_block_is_read_whole(tmp_path: Path, packed: bool) -> None:
    pixels: NDArray[np.uint8] = np.arange(3_000_000, dtype=np.uint32).astype(np.uint8)
    path = stored(tmp_path, header(3, 1000, 1000) + pixels.tobytes(), packed=packed)
    assert np.array_equal(read_idx(path).ravel(), pixels)


@pytest.mark.parametrize("name", ["labels-idx1-ubyte", "labels.gz", "LABELS.GZ"])
def test_gzip_is_known_by_its_content_and_read_to_its_last_member(
    tmp_path: Path, name: str
) -> None:
    content = gzip.compress(header(4) + b"ab") + gzip.compress(b"cd")
    assert read_idx(stored(tmp_path, content, name=name)).tobytes() == b"abcd"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent: no such file; expected .*check the path"):
        read_idx(tmp_path / "absent")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"a folder; expected a file.*inside"):
        read_idx(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe or a device; expected a regular file"):
        read_idx(tmp_path / "pipe")


@pytest.mark.parametrize("step", ["stat", "open"])
def test_an_unreadable_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = stored(tmp_path, header(1) + b"a")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, step, refuse)
    with pytest.raises(PermissionError, match="permissions") as caught:
        read_idx(path)
    monkeypatch.undo()
    assert f"{path}: cannot be read (Permission denied); expected" in str(caught.value)


@pytest.mark.parametrize("wrong", [None, 3, b"file"])
def test_what_is_no_path_is_named(wrong: object) -> None:
    came = type(wrong).__name__
    with pytest.raises(TypeError, match=f"path: expected a str or a pathlib.Path, came {came}"):
        read_idx(wrong)  # type: ignore[arg-type]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "the file is empty" in refusal(stored(tmp_path, b""))
    assert "the file is empty" in refusal(stored(tmp_path, b"", name="file.gz"))
    assert "unpacks to nothing, it is empty" in refusal(stored(tmp_path, b"", packed=True))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 15])
def test_a_truncated_header_is_refused(tmp_path: Path, packed: bool, length: int) -> None:
    path = stored(tmp_path, header(2, 3, 4)[:length], packed=packed)
    message = refusal(path)
    assert f"truncated header, {length} bytes" in message
    assert "4 and 4 for each" in message or "16 for 3 dimensions" in message


@pytest.mark.parametrize("length", [0, 1, 23])
def test_truncated_data_is_refused(tmp_path: Path, packed: bool, length: int) -> None:
    path = stored(tmp_path, header(2, 3, 4) + bytes(length), packed=packed)
    message = f"truncated, {length} bytes of data; expected 24 for the dimensions 2 x 3 x 4"
    assert message in refusal(path)


@pytest.mark.parametrize("extra", [1, 1000])
@pytest.mark.parametrize("length", [6, 1 << 20])
def test_trailing_bytes_are_refused(tmp_path: Path, packed: bool, length: int, extra: int) -> None:
    """Also where the data ends together with a block of the reader."""
    path = stored(tmp_path, header(length) + bytes(length + extra), packed=packed)
    assert f"trailing bytes after the data; expected the end after {length}" in refusal(path)


@pytest.mark.parametrize("start", [b"\x89PNG", b"\x00\x01\x08\x01", b"\x01", b"<html>"])
def test_a_wrong_magic_number_is_refused(tmp_path: Path, packed: bool, start: bytes) -> None:
    message = f"not an IDX file, it begins with {start[:4].hex(' ')}; expected the magic number"
    assert message in refusal(stored(tmp_path, start, packed=packed))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(0x09, "signed byte"), (0x0C, "32-bit integer"), (0x0D, "32-bit float"), (0x55, "unknown")],
)
def test_a_wrong_type_is_refused(tmp_path: Path, packed: bool, kind: int, name: str) -> None:
    path = stored(tmp_path, header(1, kind=kind) + bytes(8), packed=packed)
    assert f"type 0x{kind:02x} ({name}); expected 0x08 (unsigned byte)" in refusal(path)


def test_labels_are_no_images_and_images_no_labels(tmp_path: Path, packed: bool) -> None:
    labels = stored(tmp_path, header(2) + b"ab", packed=packed)
    assert "number of dimensions 1; expected 3; images have 3" in refusal(labels, dimensions=3)
    images = stored(tmp_path, header(2, 1, 1) + b"ab", packed=packed)
    assert "number of dimensions 3; expected 1" in refusal(images, dimensions=1)


@pytest.mark.parametrize("count", [0, 33, 255])
def test_a_number_of_dimensions_without_sense_is_refused(tmp_path: Path, count: int) -> None:
    path = stored(tmp_path, bytes([0, 0, 8, count]) + bytes(4 * count + 1))
    assert f"number of dimensions {count}; expected 1 to 32" in refusal(path)


def test_a_name_that_promises_gzip_must_hold_gzip(tmp_path: Path) -> None:
    message = "named .gz but not gzip, it begins with 00 00; expected 1f 8b; take .gz off"
    assert message in refusal(stored(tmp_path, header(2) + b"ab", name="labels.gz"))


@pytest.mark.parametrize("kept", [3, 12, 100, -9, -1])
def test_cut_gzip_is_refused(tmp_path: Path, kept: int) -> None:
    content = gzip.compress(header(300) + os.urandom(300))
    assert "the gzip file stops before its end" in refusal(stored(tmp_path, content[:kept]))


@pytest.mark.parametrize(
    ("place", "fault"), [(2, "method"), (10, "invalid block"), (-8, "CRC"), (-1, "length")]
)
def test_corrupt_gzip_is_refused(tmp_path: Path, place: int, fault: str) -> None:
    """Every part is guarded: gzip's own header, the packed bytes, the checksum, the length."""
    content = bytearray(gzip.compress(header(300) + bytes(300)))
    content[place] = 0xFF
    message = refusal(stored(tmp_path, bytes(content)))
    assert "the gzip file is corrupt" in message
    assert fault in message


def test_bytes_appended_to_gzip_are_refused(tmp_path: Path) -> None:
    content = gzip.compress(header(2) + b"ab") + b"more"
    assert "the gzip file is corrupt" in refusal(stored(tmp_path, content))


def cheap_outcome(path: Path) -> str:
    """The plain error's message, empty for an array; it fails on others and on much memory."""
    message = ""
    tracemalloc.start()
    try:
        read_idx(path)
    except (ValueError, OSError) as error:
        message = str(error)
    finally:
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < LITTLE_BYTES
    assert not message or message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "shape", [(2**32 - 1, 1024, 1024), (2**32 - 1,) * 3, (2**32 - 1, 2**32 - 1, 0)]
)
def test_absurd_dimensions_are_refused_before_memory_is_asked_for(
    tmp_path: Path, packed: bool, shape: tuple[int, ...]
) -> None:
    path = stored(tmp_path, header(*shape) + bytes(100), packed=packed)
    if not packed:
        os.truncate(path, 100_000_000)
    assert " x ".join(map(str, shape)) in cheap_outcome(path)


def test_gzip_too_short_for_its_dimensions_is_refused_before_unpacking(tmp_path: Path) -> None:
    path = stored(tmp_path, header(60_000, 28, 28) + bytes(1000), packed=True)
    message = refusal(path)
    assert f"{path.stat().st_size} bytes of gzip, which unpack to at most" in message
    assert "expected 47040000 for the dimensions 60000 x 28 x 28" in message


def test_memory_grows_with_what_gzip_holds_not_with_what_it_claims(tmp_path: Path) -> None:
    path = stored(tmp_path, header(100, 1000, 1000) + os.urandom(100_000), packed=True)
    assert "truncated, 100000 bytes of data; expected 100000000" in cheap_outcome(path)


def test_the_most_that_gzip_can_hold_is_accepted(tmp_path: Path) -> None:
    content = header(4000, 28, 28) + bytes(4000 * 28 * 28)
    assert read_idx(stored(tmp_path, content, packed=True)).shape == (4000, 28, 28)


def test_a_gzip_bomb_is_not_unpacked_beyond_its_header(tmp_path: Path) -> None:
    """Its end is cut off: had the reader gone there, it would complain of that instead."""
    bomb = gzip.compress(header(10, 28, 28) + bytes(100_000_000), compresslevel=1)
    assert "trailing bytes" in cheap_outcome(stored(tmp_path, bomb[:-20]))


@given(content=st.binary(max_size=200), start=st.sampled_from([b"", b"\0\0\x08", b"\x1f\x8b\x08"]))
def test_random_bytes_do_no_harm(shelf: Path, content: bytes, start: bytes) -> None:
    for packed in (False, True):
        cheap_outcome(stored(shelf, start + content, packed=packed))


@given(
    changes=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 255)), max_size=4),
    kept=st.integers(0, 40),
    packed=st.booleans(),
    damage_packing=st.booleans(),
)
def test_damage_before_or_after_packing_does_no_harm(
    shelf: Path, changes: list[tuple[int, int]], kept: int, packed: bool, damage_packing: bool
) -> None:
    content = bytearray(header(2, 3, 4) + bytes(range(24)))
    if damage_packing:
        content = bytearray(gzip.compress(content, mtime=0))
    for place, value in changes:
        content[place] = value
    cheap_outcome(stored(shelf, bytes(content[:kept]), packed=packed))


@given(shape=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40), packed=st.booleans())
def test_any_dimensions_do_no_harm(shelf: Path, shape: list[int], packed: bool) -> None:
    cheap_outcome(stored(shelf, header(*shape), packed=packed))


def test_gzip_within_gzip_is_said(tmp_path: Path) -> None:
    content = gzip.compress(gzip.compress(header(2) + b"ab"))
    assert "gzip within gzip; expected an IDX file packed once" in refusal(
        stored(tmp_path, content)
    )


def test_images_of_several_channels_are_said_with_their_sizes(tmp_path: Path) -> None:
    path = stored(tmp_path, header(3, 2, 2, 3) + bytes(36))
    with pytest.raises(ValueError, match=r"number of dimensions 4 .3 x 2 x 2 x 3.; expected 3;"):
        read_idx(path, dimensions=3)
