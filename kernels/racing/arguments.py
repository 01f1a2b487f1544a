"""What raced functions are called with: copied for each of them, perturbed, widened, compared."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.check.unchanged import moved_copy
from einbench.racing import copies

Array = npt.NDArray[Any]
Change = Callable[[Any], Any]

#: where a result of this precision is judged, the reference is run again in that
_WIDER: Mapping[str, type[Any]] = {
    "e": np.float64, "f": np.float64, "d": np.longdouble, "F": np.complex128, "D": np.clongdouble,
}  # fmt: skip
_NUMBERS = (bool, int, float, complex)


@dataclass(frozen=True)
class Arguments:
    """By position and by name; arrays may lie inside lists, dictionaries and named tuples."""

    positional: tuple[Any, ...]
    named: Mapping[str, Any]

    def call(self, function: Callable[..., Any]) -> Any:
        """The function's result; no floating-point warning is shown."""
        with np.errstate(all="ignore"):
            return function(*self.positional, **self.named)

    def mapped(self, change: Change) -> Arguments:
        """With every value changed; what was one object twice is one again."""
        known: dict[int, tuple[Any, Any]] = {}

        def mapped(value: Any) -> Any:
            if type(value) in _NUMBERS or isinstance(value, np.generic):
                return change(value)  # Python may keep equal numbers in one object
            if id(value) not in known:
                new = (copies.rebuilt(value, mapped) if copies.is_container(value)
                       else change(value))  # fmt: skip
                known[id(value)] = value, new  # while it is known, its id is no other's
            return known[id(value)][1]

        return Arguments(mapped(self.positional), mapped(dict(self.named)))

    def copied(self) -> Arguments:
        """The same values in other memory, in the same memory order; see `copies`."""
        with _silent():
            return self.mapped(copies.copied)

    def called(self, function: Callable[..., Any]) -> tuple[str, ...]:
        """What the function calls each argument; by its place where it tells no parameters."""
        return (*_parameters(function, len(self.positional)), *self.named)

    def names(self, function: Callable[..., Any]) -> tuple[str, ...]:
        """Of all values: that of the function's parameter, ``blocks[2]`` inside a list."""
        outer = zip(self.called(function), self.outer, strict=True)
        return tuple(name for called, value in outer for name in _names(called, value))

    @property
    def outer(self) -> tuple[Any, ...]:
        """The arguments themselves, those by name last."""
        return (*self.positional, *self.named.values())

    def values(self) -> list[Any]:
        """All of them, those inside lists, tuples and dictionaries one by one."""
        return [value for each in self.outer for value in _leaves(each)]

    @property
    def arrays(self) -> list[Array]:
        """Those values that are arrays."""
        return [value for value in self.values() if isinstance(value, np.ndarray)]

    def changed(self, before: Arguments, names: Sequence[str]) -> str:
        """The first value that is not as before, by arguments' names; empty where all are."""
        trios = zip(names, self.outer, before.outer, strict=True)
        with _silent():
            found = (copies.difference(*each) for each in trios)
            return next(filter(None, found), "")


@contextmanager
def _silent() -> Iterator[None]:
    """Without warnings, as of sparse matrices that ``==`` is slow: it is not the caller's."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _parameters(function: Callable[..., Any], count: int) -> list[str]:
    """Of so many arguments by position."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [f"argument {n}" for n in range(count)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "argument ")
    return [names[n] if n < len(names) else f"{rest}[{n - len(names)}]" for n in range(count)]


def _names(name: str, value: Any) -> Iterator[str]:
    if not copies.is_container(value):
        yield name
        return
    for key, each in copies.entries(value):
        yield from _names(copies.label(name, value, key), each)


def _leaves(value: Any) -> Iterator[Any]:
    if not copies.is_container(value):
        yield value
        return
    for _, each in copies.entries(value):
        yield from _leaves(each)


def floating(value: Any) -> bool:
    """Whether it holds numbers that may be rounded."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "fc"
    return type(value) in (float, complex)


def perturb(rng: np.random.Generator, eps: float) -> Change:
    """Every number made larger or smaller by a unit of rounding of the results.

    Whole numbers stay: they are labels, masks and counts, and exact.
    """

    def change(value: Any) -> Any:
        if not floating(value):
            return value
        array = np.asarray(value)
        if array.dtype.kind == "f" and np.array_equal(array, np.rint(array)):
            return value
        real = rng.choice([-1.0, 1.0], array.shape)
        signs = (
            real + 1j * rng.choice([-1.0, 1.0], array.shape) if array.dtype.kind == "c" else real
        )
        unit = np.finfo(array.dtype).eps
        wide = _WIDER.get(array.dtype.char)
        if unit > 2 * eps and wide is not None:  # it has no number between
            array = array.astype(wide)
            unit = eps
        factors = (1 + float(unit) * signs).astype(array.dtype)
        return _like(value, array * factors)

    return change


def widen(value: Any) -> Any:
    """In the next wider precision: float64 of float32, longdouble of float64."""
    if not isinstance(value, np.ndarray | np.generic) or not floating(value):
        return value
    wide = _WIDER.get(value.dtype.char, value.dtype.type)
    return value.astype(wide) if isinstance(value, np.ndarray) else wide(value)


def renumber(rng: np.random.Generator) -> Change:
    """Other numbers of the same range: nearby ones, and whole numbers in another order."""

    def change(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            number = type(value) in (int, float)
            return value + 1 if type(value) is int else value * 1.03125 if number else value
        if value.dtype.kind in "fc" and not np.array_equal(value, np.rint(value.real)):
            near = 1 + draws.uniform(rng, 0.01, 0.03, value.shape)
            return _like(value, (value * near).astype(value.dtype))
        if value.dtype.kind not in "biufc" or not value.size:
            return value
        return _like(value, _reordered(rng, value.ravel()).reshape(value.shape))

    return change


def _reordered(rng: np.random.Generator, flat: Array) -> Array:
    """Sorted numbers stay sorted, with the same ends."""
    if flat.dtype.kind != "b" and flat.size > 2 and bool(np.all(flat[:-1] <= flat[1:])):
        steps = rng.permutation(np.diff(flat))
        return np.concatenate([flat[:1], flat[0] + np.cumsum(steps)]).astype(flat.dtype)
    return rng.permutation(flat)


def nudge(target: Array, place: int) -> Change:
    """One number of one array is another."""

    def change(value: Any) -> Any:
        if value is not target:
            return value
        new = np.array(value, order="K")
        new[np.unravel_index(place, new.shape)] *= new.dtype.type(1.5)
        return _like(value, new)

    return change


def _like(value: Any, numbers: Any) -> Any:
    """As an array in the same memory order, or a scalar of the same type."""
    if isinstance(value, np.generic):
        return numbers.dtype.type(numbers)
    if not isinstance(value, np.ndarray):
        return type(value)(numbers)
    if type(value) is not np.ndarray or numbers.dtype != value.dtype or 0 in value.strides:
        return numbers
    copy = moved_copy(value)
    copy[...] = numbers
    return copy
