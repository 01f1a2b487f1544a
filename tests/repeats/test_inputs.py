"""One seed draws the same bits everywhere."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest

import einbench
from einbench import draws

from .inputs import FILE, digests, operations

#: functions of NumPy's that round nothing
_MADE_OF_NO_NUMBERS = {"arange", "dtype", "errstate", "isfinite", "stack", "zeros_like"}
FLOATS = [np.dtype("float32"), np.dtype("float64")]


def test_inputs_and_networks_have_the_digests_of_every_other_platform() -> None:
    """After a change on purpose: ``python -m tests.repeats.inputs``."""
    expected, found = json.loads(FILE.read_text(encoding="utf-8")), digests()
    assert found.keys() == expected.keys()
    differing = {
        f"{name}, {kind}" for name in found for kind in found[name]
        if found[name][kind] != expected[name][kind]
    }  # fmt: skip
    assert differing == set()
    assert len(found) == 2 * len(operations()) + 2


def test_another_seed_draws_something_else() -> None:
    op = einbench.operation("softmax")
    one, same, other = (op.draw(8, seed=seed)["logits"].tobytes() for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_normal_draws_are_normal(dtype: np.dtype[np.floating]) -> None:
    from scipy import stats  # which takes a second

    drawn = draws.normal(np.random.default_rng(3), (300, 1000), dtype, {})
    assert drawn.dtype == dtype
    found = drawn.astype(np.float64).ravel()
    # beyond the quantiles' own distance, 300,000 draws come this close one time in a thousand
    assert stats.kstest(found, "norm").statistic < 1.95 / np.sqrt(found.size)
    assert abs(found.std() - 1) < 0.005
    assert 4.0 < np.abs(found).max() <= 4.25
    assert len(np.unique(drawn)) > 0.97 * drawn.size


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_draw_has_any_shape_and_begins_alike_whatever_its_size(
    dtype: np.dtype[np.floating],
) -> None:
    shapes = [(), (0,), (3, 0), (1,), (7, 5), (2**14,), (2**14 + 1,), (3, 2**14)]
    many = [draws.normal(np.random.default_rng(3), shape, dtype, {}) for shape in shapes]
    assert [each.shape for each in many] == shapes
    for each in many:
        assert np.array_equal(each.ravel(), many[-1].ravel()[: each.size])


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_rows_of_probabilities_sum_to_one(dtype: np.dtype[np.floating]) -> None:
    probs = draws.probabilities(np.random.default_rng(3), (1000, 10), dtype, {})
    assert probs.dtype == dtype
    assert probs.min() > 0
    assert np.abs(probs.sum(axis=1) - 1).max() < 8 * np.finfo(dtype).eps


def test_no_draw_calls_what_libraries_of_c_round_differently() -> None:
    """Of NumPy's functions those that IEEE 754 defines; of the generator random bits alone."""
    allowed = {
        "np": {"asarray", "array", "empty", "multiply", "sqrt", "rint", "ldexp"},
        "rng": {"integers", "random", "choice", "permutation"},
    }
    package = Path(einbench.__file__).parent
    called = []
    files = ("draws.py", "inputs.py", "check/hostile.py", "network/initial.py", "network/plane.py")
    for name in files:
        for node in ast.walk(ast.parse((package / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                # of constants: a power of two, or a sign
                assert ast.unparse(node.left) in ("2", "2.0", "-1"), ast.unparse(node)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner, function = ast.unparse(node.func.value), node.func.attr
                if owner == "rng":
                    called.append(function)
                    assert function in allowed[owner], f"{name}: {owner}.{function}"
                if owner == "np" and name in ("draws.py", *files[3:]):
                    called.append(function)
                    assert function in allowed[owner] | _MADE_OF_NO_NUMBERS, f"{name}: {function}"
    assert {"integers", "random", "sqrt"} <= {*called}
