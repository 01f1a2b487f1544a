"""Probes: whole numbers that no order of summation rounds, hostile draws, and their seeds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import einbench
from einbench.check.error import error
from einbench.check.judging import judge
from einbench.check.layouts import LAYOUTS, MORE_LAYOUTS
from einbench.check.posed import pose
from einbench.check.probe import small_sizes
from einbench.check.probes import MANY, exact_probes, probes
from einbench.check.truth import exact_truth, truth
from einbench.problem import Problem

ROWS = 60_000
ALL = list(einbench.operations.values())
EXACT = [op for op in ALL if op.exact is not None]
DTYPES = pytest.mark.parametrize("dtype", [np.dtype("float32"), np.dtype("float64")], ids=str)


def each(operations):
    return pytest.mark.parametrize("op", operations, ids=lambda op: op.name)


def at_size(op, dtype, batch=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    (probe,) = exact_probes(op, dtype, rng, [batch], small_sizes(op))
    return probe


def test_every_operation_made_of_sums_of_products_has_an_exact_probe():
    assert {op.name for op in EXACT} >= {
        "linear", "weight_gradient", "bias_gradient", "input_gradient", "mlp_forward",
        "mlp_intermediates", "mlp_gradients", "cross_entropy", "mean_squared_error",
        "mean_squared_error_gradient",
    }  # fmt: skip


def largest_sums(op, inputs):
    """Largest sum of magnitudes that a kernel may meet on the way, by what is summed."""
    a = {name: np.abs(array.astype(np.float64)) for name, array in inputs.items()}
    if op.name == "linear":
        return [a["inputs"] @ a["weights"].T + a["bias"]]
    if op.name == "weight_gradient":
        return [a["dlogits"].T @ a["inputs"]]
    if op.name == "bias_gradient":
        return [a["dlogits"].sum(axis=0)]
    if op.name == "input_gradient":
        return [a["dlogits"] @ a["weights"]]
    if op.name == "cross_entropy":
        z, labels = inputs["logits"].astype(np.float64), inputs["labels"]
        gaps = z.max(axis=1) - z[np.arange(len(z)), labels]
        return [gaps.sum() / 1024, np.abs(z).max() / 1024]
    if op.name == "cross_entropy_gradient":
        return [a["logits"] / 1024]
    if op.name == "negative_log_likelihood":
        return [a["probs"]]
    if op.name.startswith("mean_squared_error"):
        differences = inputs["outputs"].astype(np.float64) - inputs["targets"]
        if op.name.endswith("_gradient"):
            return [a["outputs"], a["targets"], 2 * np.abs(differences)]
        return [a["outputs"], a["targets"], np.square(differences).sum()]
    if "w1" not in inputs:
        # not worked out here: of a sum of products the scale is that sum of magnitudes
        options = op.choose_options(op.exact_options)
        rounding = truth(Problem.of(op, list(inputs.values()), options))
        return [r / np.finfo(rounding.dtype).eps for r in rounding.roundings]
    sums = [a["inputs"] @ a["w1"].T + a["b1"]]
    hidden = [np.maximum(inputs["inputs"].astype(float) @ inputs["w1"].astype(float).T
                         + inputs["b1"], 0)]  # fmt: skip
    sums.append(hidden[0] @ a["w2"].T + a["b2"])
    hidden.append(np.maximum(hidden[0] @ inputs["w2"].astype(float).T + inputs["b2"], 0))
    # the last layer is whole multiples of 1024
    sums.append((hidden[1] @ a["w3"].T + a["b3"]) / 1024)
    if op.name == "mlp_gradients":
        back2 = 2 * np.abs(a["w3"] / 1024).max(axis=0)
        back1 = back2 @ a["w2"]
        sums += [
            np.outer(back1, a["inputs"].sum(axis=0)),
            np.outer(back2, hidden[0].sum(axis=0)),
            2 * hidden[1].sum(axis=0),
        ]
    return sums


@each(EXACT)
@DTYPES
def test_at_60_000_rows_no_sum_of_whole_numbers_can_round(op, dtype):
    inputs = at_size(op, dtype).inputs
    digits = 24 if dtype == np.float32 else 53
    floating = [array for array in inputs.values() if array.dtype.kind == "f"]
    assert all((array == np.rint(array)).all() for array in floating)
    for sums in largest_sums(op, inputs):
        assert np.max(sums) < 2.0**digits


@each(EXACT)
def test_in_float64_whole_numbers_go_beyond_what_float32_keeps(op):
    inputs = at_size(op, np.dtype("float64")).inputs
    sums = largest_sums(op, inputs)
    assert max(np.max(s) for s in sums) > 2**24
    narrow = [a.astype(np.float32).astype(a.dtype) if a.dtype.kind == "f" else a
              for a in inputs.values()]  # fmt: skip
    lost = any((n != a).any() for n, a in zip(narrow, inputs.values(), strict=True))
    products = [float(s) for s in np.ravel(sums[0])[:100]]
    assert lost or any(float(np.float32(p)) != p for p in products)


@each(EXACT)
@DTYPES
def test_the_truth_of_whole_numbers_is_representable_in_the_dtype(op, dtype):
    posed = pose(op, at_size(op, dtype, batch=MANY), dtype)
    for output in posed.truth.outputs:
        np.testing.assert_array_equal(output.astype(dtype).astype(output.dtype), output)


@pytest.mark.parametrize(
    "name", ["weight_gradient", "bias_gradient", "cross_entropy", "mean_squared_error"]
)
@DTYPES
def test_one_dropped_row_of_60_000_is_an_error_beyond_every_limit(name, dtype):
    op = einbench.operation(name)
    probe = at_size(op, dtype)
    arrays = list(probe.inputs.values())
    expected = exact_truth(Problem.of(op, arrays, probe.options))
    kernel = op["numba"].function
    whole = kernel(*arrays, **probe.options)
    dropped = kernel(*(array[:-1] for array in arrays), **probe.options)
    assert error((whole,), expected).units == 0
    assert error((dropped,), expected).units > 1e30


@DTYPES
def test_squares_of_more_differences_than_digits_sum_exactly_as_well(dtype):
    """Where not all 17 million entries may differ by one, some do not."""
    op = einbench.operation("mean_squared_error")
    inputs = op.exact(np.random.default_rng(0), dtype, {"batch": 2**21 + 2**17, "classes": 8})
    differences = inputs["outputs"].astype(np.float64) - inputs["targets"]
    assert 2**22 < np.square(differences).sum() < 2.0 ** (24 if dtype == np.float32 else 53)


@DTYPES
def test_of_a_loss_of_probabilities_the_entries_that_count_are_not_finite(dtype):
    op = einbench.operation("negative_log_likelihood")
    found = [p.inputs for p in probes(op, dtype, 0) if p.name == "nan in every row of probs"]
    assert len(found) == 2
    for inputs in found:
        labels = inputs["labels"]
        assert np.isnan(inputs["probs"][np.arange(len(labels)), labels]).any()


@each(ALL)
@pytest.mark.parametrize(
    "dtype",
    [np.dtype("float32"), pytest.param(np.dtype("float64"), marks=pytest.mark.long)],
    ids=str,
)
def test_the_same_seed_gives_the_same_probes_and_another_seed_others(op, dtype):
    first, again, other = (list(probes(op, dtype, seed)) for seed in (5, 5, 6))
    assert [p.name for p in first] == [p.name for p in again]
    for a, b in zip(first, again, strict=True):
        for name in a.inputs:
            assert a.inputs[name].tobytes() == b.inputs[name].tobytes()
    # sizes are drawn as well
    assert {p.name for p in first} != {p.name for p in other}
    assert any(a.inputs[n].tobytes() != b.inputs[n].tobytes()
               for a, b in zip(first[:2], other[:2], strict=True) for n in a.inputs)  # fmt: skip


@each(ALL)
@DTYPES
def test_probes_are_of_the_dtype_and_cover_every_layout_and_batch(op, dtype):
    found = list(probes(op, dtype, 0))
    for probe in found:
        for name, array in probe.inputs.items():
            assert name in op.integers or array.dtype == dtype, probe.name
    for all_alike in (*LAYOUTS, *MORE_LAYOUTS):
        assert len([p for p in found if p.layout == all_alike]) >= 2, all_alike
    apart = [dict(p.layout) for p in found if not isinstance(p.layout, str)]
    assert len(apart) == (0 if len(op.inputs) == 1 else len(op.inputs) + 5)
    batches = {len(p.inputs[next(iter(op.inputs))]) for p in found}
    assert {0, 1, 2, 7, MANY} <= batches


@each(ALL)
def test_names_say_what_is_exposed_except_for_the_harmless_draw(op):
    found = list(probes(op, np.dtype("float32"), 0))
    assert [p.name for p in found if not p.exposes] == ["random"]
    repeated = Counter(p.name for p in found if not p.series)
    assert {name for name, n in repeated.items() if n > 1} <= {
        "batch 0", "batch 1", "batch 2", "denormals"
    }  # fmt: skip


@each(ALL)
def test_every_value_that_is_not_finite_is_put_where_the_operation_says(op):
    found = [p for p in probes(op, np.dtype("float32"), 0) if p.judged == "nonfinite"]
    asked = set()
    for probe in found:
        for name, array in probe.inputs.items():
            special = array[~np.isfinite(array) | ((array == 0) & np.signbit(array))]
            asked |= {(name, str(value)) for value in special}
    assert asked == {
        (name, str(value))
        for name, each in op.inputs.items()
        if not each.integer
        for value in (*each.nonfinite, -0.0)
    }


def test_every_built_in_operation_says_what_the_mathematics_gives_where_no_number_is():
    built_in = [op for op in ALL if op.name != "contributed_norm"]
    for op in built_in:
        for name, each in op.inputs.items():
            said = {str(value): words for value, words in dict(each.nonfinite).items()}
            assert each.integer or set(said) == {"nan", "inf", "-inf"}, (op.name, name)
            assert all(said.values())


@each([op for op in ALL if "labels" in op.inputs])
def test_labels_outside_and_labels_of_every_kind_are_asked_for(op):
    found = list(probes(op, np.dtype("float32"), 0))
    outside = [p.inputs["labels"] for p in found if p.judged == "refuse"]
    assert [(labels.min() < 0) or (labels.max() >= 10) for labels in outside] == [True] * 5
    kinds = {p.inputs["labels"].dtype.name for p in found}
    assert kinds == {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    assert max(p.inputs["labels"].max(initial=0) for p in found if p.judged != "refuse") >= 299


def test_row_shifts_leave_no_row_the_largest_of_all():
    (probe,) = (p for p in probes(einbench.operation("softmax"), np.dtype("float32"), 0)
                if p.name.startswith("rows shifted"))  # fmt: skip
    largest = probe.inputs["logits"].max(axis=1)
    assert np.ptp(largest) > 1000
    assert (largest < largest.max() - 1000).sum() >= len(largest) / 2


def test_small_sizes_are_no_multiple_of_a_vector():
    for op in ALL:
        for axis, size in small_sizes(op).items():
            assert size <= 19
            assert axis == "classes" or size % 4 or size == op.sizes[axis], (op.name, axis)


@DTYPES
def test_a_kernel_wrong_on_one_draw_only_is_reported_with_it(dtype):
    op = einbench.operation("relu")
    op.kernel("no_zeros")(lambda inputs: np.maximum(inputs, 0) + (not inputs.any()))
    try:
        posed = [pose(op, probe, dtype) for probe in probes(op, dtype, 0)]
        verdict = judge(op["no_zeros"], [p for p in posed if p.problem.batch])
    finally:
        op.remove("no_zeros")
    assert not verdict.passed
    assert verdict.reason.startswith("wrong on zeros: ")
