"""What is called, on what, and what must come out: by NumPy, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import einbench

#: expression -> its axes
EXPRESSIONS = {
    text: tuple(dict.fromkeys(c for c in text.split("->")[0] if c.isalpha()))
    for text in (
        "ij,jk->ik", "ij,j->i", "bij,bjk->bik", "bi,bi->b", "i,j->ij",
        "ij,kj->ik", "ij->j", "bi,bj->bij", "ij,jk,kl->il", "bi,ij,bj->b",
    )
}  # fmt: skip
#: operation -> its axes; others have NumPy's sizes by default
OPERATIONS = {
    "linear": ("batch", "features", "units"),
    "weight_gradient": ("batch", "features", "units"),
    "softmax_vjp": ("batch", "classes"),
    "relu": ("batch", "features"),
}
_OF_OPERATIONS: dict[str, Callable[..., Any]] = {
    "linear": lambda x, weights, bias: x @ weights.T + bias,
    "weight_gradient": lambda x, dlogits: dlogits.T @ x,
    "softmax_vjp": lambda p, g: p * (g - (p * g).sum(1, keepdims=True)),
    "relu": lambda x: np.maximum(x, 0),
}


def drawn(
    name: str, sizes: Sequence[int], rng: np.random.Generator
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """What to call, and float32 arguments of such sizes."""
    if name in EXPRESSIONS:
        size = dict(zip(EXPRESSIONS[name], sizes, strict=True))
        inputs = name.partition("->")[0].split(",")
        arrays = [rng.random([size[c] for c in term], dtype=np.float32) for term in inputs]
        return (lambda *given: einbench.einsum(name, *given)), tuple(arrays)
    op = einbench.operation(name)
    batch, *others = sizes
    inputs = op.draw(batch, "float32", **dict(zip(OPERATIONS[name][1:], others, strict=True)))
    return getattr(einbench.auto, name), tuple(inputs.values())


def is_right(name: str, arrays: Sequence[Any], result: Any) -> bool:
    """Whether a result is NumPy's, within what float32 rounds."""
    wide = [np.asarray(each, np.float64) for each in arrays]
    if name in EXPRESSIONS:
        right = np.einsum(name, *wide, optimize=True)
    else:
        right = _OF_OPERATIONS[name](*wide)
    scale = max(float(np.abs(right).max(initial=0)), 1e-30)
    return result.shape == right.shape and bool(
        np.abs(result - right).max(initial=0) <= 1e-4 * scale
    )
