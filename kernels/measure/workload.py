"""The inputs a cell is timed on: real pixels and labels where the operation takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import mnist
from einbench.check.layouts import as_layout, read_only
from einbench.host.memory import total_bytes
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.units import bytes_text

Array = npt.NDArray[Any]
#: no machine that runs this has less; psutil takes longer to import than memory to answer
_SURELY_FITS = 500_000_000


@dataclass(frozen=True)
class Images:
    """Training images as rows of pixels, and their labels."""

    pixels: npt.NDArray[np.uint8]  # (images, features)
    labels: npt.NDArray[np.uint8]
    source: str

    @property
    def features(self) -> int:
        """Pixels of one image."""
        return int(self.pixels.shape[1])

    @property
    def classes(self) -> int:
        """Ten, or more where a label says so."""
        return max(10, int(self.labels.max(initial=0)) + 1)


def load_images(folder: str | Path | None) -> Images:
    """The MNIST that ships with the package, or any set in IDX format."""
    images, labels = mnist.load(folder).train
    if not images.size:
        raise ValueError(f"no images in {folder}: expected one training image at least")
    pixels = images.reshape(len(images), -1)
    return Images(pixels, labels, "MNIST" if folder is None else str(folder))


def sizes_for(operation: Operation, images: Images, sizes: Mapping[str, int]) -> dict[str, int]:
    """The requested sizes; features and classes are the images' by default."""
    natural = {**operation.sizes, **_natural(operation, images)}
    return {axis: sizes.get(axis, natural[axis]) for axis in operation.sizes}


def _natural(operation: Operation, images: Images) -> dict[str, int]:
    """Sizes that follow from the images: pixels of a row, and classes of the labels."""
    if not takes_images(operation):
        return {}
    pixels = [each.names[-1] for each in operation.inputs.values() if each.kind.images]
    # an output of the network has its classes whether it is given labels or not
    below = [each.kind.below or "classes" for each in operation.inputs.values()]
    found = {axis: images.classes for axis in below if axis in operation.sizes}
    return {**found, **dict.fromkeys(pixels, images.features)}


def refuse_too_large(batch: int, images: Images) -> None:
    """Raise where there are fewer images than requested rows.

    Raises:
        ValueError: the batch is larger than the data.
    """
    if batch > len(images.pixels):
        raise ValueError(
            f"batch {batch:,} is more than the {len(images.pixels):,} images of "
            f"{images.source}; use a smaller batch or more data (--data DIR)"
        )


def refuse_more_than_memory(problem: Problem) -> None:
    """Raise where inputs and outputs are larger than this machine's memory.

    Raises:
        ValueError: they are, with both sizes.
    """
    both = problem.input_bytes + problem.output_bytes
    if both > _SURELY_FITS and both > (there := total_bytes()):
        batch = "a smaller batch or " * ("batch" in problem.sizes)
        raise ValueError(
            f"{problem}: inputs and outputs take {bytes_text(both)} and this machine "
            f"has {bytes_text(there)} of memory; use {batch}smaller sizes"
        )


def takes_images(operation: Operation) -> bool:
    """Whether an operation's inputs are images: rows of features beside weights or gradients."""
    return any(each.kind.images for each in operation.inputs.values())


def shows_images(problem: Problem, images: Images) -> bool:
    """Whether its rows at these sizes are these images."""
    inputs = problem.operation.inputs.values()
    shown = [each.names[-1] for each in inputs if each.kind.images]
    return bool(shown) and all(problem.sizes[axis] == images.features for axis in shown)


def workload(problem: Problem, images: Images, seed: int, layout: str = "C") -> Problem:
    """The problem with read-only inputs: pixels scaled to [0, 1], other inputs random.

    Raises:
        ValueError: there are fewer images than rows.
    """
    op, rows, real = problem.operation, problem.rows, dict[str, Array]()
    if shows_images(problem, images):
        refuse_too_large(rows, images)
        for name, each in op.inputs.items():
            if each.kind.images:
                real[name] = np.divide(images.pixels[:rows], 255, dtype=problem.dtype)
            elif each.names == (op.leading,) and (
                each.kind.below is not None and problem.sizes[each.kind.below] >= images.classes
            ):
                real[name] = images.labels[:rows].astype(np.int64)
    rng = np.random.default_rng(seed)
    arrays = {}
    for name in op.inputs:
        array = real.get(name)
        if array is None:
            array = op.draw_one(name, rng, problem.dtype, problem.sizes)
        arrays[name] = read_only(as_layout(array, layout))
    return problem.holding(arrays)
