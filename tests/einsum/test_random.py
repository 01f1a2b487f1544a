"""Random expressions against NumPy; ``python benchmarks/einsum_random.py`` tries 20,000."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import einbench

PATH = Path(__file__).parents[2] / "benchmarks" / "einsum_random.py"


@pytest.fixture(scope="module")
def cases():
    spec = importlib.util.spec_from_file_location("einsum_random", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["einsum_random"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["einsum_random"]


@pytest.mark.parametrize("seed", range(4))
def test_random_expressions_are_accepted_and_computed_as_numpy_does(cases, seed):
    rng = np.random.default_rng(seed)
    drawn = [cases.draw(rng) for _ in range(700)]
    told = [
        (case, cases.check(case, einbench.einsum))
        for case in drawn
        if not cases.unequal_repeats(case)
    ]
    assert [f"{case}: {what}" for case, (_, what) in told if what] == []
    valid = sum(accepted for _, (accepted, _) in told)
    assert 0.6 * len(told) < valid < 0.95 * len(told)


def test_every_kernel_computes_random_expressions_itself(cases):
    rng = np.random.default_rng(11)
    computed: Counter[str] = Counter()
    wrong = []
    for _ in range(400):
        case = cases.draw(rng)
        if cases.unequal_repeats(case):
            continue
        for name, kernel in cases.every_kernel(compiled=False).items():
            said = cases.forced(case, kernel)
            computed[name] += said is not None
            wrong += [f"{name} {case}: {said}"] if said else []
    assert wrong == []
    everywhere = computed["einsum"]
    assert everywhere > 250
    for name in ("loop", "broadcast", "loop unrolled", "loop for threads", "both"):
        assert computed[name] == everywhere
    for name in ("einsum_path", "path", "matmul", "tensordot"):
        assert computed[name] > everywhere / 8


def test_compiled_loops_compute_random_expressions(cases):
    rng = np.random.default_rng(3)
    compiled = {n: k for n, k in cases.every_kernel(compiled=True).items() if n.startswith("numba")}
    count: Counter[str] = Counter()
    for _ in range(25):
        case = cases.draw(rng)
        if cases.unequal_repeats(case):
            continue
        for name, kernel in compiled.items():
            said = cases.forced(case, kernel)
            assert not said, f"{name} {case}: {said}"
            count[name] += said is not None
    assert count["numba"] > 10
    assert count["numba_parallel"] > 3


def test_a_wrong_kernel_would_be_seen(cases):
    def forgetful(text, *operands, **keywords):
        return einbench.einsum(text, *operands, **keywords) * 2

    rng = np.random.default_rng(0)
    drawn = [cases.draw(rng, ("f8",)) for _ in range(60)]
    assert any(cases.check(case, forgetful)[1] for case in drawn)
