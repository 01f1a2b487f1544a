"""The set as shipped is the published one, and any other set in four IDX files loads alike."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from einbench import mnist

SHIPPED = Path(mnist.__file__).parent / "data"

# unpacked file: bytes, MD5 as published
PUBLISHED = {
    "train-images-idx3-ubyte": (47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": (60_008, "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": (7_840_016, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": (10_008, "27ae3e4e09519cfbb04c329615203637"),
}

SHA256 = {
    "t10k-images-idx3-ubyte.gz": "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
    "t10k-labels-idx1-ubyte.gz": "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
    "train-images-idx3-ubyte.gz": (
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971"
    ),
    "train-labels-idx1-ubyte.gz": (
        "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203"
    ),
}


def as_idx(array: NDArray[np.uint8]) -> bytes:
    start = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return start + array.tobytes()


def parts(dataset: mnist.Dataset) -> dict[str, NDArray[np.uint8]]:
    """The four arrays under the names of their files."""
    return dict(zip(PUBLISHED, (*dataset.train, *dataset.test), strict=True))


def write_set(folder: Path, arrays: dict[str, NDArray[np.uint8]]) -> None:
    for name, array in arrays.items():
        (folder / name).write_bytes(as_idx(array))


def small_set(rows: int = 5, columns: int = 7, classes: int = 26) -> dict[str, NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    arrays = {}
    for subject, count in (("train", 6), ("t10k", 4)):
        pixels = generator.integers(0, 256, (count, rows, columns), np.uint8)
        arrays[f"{subject}-images-idx3-ubyte"] = pixels
        arrays[f"{subject}-labels-idx1-ubyte"] = generator.integers(0, classes, count, np.uint8)
    return arrays


def assert_same(dataset: mnist.Dataset, arrays: dict[str, NDArray[np.uint8]]) -> None:
    for name, array in parts(dataset).items():
        assert np.array_equal(array, arrays[name]), name


@pytest.fixture(scope="module")
def digits() -> mnist.Dataset:
    return mnist.load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small set, plain, of another image size and with more classes than MNIST."""
    write_set(tmp_path, small_set())
    return tmp_path


@pytest.mark.parametrize("name", SHA256)
def test_the_shipped_files_are_the_ones_listed(name: str) -> None:
    assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == SHA256[name]


def test_the_list_of_checksums_beside_the_files_is_right() -> None:
    lines = (SHIPPED / "SHA256SUMS").read_text().splitlines()
    listed = {name: checksum for checksum, name in map(str.split, lines)}
    assert listed == SHA256


def test_the_shipped_files_carry_their_licence_and_authors() -> None:
    reported = (SHIPPED / "README.md").read_text()
    for essential in ("CC BY-SA 3.0", "LeCun", "Cortes", "Burges", "SHA256SUMS"):
        assert essential in reported


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_unpacked_files_are_the_published_ones(name: str) -> None:
    content = gzip.decompress((SHIPPED / f"{name}.gz").read_bytes())
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert (len(content), md5) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_arrays_written_back_are_the_published_files(digits: mnist.Dataset, name: str) -> None:
    """Header and data together: shape, order and every byte are as published."""
    content = as_idx(parts(digits)[name])
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert (len(content), md5) == PUBLISHED[name]


def test_shapes_and_types_are_those_of_mnist(digits: mnist.Dataset) -> None:
    assert digits.train.images.shape == (60_000, 28, 28)
    assert digits.train.labels.shape == (60_000,)
    assert digits.test.images.shape == (10_000, 28, 28)
    assert digits.test.labels.shape == (10_000,)
    for array in parts(digits).values():
        assert array.dtype == np.uint8
        assert array.flags.owndata
        assert array.flags.writeable
        assert array.flags.c_contiguous


def test_training_pixels_have_the_known_mean_and_deviation(digits: mnist.Dataset) -> None:
    assert digits.train.images.mean() == pytest.approx(33.318421, abs=5e-7)
    assert digits.train.images.std() == pytest.approx(78.567490, abs=5e-7)
    assert digits.train.images.min() == 0
    assert digits.train.images.max() == 255


def test_training_labels_have_the_known_counts(digits: mnist.Dataset) -> None:
    counts = np.bincount(digits.train.labels).tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_a_set_unpacks_like_the_tuples_it_is_made_of(folder: Path) -> None:
    (images, labels), test = mnist.load(folder)
    assert images.shape == (6, 5, 7)
    assert labels.shape == (6,)
    assert test.images.shape == (4, 5, 7)
    assert test.labels.shape == (4,)


def test_mnist_unpacked_is_mnist(digits: mnist.Dataset, tmp_path: Path) -> None:
    for name in PUBLISHED:
        content = gzip.decompress((SHIPPED / f"{name}.gz").read_bytes())
        (tmp_path / name).write_bytes(content)
    assert_same(mnist.load(tmp_path), parts(digits))


def test_nothing_is_remembered_between_calls(folder: Path) -> None:
    first = mnist.load(folder)
    first.train.images[:] = 0
    assert_same(mnist.load(folder), small_set())


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("dotted", [False, True], ids=["dash", "dot"])
@pytest.mark.parametrize("kind", [str, Path])
def test_every_usual_name_is_found(
    tmp_path: Path, packed: bool, dotted: bool, kind: type[str] | type[Path]
) -> None:
    for name, array in small_set().items():
        usual = name.replace("-idx", ".idx") if dotted else name
        content = as_idx(array)
        if packed:
            (tmp_path / f"{usual}.gz").write_bytes(gzip.compress(content))
        else:
            (tmp_path / usual).write_bytes(content)
    assert_same(mnist.load(kind(tmp_path)), small_set())


def test_the_plain_file_comes_before_the_packed_one(folder: Path) -> None:
    for name in PUBLISHED:
        (folder / f"{name}.gz").write_bytes(b"never read")
    assert_same(mnist.load(folder), small_set())


def test_a_folder_named_like_a_file_is_passed_over(folder: Path) -> None:
    name = "train-images-idx3-ubyte"
    (folder / name).rename(folder / "train-images.idx3-ubyte")
    (folder / name).mkdir()
    assert_same(mnist.load(folder), small_set())


def test_a_set_without_samples_loads(tmp_path: Path) -> None:
    write_set(tmp_path, {name: array[:0] for name, array in small_set().items()})
    assert mnist.load(tmp_path).train.images.shape == (0, 5, 7)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent: no such folder; expected .*folder="):
        mnist.load(tmp_path / "absent")


def test_a_file_is_no_folder(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte"
    with pytest.raises(NotADirectoryError, match=r"not a folder; expected .*read_idx") as caught:
        mnist.load(path)
    assert str(path) in str(caught.value)


def test_an_unreadable_folder_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(PermissionError, match="permissions") as caught:
        mnist.load(folder)
    monkeypatch.undo()
    assert f"{folder}: cannot be read (Permission denied); expected" in str(caught.value)


@pytest.mark.parametrize("wrong", [3, b"folder"])
def test_what_is_no_folder_at_all_is_named(wrong: object) -> None:
    came = type(wrong).__name__
    with pytest.raises(TypeError, match=f"folder: expected a str or a pathlib.Path, came {came}"):
        mnist.load(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_missing_file_is_named_with_the_names_it_may_have(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        mnist.load(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: no {name.partition('-idx')[0]} among the 3 names")
    for usual in (name, f"{name}.gz", name.replace("-idx", ".idx")):
        assert usual in message


def test_a_folder_in_place_of_a_file_is_named(folder: Path) -> None:
    path = folder / "t10k-labels-idx1-ubyte"
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError, match="t10k-labels-idx1-ubyte: a folder; expected"):
        mnist.load(folder)


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"),
    ],
)
def test_images_and_labels_swapped_are_refused(folder: Path, place: str, source: str) -> None:
    shutil.copy(folder / source, folder / place)
    with pytest.raises(ValueError, match=f"{place}: number of dimensions .; expected .*swapped"):
        mnist.load(folder)


def test_labels_of_other_images_are_refused(folder: Path) -> None:
    shutil.copy(folder / "t10k-labels-idx1-ubyte", folder / "train-labels-idx1-ubyte")
    with pytest.raises(ValueError, match="4 labels; expected 6, one for each image") as caught:
        mnist.load(folder)
    message = str(caught.value)
    assert message.startswith(str(folder / "train-labels-idx1-ubyte"))
    assert str(folder / "train-images-idx3-ubyte") in message
    assert "same set" in message


def test_test_images_of_another_size_are_refused(folder: Path) -> None:
    name = "t10k-images-idx3-ubyte"
    (folder / name).write_bytes(as_idx(small_set(rows=7, columns=5)[name]))
    with pytest.raises(ValueError, match="images of 7 x 5; expected 5 x 7 as in") as caught:
        mnist.load(folder)
    message = str(caught.value)
    assert message.startswith(str(folder / name))
    assert str(folder / "train-images-idx3-ubyte") in message


def test_a_fault_in_one_file_names_that_file(folder: Path) -> None:
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"truncated, 139 bytes of data; expected 140") as caught:
        mnist.load(folder)
    assert str(caught.value).startswith(str(path))


def test_importing_the_reader_reads_no_data() -> None:
    """Nothing is opened in the folder of the data until it is loaded."""
    program = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) "
        "if event in ('open', 'os.listdir', 'os.scandir') else None)\n"
        "import einbench.mnist\n"
        "print([name for name in opened if name.endswith(('.gz', 'ubyte'))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
