"""The outcome of one kernel at one size, from which tables, exports and memory are made.

A comparison gives one record for every kernel in every cell, also for those that got no time. The
name of a field ends in its unit where it has one; what it holds, and in which unit, is said
here and nowhere else: columns of the export and ``help(einbench.Record)`` are made from it.
"""

from __future__ import annotations

import math
import reprlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

from einbench.contexts import ALONE, CONTEXTS
from einbench.names import shortened
from einbench.units import seconds_text

#: the outcome for a kernel:
#:
#: - ok: it passed the check at this size; it has a time, or a prediction where nothing is timed
#: - rejected: its result is wrong, or it breaks the contract of kernels
#: - skipped: a call would take too long or too much memory, or nothing is known of it
#: - unavailable: it cannot run on this machine
#: - failed: it raised
#: - crashed: its process ended in it, by a signal or an exit
#: - hung: it did not return within the time limit
#: - refuses: a library that raises at an expression, as it does not accept all that NumPy does
#: - unchecked: memory, time, the disk or a compiler left it unknown whether it is right
Status = Literal[
    "ok", "rejected", "skipped", "unavailable", "failed", "crashed", "hung", "refuses", "unchecked"
]
STATUSES: tuple[Status, ...] = get_args(Status)
#: of a kernel that has a fault
WRONG: tuple[Status, ...] = ("rejected", "failed", "crashed", "hung")

#: the axis of rows where a document says none, as those of older versions
LEADING = "batch"
#: part of the cases in which an interval holds the median
CONFIDENCE = 0.95
#: fewer samples have no such interval: even their extremes, taken from 5 samples, miss the median
#: in 2 / 2**5 = 6 % of all cases
FEWEST_SAMPLES = 6
#: a kernel whose ratio to the best may be below this is as fast as the best
TIE_RATIO = 1.02
#: and one whose median ratio is beyond this is slower, however wide its interval
TIE_MEDIAN_RATIO = 1.10
#: an interval wider than this part of the median (10 % to either side) is unstable
UNSTABLE_WIDTH = 0.20


def _said(meaning: str, unit: str = "") -> dict[str, str]:
    return {"meaning": meaning, "unit": unit}


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One kernel at one size: its verdict, its times and its rank; None where nothing is known."""

    operation: str = field(metadata=_said("the mathematics"))
    kernel: str = field(metadata=_said("the way to compute it"))
    sizes: Mapping[str, int] = field(metadata=_said("of every axis: {axis: size}"))
    leading: str | None = field(
        default=LEADING, metadata=_said("the axis of rows; None where the operation has none")
    )
    options: Mapping[str, str] = field(metadata=_said("of the operation: {name: choice}"))
    dtype: str = field(metadata=_said("float32 or float64"))
    layout: str = field(metadata=_said("memory order of the inputs"))
    threads: int = field(metadata=_said("of BLAS and numba"))
    status: Status = field(metadata=_said(f"{', '.join(STATUSES[:-1])} or {STATUSES[-1]}"))
    reason: str = field(default="", metadata=_said("why it is not ok"))
    median_s: float | None = field(
        default=None, metadata=_said("median, called alone again and again", "s/call")
    )
    low_s: float | None = field(
        default=None, metadata=_said("lower end of the median's interval", "s/call")
    )
    high_s: float | None = field(default=None, metadata=_said("upper end of it", "s/call"))
    after_blas_s: float | None = field(
        default=None, metadata=_said("median where a product of BLAS precedes each call", "s/call")
    )
    after_blas_low_s: float | None = field(
        default=None, metadata=_said("lower end of its interval", "s/call")
    )
    after_blas_high_s: float | None = field(
        default=None, metadata=_said("upper end of it", "s/call")
    )
    after_pause_s: float | None = field(
        default=None, metadata=_said("median where 2 ms of sleep precede each call", "s/call")
    )
    after_pause_low_s: float | None = field(
        default=None, metadata=_said("lower end of its interval", "s/call")
    )
    after_pause_high_s: float | None = field(
        default=None, metadata=_said("upper end of it", "s/call")
    )
    samples: int = field(default=0, metadata=_said("rounds that the kernel took part in"))
    samples_s: tuple[float | None, ...] = field(
        default=(), metadata=_said("one a round; None where it took no part", "s/call")
    )
    calls_per_sample: int | None = field(default=None, metadata=_said("calls in one sample"))
    unstable: bool = field(
        default=False,
        metadata=_said(f"the interval is wider than {100 * UNSTABLE_WIDTH:.0f} % of the median"),
    )
    few_samples: bool = field(
        default=False,
        metadata=_said(f"fewer than {FEWEST_SAMPLES}: low_s and high_s are their extremes"),
    )
    speedup: float | None = field(default=None, metadata=_said("times as fast as the baseline"))
    speedup_predicted: bool = field(
        default=False, metadata=_said("the baseline's time is predicted from a smaller batch")
    )
    error: float | None = field(
        default=None, metadata=_said("against a wider reference", "units of rounding")
    )
    limit: float | None = field(default=None, metadata=_said("of the error", "units of rounding"))
    gflops_per_s: float | None = field(
        default=None, metadata=_said("useful arithmetic", "1e9 operations/s")
    )
    gbytes_per_s: float | None = field(
        default=None, metadata=_said("compulsory traffic", "1e9 bytes/s")
    )
    roofline: float | None = field(
        default=None, metadata=_said("part of what the machine could do at best")
    )
    peak_bytes: int | None = field(default=None, metadata=_said("temporaries of a call", "bytes"))
    compile_s: float | None = field(
        default=None, metadata=_said("compiling, apart from median_s", "s")
    )
    prepare_s: float | None = field(
        default=None, metadata=_said("preparing the kernel, apart from median_s", "s")
    )
    cores: float | None = field(
        default=None,
        metadata=_said(
            "processor time by wall time of the calls, of all threads; known where the kernel had "
            "a process of its own"
        ),
    )
    runtime: str = field(
        default="numpy", metadata=_said("the library whose arrays the kernel takes")
    )
    predicted_s: float | None = field(
        default=None, metadata=_said("expected before it was timed, or in place of it", "s/call")
    )
    context: str = field(
        default=ALONE, metadata=_said(f"that kernels were ranked in: {', '.join(CONTEXTS)}")
    )
    winner: bool = field(
        default=False, metadata=_said("the fastest, or the simplest of those that tie with it")
    )
    tie: bool = field(default=False, metadata=_said("not distinguished from the fastest"))

    @property
    def batch(self) -> int | None:
        """Rows of a call; None where the operation has no axis of rows."""
        return None if self.leading is None else self.sizes.get(self.leading)

    @property
    def other_sizes(self) -> dict[str, int]:
        """Of every axis but that of rows."""
        return {axis: size for axis, size in self.sizes.items() if axis != self.leading}

    def __repr__(self) -> str:
        """In a line; `to_json` has it all."""
        sizes = ", ".join(f"{axis} {size}" for axis, size in self.sizes.items())
        found = self.status if self.median_s is None else seconds_text(self.median_s)
        said = f": {self.reason}" if self.reason else ", the winner" if self.winner else ""
        line = f"{self.operation}[{self.kernel}] {sizes}, {self.dtype}, {found}{said}"
        return f"<Record {shortened(line, 200)}>"

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON, one entry a field; NaN and infinity become None."""
        return {name: _plain(getattr(self, name)) for name in FIELDS}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Record:
        """The record that `to_json` made, also of an older einbench: what it lacks has its default.

        Raises:
            ValueError: it is no object, an entry without which there is no record is missing, or
                one is of a wrong type; the message names the first.
        """
        if not isinstance(document, Mapping):
            raise ValueError(f"{reprlib.repr(document)}: {_NO_RECORD}")
        given = {name: document[name] for name in FIELDS if document.get(name) is not None}
        if missing := [f.name for f in fields(cls) if _required(f) and f.name not in given]:
            raise ValueError(f"a record without {', '.join(missing)}; {_NO_RECORD}")
        for one in fields(cls):
            fits, expected = _TYPES[str(one.type)]
            if one.name in given and not fits(given[one.name]):
                found = reprlib.repr(given[one.name])
                raise ValueError(f"a record whose {one.name} is {found}: expected {expected}")
        if "leading" in document:  # the one field in which None says something
            given["leading"] = document["leading"]
        given["samples_s"] = tuple(given.get("samples_s", ()))
        return cls(**given)


#: names of the fields, in reading order
FIELDS = tuple(f.name for f in fields(Record))


_NO_RECORD = "expected what Record.to_json() gives"
_MOST_COUNT = 2**63 - 1


def _required(one: Any) -> bool:
    return one.default is MISSING


def _is_text(value: Any) -> bool:
    # half of a surrogate pair can neither be printed nor written
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_COUNT


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # neither does NaN


def _is_mapping(value: Any, of: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(_is_text(k) and of(v) for k, v in value.items())


#: annotation of a field -> whether a value that is not None fits, and what is expected
_TYPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "str": (_is_text, "text"),
    "str | None": (_is_text, "text or null"),
    "Status": (lambda value: value in STATUSES, f"one of {', '.join(STATUSES)}"),
    "int": (_is_count, "a whole number from 0"),
    "int | None": (_is_count, "a whole number from 0, or null"),
    "float | None": (_is_number, "a finite number or null"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "Mapping[str, int]": (lambda value: _is_mapping(value, _is_count), "{axis: whole number}"),
    "Mapping[str, str]": (lambda value: _is_mapping(value, _is_text), "{name: text}"),
    "tuple[float | None, ...]": (
        lambda value: (
            isinstance(value, list | tuple)
            and all(item is None or _is_number(item) for item in value)
        ),
        "a list of finite numbers and null",
    ),
}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _attributes() -> str:
    """The fields as a docstring lists them."""
    lines = []
    for one in fields(Record):
        unit = f" [{one.metadata['unit']}]" if one.metadata["unit"] else ""
        lines.append(f"        {one.name}: {one.metadata['meaning']}{unit}.")
    return "\n".join(lines)


if Record.__doc__:  # python -OO has none
    Record.__doc__ += f"\n\n    Attributes:\n{_attributes()}\n    "
