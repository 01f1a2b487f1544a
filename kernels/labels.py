"""Labels index into classes; one that lies outside is refused before it is used."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


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
