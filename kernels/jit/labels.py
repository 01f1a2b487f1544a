"""Labels index into classes; one out of range is refused before it is used."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.jit.bodies import helper


def refuse_bad_labels(labels: npt.NDArray[Any], classes: int) -> None:
    """Raise where a label lies outside [0, classes).

    NumPy would read a negative label as counting from the end, and a compiled loop would read
    outside the array.

    Raises:
        ValueError: names the first such label and its position.
    """
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        position = int(np.argmax((labels < 0) | (labels >= classes)))
        raise ValueError(
            f"labels must lie in [0, {classes}), the classes; label {labels[position]} at "
            f"position {position} does not"
        )


@helper()
def refuse_labels(labels: npt.NDArray[Any], classes: int) -> None:
    """The same in compiled bodies; before any loop that threads share, which must not raise."""
    outside = 0
    # counted to the end: a loop that may stop does not become vector instructions
    for b in range(labels.shape[0]):
        outside += 1 if labels[b] < 0 or labels[b] >= classes else 0
    if outside > 0:
        raise ValueError("labels must lie in [0, classes): count classes from 0")
