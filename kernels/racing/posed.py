"""What right functions return: the reference, in wider precision where it can be, and its spread.

    rounding = eps |y| + max_k |reference(x (1 ± eps)) - y| + terms * eta

y is the reference's result for operands of the next wider precision, where it takes them, returns
them and agrees with itself; else the result that it gave. The spread over arguments that each are
off by a unit of rounding has how sensitive the result is, and what the reference's own arithmetic
rounds. The limit is that of sums: 4 + 2 sqrt(terms), terms the most numbers that one number of the
result depends on, as found by changing single ones.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.check.contract import bits
from einbench.check.error import error
from einbench.check.truth import Truth
from einbench.host import denormals
from einbench.racing import results
from einbench.racing.arguments import Arguments, floating, nudge, perturb, renumber, widen

Array = npt.NDArray[Any]
Parts = Mapping[str, Array]

#: (a call takes less than so many seconds, so many perturbed calls and single changes an array)
_CALLS = ((0.02, 12, 4), (0.2, 8, 2), (np.inf, 4, 0))
#: a product in longdouble, without a BLAS, may take a thousand times as long: no such call of
#: references that take longer
_LONGDOUBLE_S = 0.01
#: terms where no argument can be changed to find out
_UNKNOWN_TERMS = 10_000.0


@dataclass(frozen=True)
class Posed:
    """The arguments, and the truth that results for them are judged by."""

    arguments: Arguments
    #: what the reference calls each of them
    called: tuple[str, ...]
    #: names of all values in them, in order
    names: tuple[str, ...]
    #: dtypes and shapes of a result, by name
    parts: Parts
    truth: Truth
    #: whole numbers that the reference gave for arguments off by a unit of rounding: least, most
    between: Mapping[str, tuple[Array, Array]]
    #: whether results are new memory: not where the reference returns views
    new_memory: bool
    #: the same arguments with other numbers, and whether the reference gives something else there
    others: Arguments
    told_apart: bool
    #: seconds of a call
    call_s: float

    @property
    def outputs(self) -> results.Outputs:
        """Names and axes of the results."""
        return results.outputs_of(self.parts)

    def units(self, found: Parts) -> tuple[Array, ...]:
        """Results as real numbers; a whole number that rounding decides is the reference's."""
        judged = []
        for (name, array), right in zip(found.items(), self.truth.outputs, strict=True):
            real = results.real(array)
            if name in self.between:
                low, high = self.between[name]
                real = np.where((low <= real) & (real <= high), right, real)
            judged.append(real)
        return tuple(judged)


def pose(name: str, function: Callable[..., Any], arguments: Arguments, seed: int) -> Posed:
    """The truth, from calls of the reference.

    Raises:
        ValueError: nothing can be judged by it: it raises, or returns no numbers, or something else
            for the same arguments, or it changes them, or what it returns says nothing.
    """
    quoted = f"the reference {name!r}"
    first, second = arguments.copied(), arguments.copied()
    parts = _numbers(quoted, function, first)
    before = {n: bits(a) for n, a in parts.items()}
    start_s = time.perf_counter()
    again = _numbers(quoted, function, second)
    call_s = time.perf_counter() - start_s
    called, names = arguments.called(function), arguments.names(function)
    for given in (first, second):
        if changed := given.changed(arguments, called):
            raise ValueError(
                f"{quoted} changes its argument {changed}: the others would get another one; "
                "copy it inside the function"
            )
    if results.form(again, parts) or any(bits(again[n]) != before[n] for n in parts):
        raise ValueError(
            f"{quoted} gives another result for the same arguments: it draws on time, randomness "
            "or earlier calls, and nothing can be equal to it; seed or reset it inside the function"
        )
    if any(bits(parts[n]) != before[n] or np.may_share_memory(parts[n], again[n]) for n in parts):
        raise ValueError(
            f"{quoted} returns a buffer it handed out before: a later call changed an earlier "
            "result; return new memory"
        )
    if not any(bool((np.isfinite(a) & (a != 0)).any()) for a in parts.values()):
        raise ValueError(
            f"{quoted} returns {_nothing(parts)} for these arguments, as a function does that "
            "computes nothing: give arguments with another result"
        )
    views = any(np.may_share_memory(p, a) for p in parts.values() for a in first.arrays)
    truth, between = _truth(function, arguments, parts, call_s, np.random.default_rng([seed, 5]))
    others, other = _others(function, arguments, seed)
    posed = Posed(
        arguments, called, names, parts, truth, between, not views, others, told_apart=False,
        call_s=call_s,
    )  # fmt: skip
    zeros = tuple(map(np.zeros_like, posed.units(parts)))
    if error(zeros, truth).units <= truth.limit:
        raise ValueError(
            f"{quoted} returns what rounding makes of zero, from which zeros cannot be told: give "
            "arguments with another result"
        )
    return replace(posed, told_apart=other is not None and _apart(other, posed))


def _apart(other: Parts, posed: Posed) -> bool:
    """Whether this is another result; shapes may depend on values, as those of ``a[a > 0]``."""
    if _unlike(other, posed.parts):
        return True
    return not error(posed.units(other), posed.truth).units <= posed.truth.limit


def _numbers(quoted: str, function: Callable[..., Any], arguments: Arguments) -> dict[str, Array]:
    try:
        result = arguments.call(function)
    except (Exception, SystemExit) as raised:
        said = f"{quoted} raises {type(raised).__name__}: {raised}".splitlines()[0]
        if isinstance(raised, TypeError):  # of arguments that are missing, or not its own
            said += (
                "; arguments follow the functions, race(functions, a, b, axis=0), and race keeps "
                "budget_s, threads, seed and progress for itself"
            )
        raise ValueError(said) from raised
    parts, strange = results.arrays(result)
    if strange or not parts:
        raise ValueError(
            f"{quoted} returns {strange or 'no result'}; expected NumPy arrays or numbers, or a "
            "tuple, list or dictionary of them"
        )
    return parts


def _nothing(parts: Parts) -> str:
    if not any(a.size for a in parts.values()):
        return "nothing but empty arrays"
    return (
        "zeros alone" if not any(a.any() for a in parts.values()) else "no finite number but zeros"
    )


def _truth(
    function: Callable[..., Any],
    arguments: Arguments,
    parts: Parts,
    call_s: float,
    rng: np.random.Generator,
) -> tuple[Truth, dict[str, tuple[Array, Array]]]:
    count, nudges = next((calls, single) for most_s, calls, single in _CALLS if call_s < most_s)
    eps = {
        n: float(np.finfo(a.dtype).eps) if a.dtype.kind in "fc" else 0.0 for n, a in parts.items()
    }
    finest = min((unit for unit in eps.values() if unit), default=2.0**-52)
    spread = [parts]
    for _ in range(count if any(map(floating, arguments.values())) else 0):
        run = _quietly(function, arguments.mapped(perturb(rng, finest)))
        if run is not None and not _unlike(run, parts):
            spread.append(run)
    terms = _terms(function, arguments, parts, nudges, rng)
    limit = float(4 + 2 * terms**0.5)

    def around(centre: Parts) -> Truth:
        outputs, roundings = [], []
        for name, narrow in parts.items():
            middle = results.real(np.asarray(centre[name]))
            outputs.append(middle)
            if narrow.dtype.kind in "biu":
                roundings.append(np.zeros(()))
                continue
            with np.errstate(all="ignore"):
                # a part of a complex number is rounded as the whole of it is large
                size = np.abs(centre[name])
                size = np.stack([size, size], axis=-1) if narrow.dtype.kind == "c" else size
                size = np.where(np.isfinite(size), size, 0.0)
                off = [np.abs(results.real(each[name]) - middle) for each in spread]
                off = [np.where(np.isfinite(each), each, 0.0) for each in off]
                least = terms * denormals.least(middle.dtype)
                if len(spread) == 1 and size.size:  # nothing shows where results cancel
                    size = np.full_like(size, size.max())
                rounding = eps[name] * size + np.max(off, axis=0) + least
            roundings.append(np.asarray(rounding, np.float64))
        dtype = next((a.dtype for a in parts.values() if a.dtype.kind == "f"), np.dtype("f4"))
        return Truth(tuple(outputs), tuple(roundings), dtype, limit)

    narrow = around(parts)
    wide = _wide(function, arguments, parts, call_s)
    between = {
        name: (np.min(each, axis=0), np.max(each, axis=0))
        for name, array in parts.items()
        if array.dtype.kind in "biu"
        for each in [[results.real(run[name]) for run in spread]]
    }
    if wide is not None:
        real = tuple(
            np.asarray(results.real(wide[n])).astype(results.real(a).dtype)
            for n, a in parts.items()
        )
        if error(real, narrow).units <= limit:
            return around({n: wide[n] if eps[n] else a for n, a in parts.items()}), between
    return narrow, between


def _wide(
    function: Callable[..., Any], arguments: Arguments, parts: Parts, call_s: float
) -> dict[str, Array] | None:
    """The reference's result in wider precision; None where it does not give any."""
    numbers = [v for v in arguments.values() if isinstance(v, np.ndarray | np.generic)]
    chars = {value.dtype.char for value in numbers if floating(value)}
    if not chars or (chars & {"d", "D"} and call_s > _LONGDOUBLE_S):
        return None
    wide = _quietly(function, arguments.mapped(widen))
    if wide is None or [*wide] != [*parts]:
        return None
    for name, narrow in parts.items():
        if wide[name].shape != narrow.shape:
            return None
        if narrow.dtype.kind in "fc" and not (
            wide[name].dtype.kind == narrow.dtype.kind
            and np.finfo(wide[name].dtype).eps < np.finfo(narrow.dtype).eps
        ):
            return None
    return wide


def _terms(
    function: Callable[..., Any], arguments: Arguments, parts: Parts, count: int,
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """Most numbers of an argument that a number of a result depends on, on average."""
    found, tried = 1.0, False
    given = {id(a): a for a in arguments.arrays if floating(a) and a.size}
    for array in given.values():
        places = np.flatnonzero(array)
        for place in rng.choice(places, min(count, len(places)), replace=False):
            changed = arguments.mapped(nudge(array, int(place)))
            run = _quietly(function, changed)
            if run is None or _unlike(run, parts):
                continue
            tried = True
            for name, right in parts.items():
                differs = np.count_nonzero(~((run[name] == right) | (run[name] != run[name])))
                found = max(found, array.size * differs / max(right.size, 1))
    if tried:
        return found
    return float(max((a.size for a in given.values()), default=_UNKNOWN_TERMS))


def _others(
    function: Callable[..., Any], arguments: Arguments, seed: int
) -> tuple[Arguments, dict[str, Array] | None]:
    """Arguments with other numbers, and the reference's result for them where it has one.

    Arrays alone where there are any: a number may be an axis or a count.
    """
    change = renumber(np.random.default_rng([seed, 6]))
    others = arguments.mapped(
        (lambda v: change(v) if isinstance(v, np.ndarray) else v) if arguments.arrays else change
    )
    return others, _quietly(function, others)


def _quietly(function: Callable[..., Any], arguments: Arguments) -> dict[str, Array] | None:
    """Its result for copies of arguments that it need not take."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parts, strange = results.arrays(arguments.copied().call(function))
        except (Exception, SystemExit):
            return None
    return None if strange else parts


def _unlike(run: Parts, parts: Parts) -> bool:
    return [*run] != [*parts] or any(run[n].shape != a.shape for n, a in parts.items())
