"""Millions of images from MNIST's 60,000, by shifting: two files that programs map into memory.

    python benchmarks/cluster/shifted.py --rows 2000000 --to build/shifted

writes ``images-2000000-0.npy``, uint8 (rows, 784), and ``labels-2000000-0.npy``, uint8 (rows,),
named by rows and seed, and prints their names; files that are there already are left as they are.
Every 60,000 rows are all training images in a new order, each moved by up to three pixels along
both axes, with zeros where nothing is left. The same rows and seed are the same bytes, and the
first rows of a longer file are those of a shorter one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import einbench

Array = npt.NDArray[Any]
#: pixels that an image is moved by at most, along either axis
MOST = 3
SIDE = 28


class Files(NamedTuple):
    """Where images and labels are."""

    images: Path
    labels: Path


def shifted(folder: str | os.PathLike[str], rows: int, seed: int = 0) -> Files:
    """The two files, written now unless they are there; whole or not at all.

    Raises:
        OSError: the folder cannot be written to.
    """
    place = Path(folder)
    files = Files(*(place / f"{what}-{rows}-{seed}.npy" for what in ("images", "labels")))
    if all(path.exists() for path in files):
        return files
    place.mkdir(parents=True, exist_ok=True)
    unfinished = [path.with_suffix(f".{os.getpid()}.partial") for path in files]
    try:
        with unfinished[0].open("wb") as images, unfinished[1].open("wb") as labels:
            for file, shape in ((images, (rows, SIDE * SIDE)), (labels, (rows,))):
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            for some_images, some_labels in _parts(rows, seed):
                images.write(some_images.data)
                labels.write(some_labels.data)
        for path, whole in zip(unfinished, files, strict=True):
            path.replace(whole)
    finally:
        for path in unfinished:
            path.unlink(missing_ok=True)
    return files


def _parts(rows: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Images and labels, as many at a time as MNIST has."""
    images, labels = einbench.mnist.load().train
    padded = np.pad(images, ((0, 0), (MOST, MOST), (MOST, MOST)))
    for number, first in enumerate(range(0, rows, len(images))):
        rng = np.random.default_rng([seed, number])
        chosen = rng.permutation(len(images))
        down, right = rng.integers(0, 2 * MOST + 1, (2, len(images)))
        part = np.empty_like(images)
        for dy in range(2 * MOST + 1):
            for dx in range(2 * MOST + 1):
                here = np.flatnonzero((down == dy) & (right == dx))
                part[here] = padded[chosen[here], dy : dy + SIDE, dx : dx + SIDE]
        size = min(len(images), rows - first)
        yield part[:size], labels[chosen[:size]]


def main() -> None:
    """Write the files and name them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--to", default="build/shifted", metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.rows < 1 or given.seed < 0:
        parser.error("expected --rows from 1 and --seed from 0")
    try:
        files = shifted(given.to, given.rows, given.seed)
    except OSError as problem:
        parser.error(f"--to {given.to}: {problem.strerror}")
    for path in files:
        print(f"{path}  {path.stat().st_size / 1e6:,.1f} MB")


if __name__ == "__main__":
    main()
