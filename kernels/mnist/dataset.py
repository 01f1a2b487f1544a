"""The four files of a set put together: training and test images with their labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from einbench.mnist.idx import as_path, explain, read_idx, unreadable, written

SHIPPED = Path(__file__).parent / "data"


class Split(NamedTuple):
    """Images and the label of each: ``images`` uint8 (n, rows, columns), ``labels`` uint8 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class Dataset(NamedTuple):
    """What a network learns from, ``train``, and what it is judged on, ``test``."""

    train: Split
    test: Split


def load(folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Load MNIST, or any other set of images in four IDX files.

    ::

        train-images-idx3-ubyte    train-labels-idx1-ubyte    -> .train.images, .train.labels
        t10k-images-idx3-ubyte     t10k-labels-idx1-ubyte     -> .test.images,  .test.labels

    ``images, labels = load().train`` unpacks one half, ``train, test = load()`` both.

    :param folder: where the four files are; MNIST as shipped by default. Each may be plain or
        gzip, with or without ``.gz``, and be written ``train-images.idx3-ubyte``. Of several
        that fit, the first in this order is read: plain, ``.gz``, then the same with the dot.
    :returns: uint8 arrays, images (n, rows, columns) of any one size and labels (n,), each
        C-contiguous, writeable and owning its memory. MNIST: 60,000 and 10,000 images of
        28 x 28, pixels 0 to 255, labels 0 to 9. Every call reads the files anew.
    :raises FileNotFoundError: the folder, or one of the four files, is missing.
    :raises NotADirectoryError: ``folder`` is a file.
    :raises OSError: a file or the folder cannot be read.
    :raises ValueError: a file is not what :func:`~einbench.mnist.read_idx` accepts, images are
        not of three dimensions or labels not of one, a label is missing or left over, or test
        images differ in size from training images.
    :raises TypeError: ``folder`` is no path.

    The set and its format: Y. LeCun, C. Cortes, C. J. C. Burges, *The MNIST database of
    handwritten digits*, http://yann.lecun.com/exdb/mnist/.
    """
    folder = SHIPPED if folder is None else as_path(folder, "folder")
    present = names_in(folder)
    # all four are found before the first is read: a missing one is reported at once
    train_images = find(folder, present, "train-images", "idx3-ubyte")
    train_labels = find(folder, present, "train-labels", "idx1-ubyte")
    test_images = find(folder, present, "t10k-images", "idx3-ubyte")
    test_labels = find(folder, present, "t10k-labels", "idx1-ubyte")

    train = read_split(train_images, train_labels)
    test = read_split(test_images, test_labels)
    size, test_size = train.images.shape[1:], test.images.shape[1:]
    if test_size != size:
        came = f"images of {written(test_size)}"
        expected = f"{written(size)} as in {train_images}"
        message = explain(test_images, came, expected, "take all four files from one set")
        raise ValueError(message)
    return Dataset(train, test)


def names_in(folder: Path) -> set[str]:
    """The names in the folder; an error where there is no folder to look into."""
    wanted = "a folder with the four IDX files of a set"
    try:
        return {entry.name for entry in folder.iterdir()}
    except FileNotFoundError as error:
        advice = "check folder=; without it, MNIST as shipped is loaded"
        raise FileNotFoundError(explain(folder, "no such folder", wanted, advice)) from error
    except NotADirectoryError as error:
        advice = "pass the folder it is in, or use read_idx for one file"
        raise NotADirectoryError(explain(folder, "not a folder", wanted, advice)) from error
    except OSError as error:
        raise unreadable(folder, error) from error


def find(folder: Path, present: set[str], subject: str, suffix: str) -> Path:
    """The file of one subject, under the first of its usual names."""
    names = [f"{subject}{mark}{suffix}{end}" for mark in "-." for end in ("", ".gz")]
    fitting = [folder / name for name in names if name in present]
    if not fitting:
        came = f"no {subject} among the {len(present)} names in this folder"
        advice = "put the file there under that name"
        raise FileNotFoundError(explain(folder, came, f"one of {', '.join(names)}", advice))
    # some archives unpack every file into a folder of its own name, beside the file itself
    return next((path for path in fitting if path.is_file()), fitting[0])


def read_split(images_path: Path, labels_path: Path) -> Split:
    """Images and labels that belong together."""
    # the labels are small, and their faults then cost no reading of images
    labels = read_idx(labels_path, dimensions=1)
    images = read_idx(images_path, dimensions=3)
    if len(labels) != len(images):
        expected = f"{len(images)}, one for each image in {images_path}"
        advice = "take both files from the same set"
        raise ValueError(explain(labels_path, f"{len(labels)} labels", expected, advice))
    return Split(images, labels)
