"""A bench on a fake clock, choices made by hand, and processes: what these tests stand on."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import einbench
from einbench.check.judging import Verdict
from einbench.check.verdicts import check_small
from einbench.choose import measuring
from einbench.choose.book import RIGORS, Book, Passed, Remembered, Spread, Time
from einbench.choose.deciding import decide
from einbench.choose.decision import Decision
from einbench.choose.environment import Environment, Machine, Threads
from einbench.choose.signature import Signature
from einbench.contexts import CONTEXTS
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.registry import register

NUMBERS = itertools.count()
ONE_THREAD = Threads(1, 1)


#: (function, dtype, seed) -> the verdict on it
_VERDICTS: dict[Any, Verdict] = {}


def checked_once(
    op: Operation, kernels: Iterable[Kernel], dtype: np.dtype[Any], seed: int
) -> Iterator[Verdict]:
    """As `check_small`, of a function that was checked before what was found then."""
    asked = list(kernels)
    keys = [(op, kernel.function, dtype, seed) for kernel in asked]
    fresh = [k for k, key in zip(asked, keys, strict=True) if key not in _VERDICTS]
    for verdict in check_small(op, fresh, dtype, seed) if fresh else ():
        _VERDICTS[op, verdict.kernel.function, dtype, seed] = verdict
    for kernel, key in zip(asked, keys, strict=True):
        yield replace(_VERDICTS[key], kernel=kernel)


def doubling(name: str, **more: Any) -> Operation:
    """``y = 2 x``, which no kernel rounds."""
    facts: dict[str, Any] = {
        "name": name,
        "formula": "y[b, f] = 2 x[b, f]",
        "inputs": {"inputs": "batch features"},
        "outputs": {"outputs": "batch features"},
        "sizes": {"features": 3},
        "independent": ("batch", "features"),
        "limit": lambda terms: 0,
        "tied_limit": lambda terms: 0,
        "flops": lambda s: s["batch"] * s["features"],
        "reference": lambda inputs, **options: 2 * inputs,
        "scale": lambda outputs, inputs, **options: np.zeros_like(outputs),
    }
    return register(Operation(**{**facts, **more}))


class Bench:
    """An operation whose kernels move a clock and are counted."""

    def __init__(self, **more: Any) -> None:
        self.op = doubling(f"bench_{os.getpid()}_{next(NUMBERS)}", **more)
        self.now_s = 0.0
        #: (method, batch) of every call, in order
        self.log: list[tuple[str, int]] = []

    def clock(self) -> float:
        return self.now_s

    def kernel(
        self,
        method: str,
        seconds: float | Callable[[int], float],
        compute: Callable[[Any], Any] = lambda inputs: 2 * inputs,
    ) -> None:
        """One more, that takes so long; a number is seconds a row."""

        def call(inputs: Any, **options: Any) -> Any:
            batch = len(inputs)
            self.log.append((method, batch))
            self.now_s += seconds(batch) if callable(seconds) else seconds * max(batch, 1)
            return compute(inputs)

        self.op.kernel(method)(call)

    def decide(
        self,
        batch: int = 4,
        rigor: str = "measure",
        *,
        features: int = 3,
        dtype: str = "float32",
        fortran: bool = False,
        threads: Threads = ONE_THREAD,
        options: dict[str, str] | None = None,
        **more: Any,
    ) -> Decision:
        array = np.arange(batch * features, dtype=dtype).reshape(batch, features)
        if fortran:
            array = np.asfortranarray(array)
        return self.decide_on(array, rigor, threads=threads, options=options, **more)

    def decide_on(
        self,
        array: Any,
        rigor: str = "measure",
        *,
        threads: Threads = ONE_THREAD,
        options: dict[str, str] | None = None,
        **more: Any,
    ) -> Decision:
        bound = self.op.bind(array, **(options or {}))
        return decide(self.op, bound, threads, rigor, clock=self.clock, **more)


class Held:
    """Counts measurements, and does something in the first of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
        self.count = 0
        real = measuring.measure

        def measure(*args: Any, **more: Any) -> Any:
            self.count += 1
            if self.count == 1:
                meanwhile()
            return real(*args, **more)

        monkeypatch.setattr(measuring, "measure", measure)


def loaded(path: Path) -> Any:
    """The module in a file, as it is now."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def run(script: str, *, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, warnings shown and not raised."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


#: what processes of these tests start with: an operation of their own, quickly measured
OPERATION = """
import os, sys, warnings
import numpy as np, einbench
from einbench.choose import effort, measuring
from einbench.choose.book import Remembered, Time
from einbench.choose.environment import Environment, Machine, Threads, environment
from einbench.choose.signature import Signature
from einbench.choose.wisdom import wisdom
effort.BUDGETS["measure"] = (0.01, 2, *effort.BUDGETS["measure"][2:])
op = einbench.register(einbench.Operation(
    name="doubled", formula="y = 2 x", inputs={"inputs": "batch features"},
    outputs={"outputs": "batch features"}, sizes={"features": 3},
    independent=("batch", "features"), limit=lambda terms: 0, tied_limit=lambda terms: 0,
    flops=lambda s: s["batch"], reference=lambda x: 2 * x, scale=lambda y, x: np.zeros_like(y)))

@op.kernel("loop")
def loop(inputs):
    outputs = np.empty_like(inputs)
    for b in range(len(inputs)):
        outputs[b] = 2 * inputs[b]
    return outputs

@op.kernel("ufunc")
def ufunc(inputs):
    return 2 * inputs

def choice(batch, features=3, date="2026-01-02T03:04:05Z"):
    return Remembered(
        environment(op), Signature((("batch", batch), ("features", features)), (), "float32", "",
        "C", Threads(1, 1)), "measure", date, "ufunc", ("ufunc",),
        {"ufunc": Time(1e-6, 1e-6, 1e-6, 9, 0.0)}, {})
"""


def batches(book: Book) -> list[int]:
    """Sizes that there are choices for."""
    return [c.signature.sizes[0][1] for c in book.choices]


@contextlib.contextmanager
def warned_once(match: str) -> Iterator[None]:
    """One warning and no more, with this in it."""
    with pytest.warns(RuntimeWarning) as caught:
        yield
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 1, messages
    assert match in messages[0]


def small(name: str, batch: int = 3, dtype: str = "float32") -> dict[str, Any]:
    """Its arrays, every axis but the batch of size 2."""
    op = einbench.operation(name)
    return op.draw(batch, dtype, **dict.fromkeys(op.sizes, 2))


def of(name: str, arrays: Any, **options: str) -> Any:
    """What the reference says."""
    op = einbench.operation(name)
    return op.named(op.reference(*arrays, **op.choose_options(options)))


def assert_close(found: Any, expected: Any) -> None:
    """Equal but for rounding, and of the same form."""
    if isinstance(expected, tuple):
        assert found._fields == expected._fields
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    else:
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


HERE = Environment(
    "c0de", (("loop", "aa"), ("numba", "aa")), Machine("cpu", "blas 1", "py 3", "2.0", "0.6")
)


def choice(
    batch: int = 4,
    kernel: str = "loop",
    tie: tuple[str, ...] = (),
    rigor: str = "measure",
    *,
    seconds: float = 1e-3,
    date: str = "2026-01-02T03:04:05Z",
    environment: Environment = HERE,
    **of_signature: Any,
) -> Remembered:
    """One remembered choice; kernels of the tie took as long as the winner."""
    time = Time(seconds, seconds, seconds, 9, 0.5)
    asked = signature(batch, **of_signature)
    tie = tie or (kernel,)
    return Remembered(environment, asked, rigor, date, kernel, tie, dict.fromkeys(tie, time), {})


def signature(batch: int = 4, features: int = 3, **parts: Any) -> Signature:
    plain: dict[str, Any] = {
        "sizes": (("batch", batch), ("features", features)), "options": (), "dtype": "float32",
        "integers": "", "layout": "C", "threads": Threads(1, 1),
    }  # fmt: skip
    return Signature(**{**plain, **parts})


WORDS = st.text(max_size=8)
METHODS = st.sampled_from(["loop", "einsum", "matmul", "numba", "ünïcode", ""])
SECONDS = st.floats(1e-9, 1e6)
DATES = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(
    lambda when: f"{when:%Y-%m-%dT%H:%M:%SZ}"
)
ENVIRONMENTS = st.builds(
    Environment,
    WORDS,
    st.lists(st.tuples(METHODS, WORDS), max_size=4, unique_by=lambda pair: pair[0]).map(tuple),
    st.builds(Machine, *[st.none() | WORDS] * len(Machine._fields)),
)
PAIRS = st.lists(st.tuples(WORDS, WORDS), max_size=2, unique_by=lambda pair: pair[0]).map(tuple)
SIGNATURES = st.builds(
    Signature,
    st.lists(
        st.tuples(WORDS, st.integers(0, 2**40)), max_size=3, unique_by=lambda pair: pair[0]
    ).map(tuple),
    PAIRS,
    st.sampled_from(["float32", "float64"]),
    WORDS,
    WORDS,
    st.builds(Threads, st.integers(0, 99), st.integers(0, 99)),
    st.sampled_from(CONTEXTS),
)


@st.composite
def spreads(draw: st.DrawFn) -> Spread:
    low_s, median_s, high_s = sorted(draw(st.tuples(SECONDS, SECONDS, SECONDS)))
    return Spread(median_s, low_s, high_s)


@st.composite
def times(draw: st.DrawFn) -> Time:
    samples, error = draw(st.integers(0, 300)), draw(st.floats(0, 1e6))
    beside = draw(st.tuples(st.none() | spreads(), st.none() | spreads()))
    return Time(*draw(spreads()), samples, error, *beside)


@st.composite
def choices(draw: st.DrawFn) -> Remembered:
    timed = draw(st.dictionaries(METHODS, times(), min_size=1, max_size=4))
    tie = tuple(draw(st.lists(st.sampled_from(sorted(timed)), min_size=1, unique=True)))
    return Remembered(
        draw(ENVIRONMENTS), draw(SIGNATURES), draw(st.sampled_from(RIGORS[1:])), draw(DATES),
        draw(st.sampled_from(tie)), tie, timed, draw(st.dictionaries(METHODS, WORDS, max_size=3)),
    )  # fmt: skip


BOOKS = st.builds(
    Book,
    st.lists(choices(), max_size=4).map(tuple),
    st.lists(
        st.builds(
            Passed,
            ENVIRONMENTS,
            st.sampled_from(["float32", "float64"]),
            st.dictionaries(METHODS, st.floats(0, 1e9), max_size=3),
        ),
        max_size=3,
    ).map(tuple),
)
