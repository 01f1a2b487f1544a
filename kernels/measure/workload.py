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
from einbench.registry import Operation

Array = npt.NDArray[Any]


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
    """The sizes asked for; features and classes are the images' where nobody asked."""
    natural = {"features": images.features, "classes": images.classes}
    real = takes_images(operation)
    return {
        axis: sizes.get(axis, natural.get(axis, size) if real else size)
        for axis, size in operation.sizes.items()
    }


def refuse_too_large(batch: int, images: Images) -> None:
    """Raise where there are fewer images than rows are asked for.

    Raises:
        ValueError: the batch is larger than the data.
    """
    if batch > len(images.pixels):
        raise ValueError(
            f"batch {batch:,} is more than the {len(images.pixels):,} images of "
            f"{images.source}; use a smaller batch or more data (--data DIR)"
        )


def takes_images(operation: Operation) -> bool:
    """Whether an operation's inputs are images: rows of features beside weights or gradients."""
    return operation.inputs.get("inputs") == "batch features" and len(operation.inputs) > 1


def workload(
    operation: Operation,
    batch: int,
    dtype: np.dtype[Any],
    seed: int,
    images: Images,
    sizes: Mapping[str, int],
    layout: str = "C",
) -> dict[str, Array]:
    """Read-only inputs by name: pixels scaled to [0, 1], and what is no image drawn.

    Raises:
        ValueError: the batch is larger than the data.
    """
    real: dict[str, Array] = {}
    if takes_images(operation) and sizes["features"] == images.features:
        refuse_too_large(batch, images)
        real["inputs"] = np.divide(images.pixels[:batch], 255, dtype=dtype)
        if "labels" in operation.inputs and sizes["classes"] >= images.classes:
            real["labels"] = images.labels[:batch].astype(np.int64)
    rng = np.random.default_rng(seed)
    full = {**sizes, "batch": batch}
    arrays = {}
    for name in operation.inputs:
        array = real.get(name)
        if array is None:
            array = operation.draw_one(name, rng, dtype, full)
        arrays[name] = read_only(as_layout(array, layout))
    return arrays


def first_rows(operation: Operation, arrays: Mapping[str, Array], batch: int) -> list[Array]:
    """The same inputs cut to a smaller batch: views, in the operation's order."""
    cut = []
    for name, axes in operation.inputs.items():
        names = axes.split()
        where = (slice(0, batch) if axis == "batch" else slice(None) for axis in names)
        # the dots: of an array without axes a view as well, and no scalar
        cut.append(arrays[name][(*where, ...)])
    return cut
