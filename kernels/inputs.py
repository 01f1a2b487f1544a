"""Input: an array of an operation, and Kind: what it holds and how it is drawn.

The check knows an array by its kind, never by its name: a user's ``scores`` of kind `LOGITS` get
the same draws as the ``logits`` of a built-in operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from einbench import draws

Array = npt.NDArray[Any]
# a string, for evaluating it would import numpy.random, a fifth of NumPy's own time
Change: TypeAlias = "Callable[[np.random.Generator, Array], Array]"


@dataclass(frozen=True)
class Hostile:
    """A change of a harmless draw on which wrong kernels fail, and the name of that failure."""

    name: str
    #: begins the reason of a kernel that fails on it: "wrong on saturated logits"
    exposes: str
    #: change(rng, array) -> array of the same shape; float64 is rounded to the dtype
    change: Change
    #: ``continuous``, or ``tied`` where values are equal: which of the two limits holds
    judged: str = "continuous"


@dataclass(frozen=True)
class Kind:
    """What an input holds: its distribution, its hostile draws, or the range of its integers."""

    name: str
    #: draw(rng, shape, dtype, sizes) -> array
    draw: draws.Distribution = draws.normal
    hostile: tuple[Hostile, ...] = ()
    #: whether any number is valid: then zeros, equal values and values over decades are drawn too
    free: bool = True
    #: whether rounding is still known where values lie decades apart; one input without, and none
    #: of the operation's is drawn so
    decades: bool = True
    #: whole numbers of any integer dtype, and no floating ones
    integer: bool = False
    #: for integers, the axis whose size bounds them: 0 <= n < size; a kernel must refuse others
    below: str | None = None
    #: whether it is made of rows along its last axis, so that it must have one
    rows: bool = False
    #: whether rows of real images replace it where times are taken: (rows, pixels)
    images: bool = False

    def __repr__(self) -> str:
        return f"<Kind {self.name}>"


@dataclass(frozen=True)
class Input:
    """An array: its axes in one string (``"batch classes"``; ``""`` is a scalar) and its kind."""

    axes: str
    kind: Kind = Kind("values")
    #: NaN and infinities that it may hold, and what the mathematics gives there, in words: the
    #: reference says where. Minus zero is asked of every input
    nonfinite: Mapping[float, str] | Sequence[float] = field(default=(), repr=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Its axes, one by one."""
        return tuple(self.axes.split())

    @property
    def integer(self) -> bool:
        """Whether it holds whole numbers."""
        return self.kind.integer

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Its shape at these sizes."""
        return tuple(sizes[axis] for axis in self.names)


def _added(size: float) -> Change:
    return lambda rng, z: z + size


def _saturated(size: float) -> Change:
    return lambda rng, z: size * np.sign(z)


def _between(low: float, high: float) -> Change:
    return lambda rng, x: np.sign(x) * draws.uniform(rng, low, high, x.shape)


def _rows_apart(rng: np.random.Generator, z: Array) -> Array:
    shifts = np.resize([30.0, -30.0, 200.0, -200.0, 1e4, -1e4], len(z))
    return np.asarray(z + shifts.reshape(-1, *(1,) * (z.ndim - 1)))


def _one_hot(rng: np.random.Generator, p: Array) -> Array:
    return np.eye(p.shape[-1])[p.argmax(axis=-1)]


_TOO_LARGE = (
    "wrong beyond {}, where {} exponentials overflow: is the row's maximum subtracted, and not "
    "added to a logarithm?"
)

#: `Input.nonfinite` of what sums are made of; a BLAS may leave out what one row multiplies by zero,
#: and a NaN there with it
IN_SUMS: Mapping[float, str] = {
    np.nan: "NaN in every sum that it is part of",
    **dict.fromkeys(
        (np.inf, -np.inf),
        "infinite in every sum that it is part of, NaN beside a zero or an opposite infinity",
    ),
}

#: `Input.nonfinite` of what differences of products are made of
IN_PRODUCTS: Mapping[float, str] = {
    np.nan: "NaN wherever it is a factor",
    **dict.fromkeys(
        (np.inf, -np.inf),
        "not finite wherever it is a factor: infinite, or NaN where infinities cancel",
    ),
}

#: `Input.nonfinite` of what probabilities are made of by row
IN_ROWS: Mapping[float, str] = {
    np.nan: "NaN in all of its row",
    np.inf: "NaN in all of its row: infinity over infinity",
    -np.inf: "as if its class were not there, NaN where the row holds nothing else",
}

#: `Input.nonfinite` of a network: as in sums, until a ReLU or a softmax
IN_NETWORK: Mapping[float, str] = {
    np.nan: "NaN in all that depends on it",
    **dict.fromkeys(
        (np.inf, -np.inf),
        "infinite up to the next ReLU, zero or infinite behind it, and NaN behind the softmax",
    ),
}

#: any numbers, N(0, 1) in harmless draws
VALUES = Kind("values")

#: what a softmax is taken of, along the last axis
LOGITS = Kind(
    "logits",
    free=False,
    rows=True,
    hostile=(
        Hostile("logits near 100", _TOO_LARGE.format(89, "float32"), _added(100.0)),
        Hostile("logits near 800", _TOO_LARGE.format(710, "float64"), _added(800.0)),
        Hostile(
            "logits near 1,000,000",
            "digits are lost beside a large maximum: is it added to a logarithm?",
            _added(1e6),
        ),
        Hostile(
            "rows shifted by 30, 200, 10,000",
            "wrong where rows lie apart: one maximum for all rows instead of each row's own",
            _rows_apart,
        ),
        *(
            Hostile(
                f"saturated logits, {size:.0f}",
                "wrong on saturated logits",
                _saturated(size),
                "tied",
            )
            for size in (200.0, 1e4)
        ),
        Hostile(
            "tied logits",
            "wrong where logits are equal",
            lambda rng, z: np.full_like(z, 0.7),
            "tied",
        ),
        Hostile(
            "logits over decades",
            "wrong on logits of very different size",
            lambda rng, z: z * draws.over_octaves(rng, -27, 10, z.shape),
        ),
    ),
)

#: rows along the last axis that sum to one, in harmless draws
PROBABILITIES = Kind(
    "probabilities",
    draws.probabilities,
    free=False,
    rows=True,
    hostile=(
        Hostile("one-hot rows", "wrong on one-hot rows and zero probabilities", _one_hot, "tied"),
        Hostile(
            "rows that do not sum to one",
            "wrong where rows do not sum to one",
            lambda rng, p: 10 * p,
        ),
        Hostile(
            "probabilities over decades",
            "wrong on probabilities close to zero",
            lambda rng, p: p * draws.over_octaves(rng, -40, 0, p.shape),
        ),
    ),
)

_LARGE = (
    *(
        Hostile(
            f"inputs between {low} and {high}",
            f"wrong where {dtype} exponentials overflow or become denormal",
            _between(low, high),
        )
        for low, high, dtype in ((85, 105, "float32"), (700, 750, "float64"))
    ),
    Hostile(
        "inputs up to 10,000",
        "wrong on large inputs",
        lambda rng, x: x * rng.choice([1.0, 30.0, 100.0, 800.0, 1e4], x.shape),
    ),
)

#: what an activation is taken of
PREACTIVATIONS = Kind("preactivations", hostile=_LARGE)

#: rows of features; real images where times are taken
IMAGES = Kind("images", hostile=_LARGE, images=True)

#: the same for a network of several layers, whose rounding bound is wider than a layer's
NETWORK_IMAGES = Kind("images of a network", decades=False, images=True)

#: N(0, 2 / fan_in)
WEIGHTS = Kind("weights", draws.weights, rows=True)

#: N(0, 1/100)
BIASES = Kind("biases", draws.small)


@cache
def counted(axis: str) -> Kind:
    """Whole numbers 0 <= n < the size of that axis; a kernel must refuse others."""
    return Kind("labels", draws.below(axis), integer=True, below=axis, free=False)


#: class numbers
LABELS = counted("classes")


def activations(draw: draws.Distribution) -> Kind:
    """What an activation gives, which has a range of its own."""
    return Kind("activations", draw, free=False)
