"""Raced functions timed in turns, those that are right, and a record of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from einbench.host import background
from einbench.measure.blocks import interleave_in_blocks
from einbench.measure.candidate import Call
from einbench.measure.memory import peak_extra_bytes
from einbench.measure.ranking import rank
from einbench.racing import copies, results
from einbench.racing.judging import Finding, judge_result
from einbench.racing.posed import Posed
from einbench.record import Record

Functions = Mapping[str, Callable[..., Any]]

#: what records call it that has no name
RACE = "race"
#: in each of them arguments lie elsewhere
_BLOCKS = 5
#: memory is measured in calls that are no slower: counting makes them several times slower
_TRACED_CALL_S = 0.02
#: of an argument with more entries only their number is shown, and of its text so many letters
_ENTRIES, _TEXT = 8, 40


def contest(
    functions: Functions, findings: Mapping[str, Finding], posed: Posed, *, budget_s: float,
    threads: int, seed: int,
) -> list[Record]:  # fmt: skip
    """Time the functions that are right, judge what they returned last, and rank them."""
    background.wait()
    right = {
        name: function for name, function in functions.items() if findings[name].status == "ok"
    }
    with np.errstate(all="ignore"):
        peaks = {
            name: _peak_bytes(function, posed)
            for name, function in right.items()
            if findings[name].call_s <= _TRACED_CALL_S
        }
        timing = interleave_in_blocks(
            lambda: {name: _call(function, posed) for name, function in right.items()},
            _BLOCKS,
            budget_s=budget_s,
            rng=np.random.default_rng([seed, 17]),
            expected_s={name: findings[name].call_s for name in right},
        )
    found = {**findings}
    for name, why in timing.failures.items():
        found[name] = replace(found[name], status="failed", reason=f"raises {why}")
    for name, last in timing.outputs.items():
        if name not in timing.failures and (why := _wrong(last, posed)):
            found[name] = replace(found[name], status="rejected", reason=why)
    ranked = {name: s for name, s in timing.samples.items() if found[name].status == "ok"}
    reference = next(iter(functions))
    ranking = rank(ranked, reference, blocks=timing.blocks)
    sizes, options, dtype = _setting(posed)
    records = []
    for name in functions:
        finding, summary = found[name], ranking.summaries.get(name)
        record = Record(
            operation=RACE, kernel=name, sizes=sizes, leading=None, options=options, dtype=dtype,
            layout=_layout(posed), threads=threads, status=finding.status, reason=finding.reason,
            error=finding.units, limit=posed.truth.limit if finding.units is not None else None,
            peak_bytes=peaks.get(name),
        )  # fmt: skip
        if summary is not None:
            samples = timing.samples[name]
            record = replace(
                record, median_s=summary.median_s, low_s=summary.low_s, high_s=summary.high_s,
                samples=summary.count, unstable=summary.unstable, few_samples=summary.few,
                samples_s=tuple(None if math.isnan(s) else s for s in samples),
                calls_per_sample=timing.calls_per_sample[name], speedup=summary.speedup,
                winner=name == ranking.winner, tie=name in ranking.ties,
            )  # fmt: skip
        records.append(record)
    return records


def _call(function: Callable[..., Any], posed: Posed) -> Call:
    given = posed.arguments.copied()
    positional, named = given.positional, given.named
    if named:
        return lambda: function(*positional, **named)
    return lambda: function(*positional)


def _peak_bytes(function: Callable[..., Any], posed: Posed) -> int | None:
    """Of a call's temporaries; one that fails now is timed next, and fails there."""
    try:
        return peak_extra_bytes(_call(function, posed))
    except (Exception, SystemExit):
        return None


def _wrong(last: object, posed: Posed) -> str:
    """Why what the last timed call returned is wrong; empty where it is right."""
    parts, strange = results.arrays(last)
    reason = strange or results.form(parts, posed.parts) or judge_result(parts, posed)[1]
    return f"wrong when it was timed: {reason}" if reason else ""


def _setting(posed: Posed) -> tuple[dict[str, int], dict[str, str], str]:
    """Sizes of arrays by axis, other arguments as text, and the dtype of the arrays."""
    sizes: dict[str, int] = {}
    options: dict[str, str] = {}
    for name, value in zip(posed.called, posed.arguments.outer, strict=True):
        _describe(name, value, sizes, options)
    found = [*posed.arguments.arrays] or posed.parts.values()
    return sizes, options, " and ".join(dict.fromkeys(a.dtype.name for a in found))


def _describe(name: str, value: Any, sizes: dict[str, int], options: dict[str, str]) -> None:
    """Note an argument's sizes or text; of long lists and the like only how long they are."""
    if isinstance(value, np.ndarray):
        sizes |= {f"{name}.{axis}": size for axis, size in enumerate(value.shape)}
    elif not copies.is_container(value) or len(value) > _ENTRIES:
        options[name] = _text(value)
    else:
        for key, each in copies.entries(value):
            _describe(copies.label(name, value, key), each, sizes, options)


def _text(value: Any) -> str:
    """One short line."""
    kind, shape = type(value).__name__, getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{kind} of {' x '.join(map(str, shape))}"
    sized = isinstance(value, Collection) and not isinstance(value, str | bytes | range)
    if sized and len(value) > _ENTRIES:
        return f"{kind} of {len(value):,}"
    text = " ".join(ascii(value).split())
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}..."


def _layout(posed: Posed) -> str:
    return "C" if all(a.flags.c_contiguous for a in posed.arguments.arrays) else "as given"
