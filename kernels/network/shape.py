"""Whether layers fit one after the other, and the loss after the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from einbench.network.layers import Layer, Linear, is_operation
from einbench.network.losses import Loss


class Widths(NamedTuple):
    """What comes in and what goes out."""

    features: int
    outputs: int


def widths(layers: Sequence[Any], loss: Loss) -> Widths:
    """How wide samples and outputs are.

    Raises:
        TypeError: something is no layer, or the loss no loss.
        ValueError: shapes that do not chain, a layer that is there twice, or a loss that the
            last layer has no output for; named layer by layer.
    """
    if not layers:
        raise ValueError("a network needs layers: Sequential([Linear(784, 10)], loss=...)")
    features: int | None = None
    before = ""
    width = 0
    for number, layer in enumerate(layers):
        called = f"layer {number} {layer!r}"
        if not isinstance(layer, Layer) or isinstance(layer, type):
            hint = "; make one by calling it" if callable(layer) else ""
            raise TypeError(f"{called} is no layer{hint}")
        if any(layer is other for other in layers[:number]):
            raise ValueError(f"{called} is there twice: make one for each place")
        if not isinstance(layer, Linear):
            continue
        if layer.begun:
            raise ValueError(f"{called} belongs to a network already: make a new one")
        if features is None:
            features = layer.features
        elif layer.features != width:
            raise ValueError(f"{called} takes {layer.features} features, {before} gives {width}")
        width, before = layer.units, called
    if features is None:
        raise ValueError("a network needs a Linear layer: there is nothing to train in the others")
    _fits(layers[-1], loss)
    return Widths(features, width)


def _fits(last: Layer, loss: Loss) -> None:
    if isinstance(loss, type) or not hasattr(loss, "takes"):
        raise TypeError(f"loss={loss!r} is no loss; expected one as CrossEntropy()")
    softmax = is_operation(last, "softmax")
    if loss.takes == "logits" and softmax:
        raise ValueError(
            f"{loss!r} takes logits and makes its own softmax: leave the last Softmax() out"
        )
    if loss.takes == "probabilities" and not (softmax or is_operation(last, "sigmoid")):
        raise ValueError(
            f"{loss!r} takes probabilities, the last layer {last!r} gives none: put Softmax() "
            "after it, or use CrossEntropy()"
        )
