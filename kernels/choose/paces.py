"""How long steps of einsum take on this machine, over what is expected on a common core.

Small tasks of every kind are timed once for a dtype, in about a tenth of a second, and kept beside
the choices, with the machine, the threads and the code that they were measured with. Estimates of
orders of pairs, and of which kernels may be the fastest, use them from then on.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from einbench.choose import contraction
from einbench.choose.environment import on_refresh, threads
from einbench.choose.wisdom import Wisdom, wisdom
from einbench.einsum import estimates, preparing, rates
from einbench.einsum.blocked import blocked
from einbench.einsum.kernels import KERNELS
from einbench.einsum.language import parse
from einbench.einsum.program import program
from einbench.einsum.shapes import bind
from einbench.einsum.task import Refusal, Run, Task, in_order
from einbench.host.documents import Unreadable, load, write_whole

SCHEMA = "einbench.paces/1"
#: no file of choices, whose names end in .json
_FILE = "paces"
DTYPES = ("float32", "float64")
#: seconds of timing of a probe, and calls at least
_PROBE_S, _CALLS = 0.006, 3
#: a pace beyond this was measured while BLAS waited for a core, say, and is left out
_MOST = 8.0
Sizes = dict[str, int]
#: kind, kernel, expression and sizes; of several probes of a kind their geometric mean counts
_PROBES: tuple[tuple[str, str, str, Sizes], ...] = (
    ("large", "matmul", "ij,jk->ik", {"i": 256, "j": 256, "k": 256}),
    ("narrow", "matmul", "ij,jk->ik", {"i": 2000, "j": 64, "k": 8}),
    ("narrow", "matmul", "ij,jk->ik", {"i": 8, "j": 256, "k": 256}),
    ("short", "matmul", "ij,jk->ik", {"i": 256, "j": 6, "k": 256}),
    ("vector", "matmul", "ij,j->i", {"i": 400, "j": 400}),
    ("stack", "matmul", "bij,bjk->bik", {"b": 400, "i": 8, "j": 8, "k": 8}),
    ("einsum", "einsum", "bi,bi->b", {"b": 200, "i": 300}),
    ("einsum", "einsum", "ij,jk->ik", {"i": 40, "j": 40, "k": 40}),
    ("machine", "blocked", "ij,jk->ik", {"i": 192, "j": 192, "k": 192}),
    ("machine", "blocked", "bi,ij,bj->b", {"b": 2000, "i": 32, "j": 32}),
)
#: those whose loops are compiled first, which takes seconds once
_COMPILED_PROBES: tuple[tuple[str, str, str, Sizes], ...] = (
    ("loops", "numba", "bi,bi->b", {"b": 400, "i": 300}),
    ("loops parallel", "numba_parallel", "bi,bi->b", {"b": 2000, "i": 300}),
)


def use_kept() -> None:
    """Have estimates use what was measured here before, if anything was."""
    rates.use({} if wisdom().off else _kept(wisdom().folder))


def measure(dtypes: Iterable[str] = DTYPES, *, compiled: bool = False, again: bool = False) -> None:
    """Measure and keep what is not known of these dtypes yet; nothing where nothing is kept.

    Others than float32 and float64 have no paces.

    Args:
        dtypes: by name.
        compiled: also loops, which may have to be compiled first.
        again: whatever is known.
    """
    use_kept()
    if wisdom().off:
        return
    known = {} if again else _kept(wisdom().folder)
    more = ("loops",) if compiled else ()
    missing = [d for d in dtypes if d in DTYPES and not known.get(d, {}).keys() >= {"pass", *more}]
    if not missing:
        return
    rates.use({})  # what is expected on a common core
    found = {name: {**known.get(name, {}), **_measured(name, compiled)} for name in missing}
    _keep(wisdom(), {**known, **found})


def exported(memory: Wisdom) -> dict[str, Any] | None:
    """What is kept, with the machine, the threads and the code; None where nothing is."""
    known = {} if memory.off else _kept(memory.folder)
    return {**_about(), "paces": known} if known else None


def imported(memory: Wisdom, found: Any) -> None:
    """Keep what was measured elsewhere on such a machine, of dtypes that nothing is known of here.

    Orders of pairs have their names by it: choices among them that were made there answer here.
    """
    theirs, known = _stated(found), _kept(memory.folder)
    if theirs.keys() - known.keys():
        _keep(memory, {**theirs, **known})


def _keep(memory: Wisdom, made: dict[str, dict[str, float]]) -> None:
    content = json.dumps({**_about(), "paces": made}, indent=1) + "\n"
    with contextlib.suppress(OSError):  # who remembers a choice says that nothing can be written
        write_whole(_path(memory.folder), content)
    _kept.cache_clear()
    rates.use(made)


def _path(folder: str) -> str:
    return os.path.join(folder, _FILE)  # noqa: PTH118 - pathlib loads slowly


def _about() -> dict[str, Any]:
    here = contraction.here()
    return {
        "schema": SCHEMA, "machine": here.machine._asdict(), "threads": list(threads()),
        "code": here.code,
    }  # fmt: skip


@functools.cache
def _kept(folder: str) -> dict[str, dict[str, float]]:
    """What the file holds, if it was measured here; a damaged one is measured again."""
    try:
        return _stated(load(_path(folder), 1 << 16))
    except Unreadable:
        return {}


def _stated(found: Any) -> dict[str, dict[str, float]]:
    """What a document says of such a machine; nothing where it has another form."""
    about = _about()
    if not isinstance(found, dict) or any(found.get(key) != about[key] for key in about):
        return {}
    paces = found.get("paces")
    if not isinstance(paces, dict) or not all(
        name in DTYPES and isinstance(each, dict) and all(map(_is_pace, each, each.values()))
        for name, each in paces.items()
    ):
        return {}
    return paces


def _is_pace(kind: object, pace: object) -> bool:
    return kind in rates.KINDS and isinstance(pace, float) and 1 / _MOST <= pace <= _MOST


on_refresh.append(_kept.cache_clear)


def _measured(name: str, compiled: bool) -> dict[str, float]:
    """Kind -> pace, of a dtype; loops only where they may be compiled."""
    dtype = np.dtype(name)
    found: dict[str, list[float]] = {}
    for kind, kernel, text, sizes in (*_PROBES, *(_COMPILED_PROBES if compiled else ())):
        shapes = [tuple(sizes[i] for i in part) for part in text.partition("->")[0].split(",")]
        inner = bind(parse(text), shapes)
        strides = tuple(in_order(shape, dtype.itemsize) for shape in shapes)
        task = Task(inner, dtype, strides, in_order(inner.out_shape, dtype.itemsize))
        try:
            run, expected_s = _probe(task, kernel)
        except Refusal:
            continue
        arrays = [np.ones(shape, dtype) for shape in shapes]
        taken_s = _least_s(functools.partial(run, arrays, np.empty(inner.out_shape, dtype)))
        found.setdefault(kind, []).append(taken_s / expected_s)
    found["copied"] = [_copied_pace(dtype)]
    found["pass"] = [_pass_pace(dtype)]
    means = {kind: math.exp(sum(map(math.log, each)) / len(each)) for kind, each in found.items()}
    return {kind: mean for kind, mean in means.items() if _is_pace(kind, mean)}


def _probe(task: Task, kernel: str) -> tuple[Run, float]:
    if kernel != "blocked":
        return KERNELS[kernel](task), estimates.seconds(task, kernel)
    expected_s = program(task).seconds
    if not preparing.preparing(task.dtype).soon():
        raise Refusal("it is being compiled")
    return blocked(task), expected_s


def _least_s(call: Callable[[], object]) -> float:
    """Of calls within a few milliseconds, the first left out."""
    call()
    least_s, calls, end_s = math.inf, 0, time.perf_counter() + _PROBE_S
    while calls < _CALLS or time.perf_counter() < end_s:
        began_s = time.perf_counter()
        call()
        least_s = min(least_s, time.perf_counter() - began_s)
        calls += 1
    return least_s


def _copied_pace(dtype: np.dtype[Any]) -> float:
    turned = np.ones((64, 128, 32), dtype).transpose(2, 1, 0)
    out = np.empty(turned.shape, dtype)
    return _least_s(functools.partial(np.copyto, out, turned)) / (out.nbytes / rates.COPIED)


def _pass_pace(dtype: np.dtype[Any]) -> float:
    first, out = np.ones((2, 1 << 18), dtype)
    call = functools.partial(np.multiply, first, first, out)
    return _least_s(call) / (2 * out.nbytes / rates.BYTES)
