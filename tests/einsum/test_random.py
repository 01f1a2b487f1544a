"""Random expressions against NumPy; ``python benchmarks/einsum_random.py`` tries 20,000."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import einbench

PATH = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def cases():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PATH))
        yield importlib.import_module("einsum_random")
    for name in ("einsum_random", "einsum_draws"):
        sys.modules.pop(name, None)


def drawn(cases, seed, count, *, larger=False):
    """Cases that NumPy computes without reading beyond an operand."""
    rng = np.random.default_rng(seed)
    draw = cases.draw_larger if larger else cases.draw
    return [case for case in (draw(rng) for _ in range(count)) if not cases.reads_beyond(case)]


@pytest.mark.parametrize("seed", range(3))
def test_random_expressions_are_accepted_and_computed_as_numpy_does(cases, seed):
    told = [(case, cases.check(case, einbench.einsum)) for case in drawn(cases, seed, 400)]
    assert [f"{case}: {what}" for case, (_, what) in told if what] == []
    valid = sum(accepted for _, (accepted, _) in told)
    assert 0.6 * len(told) < valid < 0.95 * len(told)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_any_expression_is_accepted_and_computed_as_numpy_does(cases, seed):
    for case in drawn(cases, seed, 1):
        assert cases.check(case, einbench.einsum)[1] == ""


def test_sizes_at_the_edges_of_blocks_are_computed_by_every_kernel(cases):
    told = []
    for case in drawn(cases, 5, 20, larger=True):
        for name, kernel in cases.every_kernel(compiled=False).items():
            said = cases.forced(case, kernel)
            told += [f"{name} {case}: {said}"] if said else []
    assert told == []


@pytest.mark.long
def test_every_kernel_computes_random_expressions_itself(cases):
    computed: Counter[str] = Counter()
    wrong = []
    for case in drawn(cases, 11, 250):
        for name, kernel in cases.every_kernel(compiled=False).items():
            said = cases.forced(case, kernel)
            computed[name] += said is not None
            wrong += [f"{name} {case}: {said}"] if said else []
    assert wrong == []
    everywhere = computed["einsum"]
    assert everywhere > 150
    for name in ("loop", "broadcast", "loop unrolled", "loop for threads", "both"):
        assert computed[name] == everywhere
    for name in ("einsum_path", "path", "matmul", "tensordot"):
        assert computed[name] > everywhere / 8


def test_compiled_loops_compute_random_expressions(cases):
    compiled = {n: k for n, k in cases.every_kernel(compiled=True).items() if n.startswith("numba")}
    count: Counter[str] = Counter()
    for case in drawn(cases, 3, 14):
        for name, kernel in compiled.items():
            said = cases.forced(case, kernel)
            assert not said, f"{name} {case}: {said}"
            count[name] += said is not None
    assert count["numba"] > 5
    assert count["numba_parallel"] > 1


def forgetful(text, first, *rest, **keywords):
    """NumPy's, without the last entry of the first operand."""
    first = first.copy()
    first.ravel()[-1:] = 0
    return np.einsum(text, first, *rest, **keywords)


def test_a_wrong_kernel_would_be_seen(cases):
    for case in (
        cases.Case("ij,j->i", [np.ones((3, 2)), np.ones(2)]),
        cases.Case("ij,j->i", [np.ones((3, 2), "i4"), np.ones(2, "i4")]),
    ):
        assert cases.check(case, forgetful)[1].startswith("values differ")


@pytest.mark.parametrize("kind", ["f8", "f4", "i4", "f2"])
def test_memory_for_the_result_that_is_filled_wrongly_would_be_seen(cases, kind):
    draws = sys.modules["einsum_draws"]
    out = draws.Out(np.zeros(96, np.uint8), draws.Place((3,), np.dtype(kind), 8, (16,)))
    case = cases.Case("ij,j->i", [np.full((3, 2), 3.25), np.ones(2)], {"casting": "unsafe"}, out)
    assert cases.check(case, einbench.einsum) == (True, "")
    assert cases.check(case, forgetful) == (True, "values differ")

    def elsewhere(text, *operands, out, **keywords):
        einbench.einsum(text, *operands, out=out, **keywords)
        np.ndarray((96,), np.uint8, out.base)[1] = 7
        return out

    assert cases.check(case, elsewhere) == (True, "memory beside out was written")
    assert cases.check(case, lambda *a, out, **k: out.copy())[1] == "not the memory that was given"


def test_a_view_in_place_of_a_copy_would_be_seen(cases):
    case = cases.Case("ij->ji", [np.ones((2, 3))])
    assert cases.check(case, np.einsum) == (True, "")
    assert "view" in cases.check(case, lambda text, a: np.ascontiguousarray(a.T))[1]
