"""The images a training sees, and the network it trains."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from einbench.cli.train_settings import LOSSES, Settings

if TYPE_CHECKING:
    from einbench.network import Sequential
    from einbench.network.data import Scale

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Images:
    """Normalised rows and labels; ``classes`` as many as the labels of both halves need."""

    x: Array
    y: Array
    test_x: Array
    test_y: Array
    classes: int
    scale: Scale
    #: what the set is called in a line of text
    name: str

    @property
    def features(self) -> int:
        """Pixels of an image."""
        return int(self.x.shape[1])


def images(settings: Settings, dtype: str) -> Images:
    """MNIST, or another set in IDX format, with the training set's mean 0 and deviation 1.

    The mean is that of all training images, also where only some are trained on: a network that
    is loaded again finds its pixels on the same scale.

    Raises:
        ValueError: more samples are requested than there are, or a batch has more than those.
        OSError: the set cannot be read.
    """
    from einbench import mnist
    from einbench.network.data import normalise, scale_of

    train, test = mnist.load(settings.data)
    count = settings.samples or len(train.images)
    if count > len(train.images):
        raise ValueError(
            f"--samples {count}: the set has {len(train.images):,} training images; "
            "ask for at most as many"
        )
    if settings.batch > count:
        raise ValueError(
            f"--batch {settings.batch} is larger than the data, {count:,} images; "
            f"write --batch {count} or less"
        )
    if not len(test.images):
        raise ValueError("the set has no test images; an epoch would be judged on nothing")
    scale = scale_of(train.images)
    x, test_x = normalise(_rows(train.images[:count]), _rows(test.images), dtype=dtype, scale=scale)
    labels = np.concatenate([train.labels, test.labels])
    name = "MNIST" if settings.data is None else Path(settings.data).name or settings.data
    return Images(
        x,
        train.labels[:count].astype(np.int64),
        test_x,
        test.labels.astype(np.int64),
        int(labels.max()) + 1,
        scale,
        name,
    )


def network(settings: Settings, features: int, classes: int, kernels: Any) -> Sequential:
    """Linear and ReLU in turns, from the seed.

    Raises:
        ValueError: no operation has such kernels, or they cannot run here.
    """
    from einbench import network as n

    class_name, takes_probabilities = LOSSES[settings.loss]
    sizes = (features, *settings.hidden, classes)
    layers: list[Any] = []
    for number, (before, after) in enumerate(pairwise(sizes)):
        layers += [n.ReLU()] if number else []
        layers.append(n.Linear(before, after, initial=settings.initial))
    if takes_probabilities:
        layers.append(n.Softmax())
    return n.Sequential(
        layers,
        loss=getattr(n, class_name)(),
        kernels=kernels,
        seed=settings.seed,
        dtype=settings.dtype,
    )


def loaded(path: str, kernels: Any) -> Sequential:
    """A network that was saved, on the requested kernels.

    Raises:
        ValueError: the file is no saved network.
        OSError: it cannot be read.
    """
    from einbench import network as n

    return n.load(path, kernels=kernels)


def refuse_other_images(net: Sequential, shown: Images, path: str) -> None:
    """Raise where a network from a file takes other images than these."""
    takes, gives = ends(net)
    if takes != shown.features:
        raise ValueError(
            f"--load {path}: its network takes {takes} pixels, these images have "
            f"{shown.features}; load one that was trained on such images"
        )
    if gives < shown.classes:
        raise ValueError(
            f"--load {path}: its network has {gives} classes, these labels have "
            f"{shown.classes}; load one that was trained on such labels"
        )


def ends(net: Sequential) -> tuple[int, int]:
    """Features of the first linear layer and units of the last."""
    shapes = [a.shape for name, a in net.parameters.items() if name.endswith("weights")]
    return int(shapes[0][1]), int(shapes[-1][0])


def shape_text(net: Sequential) -> str:
    """``784-128-128-10``."""
    shapes = [a.shape for name, a in net.parameters.items() if name.endswith("weights")]
    return "-".join(str(n) for n in (shapes[0][1], *(shape[0] for shape in shapes)))


def _rows(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return pixels.reshape(len(pixels), -1)
