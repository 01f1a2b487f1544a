"""What `einbench.auto.X(...)` costs on a known signature, beside calling the kernel itself.

    make choice-dispatch

For every number of arrays that an operation takes: the median, over many interleaved pairs, of
the time of a call through `einbench.auto` less the time of the direct call, at batch 1. The direct
call is the function that the look-up finds, without any check of its own; where an operation has
several outputs, with the named tuple around them that it returns. Arrays have as many axes as those
of `linear`, `mlp_forward` and `mlp_gradients` have in their places. The arrays of two
signatures are used in turn as well, for a look-up may be quicker when nothing has changed. All
numbers of arrays take turns, for a shared machine has slow and fast minutes, by a factor of two:
beside the median of all pairs stands that of pairs at full speed, in which the direct call took at
most a quarter longer than in the fastest twentieth of them, and their part of all pairs.
A call of what `einbench.fastest` gives is timed beside one through `einbench.auto`: a row has
the ratio of the times, by position and by name. So are calls of a kernel (``op["copy"](...)``), and
calls with memory for the result: rows have the microseconds that they take longer.
With wisdom on disk, also the time of the first answer after `import einbench`, in fresh processes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import einbench
from einbench.inputs import Input
from einbench.operation import Operation
from einbench.registry import forget, register

from .study import Study, parser

SCHEMA = "einbench.choice-dispatch/1"
#: microseconds allowed, by the most arrays that they are allowed for
ALLOWED_US = {4: 1.5, 8: 2.5}
ALLOWED_FIRST_MS = 5.0
_ROUNDS = 60
_PAIRS = 5
_CALLS = 400
#: (arrays, outputs): as many as the suite's operations have, and what lies between
_COUNTS = ((1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (7, 6), (8, 1), (8, 6))
_PROCESSES = 15
_AXES = {1: "features", 2: "batch features"}
#: operations whose winner may be no numba kernel: of these the first answer is timed
_FIRST = ("linear", "weight_gradient", "input_gradient")
_FIRST_ANSWER = """
import sys, time
import numpy as np
import einbench
batch, features, units = 128, 784, 128
shapes = {"inputs": (batch, features), "weights": (units, features), "bias": (units,),
          "dlogits": (batch, units)}
arrays = [np.ones(shapes[name], np.float32) for name in einbench.operation(sys.argv[1]).inputs]
start_s = time.perf_counter()
call = einbench.fastest if sys.argv[2:] else getattr(einbench.auto, sys.argv[1])
call(*sys.argv[2:], *arrays)
print(time.perf_counter() - start_s, "numba" in sys.modules)
"""


def main(arguments: list[str]) -> None:
    """Measure and keep, unless only ``--summary`` is requested, and print."""
    asked = parser(__doc__).parse_args(arguments)
    study = Study(asked.path, SCHEMA)
    if not asked.summary:
        study.rows.clear()
        _look_up(study)
        _chosen(study)
        for name in _FIRST:
            study.keep(f"first answer, {name}", _first_answer(name))
        study.summary = _summary(study)
        study.write()
    for name, row in study.rows.items():
        print(f"{name}: {json.dumps(row)}")
    print(json.dumps(study.summary, indent=1))


def _look_up(study: Study) -> None:
    """Through `einbench.auto` and directly, of kernels that do next to nothing."""
    pairs_of = {}
    for count, outputs in _COUNTS:
        op = _copy_operation(count, outputs)
        one, other = ([_array(n, batch) for n in range(count)] for batch in (1, 2))
        through = getattr(einbench.auto, op.name)
        through(*one), through(*other)
        direct = _copies(op, outputs)
        pairs_of[count, outputs] = [
            (_bound(through, one, second), _bound(direct, one, second)) for second in (one, other)
        ]
    taken: dict[Any, list[tuple[float, float]]] = {(c, n): [] for c in pairs_of for n in (0, 1)}
    for _ in range(_ROUNDS):
        for counts, pair in pairs_of.items():
            for number, (through_calls, direct_calls) in enumerate(pair):
                taken[counts, number] += _pairs(through_calls, direct_calls)
    for count, outputs in _COUNTS:
        same, turns = (np.array(taken[(count, outputs), n]) * 1e6 for n in (0, 1))
        full, full_turns = map(_full_speed, (same, turns))
        study.rows[f"{count} arrays, {outputs} outputs"] = {
            "added_us": round(float(np.median(same[:, 0])), 3),
            "two_in_turn_us": round(float(np.median(turns[:, 0])), 3),
            "full_speed_us": round(float(np.median(same[full, 0])), 3),
            "full_speed_two_in_turn_us": round(float(np.median(turns[full_turns, 0])), 3),
            "full_speed_part": round(float(np.mean(full)), 3),
            "direct_us": round(float(np.median(same[:, 1])), 3),
            "full_speed_direct_us": round(float(np.median(same[full, 1])), 3),
            "allowed_us": next(us for most, us in ALLOWED_US.items() if count <= most),
        }
        forget(f"copy_{count}_{outputs}")


def _chosen(study: Study) -> None:
    """Of a kernel that does next to nothing: what other calls take over `einbench.auto`'s."""
    for count, outputs in ((2, 1), (3, 1), (8, 6)):
        op = _copy_operation(count, outputs)
        op.remove("copy")
        op.kernel("copy")(_filling(op, outputs))
        arrays = [_array(n, 1) for n in range(count)]
        through = getattr(einbench.auto, op.name)
        choice = einbench.fastest(op, *arrays, budget_s=0.05)
        kernel, names = op["copy"], list(op.inputs)
        made = through(*arrays)
        out = made if outputs == 1 else tuple(made)
        ways = {
            "choice": _bound(choice, arrays, arrays),
            "choice_by_name": _bound(choice, arrays, arrays, names),
            "kernel": _bound(kernel, arrays, arrays),
            "auto_out": _bound(partial(through, out=out), arrays, arrays),
            "choice_out": _bound(partial(choice, out=out), arrays, arrays),
            "kernel_out": _bound(partial(kernel, out=out), arrays, arrays),
        }
        plain = _bound(through, arrays, arrays)
        for calls in (plain, *ways.values()):
            calls(2)
        taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(_ROUNDS):
            for way, calls in ways.items():
                taken[way] += _pairs(calls, plain)
        row = {}
        for way, found in taken.items():
            pairs = np.array(found)
            row[f"{way}_over_auto_us"] = round(float(np.median(pairs[:, 0])) * 1e6, 3)
            row[f"{way}_over_auto"] = round(float(np.median(1 + pairs[:, 0] / pairs[:, 1])), 3)
        row["auto_us"] = round(float(np.median(np.array(taken["kernel"])[:, 1])) * 1e6, 3)
        study.rows[f"other calls, {count} arrays, {outputs} outputs"] = row
        forget(op.name)


def _full_speed(pairs: Any) -> Any:
    """Which pairs were taken while the machine was at its fastest."""
    return pairs[:, 1] <= 1.25 * np.quantile(pairs[:, 1], 0.05)


def _copy_operation(count: int, outputs: int) -> Operation:
    names = [f"array{n}" for n in range(count)]

    def reference(*arrays: Any) -> Any:
        copies = [arrays[0].copy() for _ in range(outputs)]
        return copies[0] if outputs == 1 else tuple(copies)

    op = register(
        Operation(
            name=f"copy_{count}_{outputs}",
            formula="y = x, which takes next to no time",
            inputs={n: Input(_AXES[_array(k, 1).ndim]) for k, n in enumerate(names)},
            outputs={f"out{n}": "batch features" for n in range(outputs)},
            sizes={"features": 784},
            reference=reference,
            scale=lambda outs, *arrays: (
                tuple(np.abs(o) for o in outs) if outputs > 1 else np.abs(outs)
            ),
            flops=lambda sizes: 0.0,
            baseline="copy",
        )
    )
    op.kernel("copy")(_copies(op, outputs, named=False))
    return op


def _copies(op: Operation, outputs: int, *, named: bool = True) -> Callable[..., Any]:
    """The kernel, or it and the named tuple that the operation returns.

    It has as many parameters as arrays, for *arguments would make the direct call slower.
    """
    copies = ", ".join(["array0.copy()"] * outputs)
    made = f"result_type({copies})" if named and outputs > 1 else f"({copies})"
    scope = {"result_type": op.result_type}
    source = f"lambda {', '.join(op.inputs)}: {made}"
    function: Callable[..., Any] = eval(source, scope)  # noqa: S307 - made of our own names
    return function


def _filling(op: Operation, outputs: int) -> Callable[..., Any]:
    """The kernel that writes to memory where that is given."""
    names = ", ".join(op.inputs)
    written = "; ".join(
        f"copyto({'out' if outputs == 1 else f'out[{n}]'}, array0)" for n in range(outputs)
    )
    copies = ", ".join(["array0.copy()"] * outputs)
    source = f"def copy({names}, out=None):\n if out is None:\n  return ({copies})\n {written}\n"
    scope: dict[str, Any] = {"copyto": np.copyto}
    exec(source, scope)  # noqa: S102 - made of our own names
    function: Callable[..., Any] = scope["copy"]
    return function


def _array(number: int, batch: int) -> Any:
    """Biases and labels have one axis."""
    one_axis = number == 7 or (number and number % 2 == 0)
    return np.ones(784 if one_axis else (batch, 784), np.float32)


def _bound(
    function: Callable[..., Any],
    one: list[Any],
    other: list[Any],
    keywords: list[str] | None = None,
) -> Callable[[int], None]:
    """So many calls, half with these arrays and half with those; by name where names are given."""
    names = [f"a{n}" for n in range(len(one))]
    others = [f"b{n}" for n in range(len(one))]
    before = [f"{keyword}=" for keyword in keywords] if keywords else [""] * len(names)
    calls_text = [
        ", ".join(f"{start}{name}" for start, name in zip(before, each, strict=True))
        for each in (names, others)
    ]
    source = (
        f"def calls(count):\n for _ in range(count // 2):\n"
        f"  f({calls_text[0]})\n  f({calls_text[1]})\n"
    )
    scope: dict[str, Any] = {
        "f": function,
        **dict(zip(names, one, strict=True)),
        **dict(zip(others, other, strict=True)),
    }
    exec(source, scope)  # noqa: S102 - made of our own names
    calls: Callable[[int], None] = scope["calls"]
    return calls


def _pairs(
    through: Callable[[int], None], direct: Callable[[int], None]
) -> list[tuple[float, float]]:
    """Seconds that a call takes longer, and of the direct call, pair after pair."""
    pairs = []
    for _ in range(_PAIRS):
        start_s = time.perf_counter()
        through(_CALLS)
        middle_s = time.perf_counter()
        direct(_CALLS)
        stop_s = time.perf_counter()
        alone_s = (stop_s - middle_s) / _CALLS
        pairs.append(((middle_s - start_s) / _CALLS - alone_s, alone_s))
    return pairs


def _first_answer(name: str) -> dict[str, Any]:
    """Milliseconds of the first answer in a fresh process, the call included."""
    with tempfile.TemporaryDirectory(prefix="wisdom-") as folder:
        env = {**os.environ, "EINBENCH_WISDOM": folder}
        argv = [sys.executable, "-c", _FIRST_ANSWER, name]
        answers = []
        for number in range(1 + _PROCESSES):
            done = subprocess.run(  # noqa: S603 - this interpreter and the lines above
                argv if number else [*argv, name],
                env=env,
                capture_output=True,
                text=True,
                check=True,
            )
            seconds, numba = done.stdout.split()
            answers.append((float(seconds), numba == "True"))
    times_ms = [s * 1e3 for s, _ in answers[1:]]
    return {
        "median_ms": round(statistics.median(times_ms), 2),
        "greatest_ms": round(max(times_ms), 2),
        "numba_imported": any(imported for _, imported in answers[1:]),
        "measuring_before_ms": round(answers[0][0] * 1e3, 0),
    }


def _summary(study: Study) -> dict[str, Any]:
    looked_up = [row for row in study.rows.values() if "added_us" in row]
    first = [row for row in study.rows.values() if "median_ms" in row and not row["numba_imported"]]
    return (
        {
            f"most_{name}_up_to_{most}_arrays": max(
                row[name] for row in looked_up if row["allowed_us"] <= allowed
            )
            for most, allowed in ALLOWED_US.items()
            for name in ("added_us", "full_speed_us")
        }
        | {
            "most_over_auto_us": max(
                us
                for row in study.rows.values()
                for name, us in row.items()
                if name.endswith("_over_auto_us")
            )
        }
        | {"most_first_answer_ms_without_numba": max((r["median_ms"] for r in first), default=None)}
    )


if __name__ == "__main__":
    main(sys.argv[1:])
