"""The kind of an input decides how it is drawn and checked, whatever its name and axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import einbench
from einbench import Input, mnist
from einbench.check.labels import labels
from einbench.check.posed import pose
from einbench.check.probe import Draw
from einbench.check.probes import probes
from einbench.inputs import BIASES, IMAGES, LOGITS, PROBABILITIES, WEIGHTS, counted
from einbench.measure.workload import Images, workload
from einbench.operation import Operation
from einbench.problem import Problem

Array = np.ndarray[Any, Any]
FLOAT32 = np.dtype("float32")


def renamed(text: str) -> str:
    """A probe of cross_entropy as it is called where axes and inputs have our names."""
    ours = {
        "classes": "kinds", "labels": "target_classes",
        " in logits": " in scores", "row of logits": "row of scores",
    }  # fmt: skip
    for old, new in ours.items():
        text = text.replace(old, new)
    return text


def loss(name: str = "loss_for_a_test", **changes: Any) -> Operation:
    """Cross-entropy under names of one's own."""
    built_in = einbench.operation("cross_entropy")
    facts: dict[str, Any] = {
        "formula": built_in.formula,
        "inputs": {
            "scores": Input("rows kinds", LOGITS, nonfinite=built_in.inputs["logits"].nonfinite),
            "target_classes": Input("rows", counted("kinds")),
        },
        "outputs": {"loss": ""},
        "leading": "rows",
        "sizes": {"kinds": 10},
        "options": built_in.options,
        "terms": lambda s: s["rows"],
        "reference": built_in.reference,
        "scale": built_in.scale,
        "flops": lambda s: 30 * s["rows"] * s["kinds"],
    }
    return Operation(name=name, **{**facts, **changes})


def mean(losses: Array, reduction: str) -> Array:
    with np.errstate(all="ignore"):
        total = np.asarray(losses.sum(), losses.dtype)
        if reduction == "mean":
            total = np.asarray(total / losses.dtype.type(len(losses)), losses.dtype)
        return total


def losses(scores: Array, target_classes: Array, largest: Any) -> Array:
    shifted = scores - largest
    rows = np.arange(len(scores))
    return np.asarray(
        np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, target_classes], scores.dtype
    )


def right(scores: Array, target_classes: Array, *, reduction: str) -> Array:
    if ((target_classes < 0) | (target_classes >= scores.shape[1])).any():
        raise ValueError("a label out of range")
    return mean(losses(scores, target_classes, scores.max(axis=1, keepdims=True)), reduction)


def without_maximum(scores: Array, target_classes: Array, *, reduction: str) -> Array:
    if ((target_classes < 0) | (target_classes >= scores.shape[1])).any():
        raise ValueError("a label out of range")
    return mean(losses(scores, target_classes, scores.dtype.type(0)), reduction)


def any_label(scores: Array, target_classes: Array, *, reduction: str) -> Array:
    kept = target_classes.astype(np.int64) % scores.shape[1]
    return right(scores, kept, reduction=reduction)


def nonempty(scores: Array, target_classes: Array, *, reduction: str) -> Array:
    if not len(scores):
        return np.zeros((), scores.dtype)
    return right(scores, target_classes, reduction=reduction)


def test_other_names_get_the_same_probes() -> None:
    theirs = einbench.operation("cross_entropy")
    expected = [(p.name, p.judged, p.exposes) for p in probes(theirs, FLOAT32, 3)
                if p.judged != "exact" and not p.series]  # fmt: skip
    found = [(p.name, p.judged, p.exposes) for p in probes(loss(), FLOAT32, 3) if not p.series]
    spelt = [(n, judged, e.replace("(logits:", "(scores:")) for n, judged, e in expected]
    assert found == [(renamed(n), judged, renamed(e)) for n, judged, e in spelt]
    assert len(found) > 30


def test_a_right_kernel_under_other_names_passes() -> None:
    op = loss()
    op.kernel("right")(right)
    assert [v.reason for v in einbench.check(op) if not v.passed] == []


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (without_maximum, "is the row's maximum subtracted"),
        (any_label, "label -1 of 10 kinds is not refused"),
        (nonempty, "an empty batch"),
    ],
)
def test_wrong_kernels_under_other_names_are_rejected_for_their_fault(
    kernel: Callable[..., Array], said: str
) -> None:
    op = loss()
    op.kernel("wrong")(kernel)
    (verdict,) = einbench.check(op)
    assert not verdict.passed
    assert said in verdict.reason


def summed(axes: str, **more: Any) -> Operation:
    """``y = x + x`` with infinities and NaN that must come out."""
    return Operation(
        name="doubled_for_a_test",
        formula="y = x + x",
        inputs={"x": Input(axes, nonfinite=(np.inf, -np.inf, np.nan))},
        outputs={"y": axes},
        sizes=dict.fromkeys(axes.split(), 5),
        reference=lambda x: x + x,
        scale=lambda y, x: np.abs(y),
        flops=lambda s: 1,
        **more,
    )


@pytest.mark.parametrize("axes", ["", "entries", "one two three"])
def test_values_that_are_not_finite_go_into_inputs_of_any_number_of_axes(axes: str) -> None:
    op = summed(axes)

    @op.kernel("right")
    def plain(x: Array) -> Array:
        return np.asarray(x + x)

    @op.kernel("wrong")
    def without_nan(x: Array) -> Array:
        return np.asarray(np.nan_to_num(x + x), x.dtype)

    right, wrong = einbench.check(op)
    assert right.passed, right.reason
    assert "does not come out where the mathematics puts it" in wrong.reason
    drawn = [p for p in probes(op, FLOAT32, 0) if p.judged == "nonfinite"]
    asked = [p.inputs["x"] for p in drawn]
    assert sum(not np.isfinite(x).all() for x in asked) >= 3
    assert sum(bool(((x == 0) & np.signbit(x)).any()) for x in asked) >= 1


def test_one_axis_that_is_the_axis_of_rows_is_drawn_so_too() -> None:
    op = Operation(
        name="doubled_for_a_test", formula="y = 2 x", leading="rows", sizes={},
        inputs={"x": Input("rows", LOGITS, nonfinite=(np.nan,))}, outputs={"y": "rows"},
        reference=lambda x: 2 * x, scale=lambda y, x: np.abs(y), flops=lambda s: s["rows"],
    )  # fmt: skip
    op.kernel("ufunc")(lambda x: 2 * x)
    (verdict,) = einbench.check(op, rows=300)
    assert verdict.passed, verdict.reason


def test_labels_of_few_entries_and_of_the_axis_of_rows_are_drawn_out_of_range() -> None:
    op = Operation(
        name="picked_for_a_test", formula="y[n] = x[i[n]]", leading="rows", sizes={"picks": 2},
        inputs={"x": "rows", "i": Input("picks", counted("rows"))}, outputs={"y": "picks"},
        reference=lambda x, i: x[i], scale=lambda y, x, i: np.abs(y), flops=lambda s: 1,
    )  # fmt: skip
    refused = [p for p in probes_of_one_row_or_more(op) if p.judged == "refuse"]
    assert [p.name for p in refused] == [
        "label -1 as int64", "label 7 as int64", "label 255 as int64", "label -1 as int8",
        "label 7 as uint8",
    ]  # fmt: skip
    for probe in refused:
        pose(op, probe, FLOAT32)


def probes_of_one_row_or_more(op: Operation) -> Iterator[Any]:
    """Among no rows there is none to pick."""
    return labels(Draw(op, FLOAT32, np.random.default_rng(0)))


def layer(name: str = "layer_for_a_test") -> Operation:
    """A layer and its labels under names of one's own."""
    return Operation(
        name=name,
        formula="s[r] = sum_k (P W^T)[r, k] + b[t[r]]",
        inputs={
            "pictures": Input("rows dots", IMAGES), "w": Input("kinds dots", WEIGHTS),
            "b": Input("kinds", BIASES), "truths": Input("rows", counted("kinds")),
            "counts": Input("kinds", counted("kinds")),
        },
        outputs={"s": "rows"},
        leading="rows",
        sizes={"dots": 5, "kinds": 3},
        terms=lambda s: s["dots"] * s["kinds"],
        reference=lambda p, w, b, t, n: (p @ w.T).sum(axis=1) + b[t],
        scale=lambda y, p, w, b, t, n: np.abs(p) @ np.abs(w).sum(axis=0) + np.abs(b)[t],
        flops=lambda s: 2 * s["rows"] * s["dots"] * s["kinds"],
        baseline="matmul",
    )  # fmt: skip


def test_pictures_of_any_name_are_real_ones_where_times_are_taken() -> None:
    op = layer()
    seen: list[tuple[Array, Array]] = []

    @op.kernel("matmul")
    def matmul(pictures: Array, w: Array, b: Array, truths: Array, counts: Array) -> Array:
        if truths.size and (truths.min() < 0 or truths.max() >= len(b)):
            raise ValueError("a label out of range")
        if counts.min() < 0 or counts.max() >= len(b):
            raise ValueError("a label out of range")
        if pictures.shape == (16, 784):
            seen.append((pictures.copy(), truths.copy()))
        return np.asarray((pictures @ w.T).sum(axis=1) + b[truths])

    comparison = einbench.compare(op, batches=16, budget_s=0.05)
    (record,) = comparison.records
    assert (record.status, record.reason) == ("ok", "")
    assert (record.batch, record.leading) == (16, "rows")
    assert record.sizes == {"rows": 16, "dots": 784, "kinds": 10}
    images, labels = mnist.load().train
    pictures, truths = seen[-1]
    np.testing.assert_allclose(pictures, images[:16].reshape(16, -1) / np.float32(255))
    np.testing.assert_array_equal(truths, labels[:16])


def test_labels_of_no_row_are_drawn_and_not_the_pictures_labels() -> None:
    op, rng = layer(), np.random.default_rng(0)
    images = Images(rng.integers(0, 256, (30, 4), dtype=np.uint8), np.full(30, 9, np.uint8), "ours")
    drawn = workload(Problem.at(op, 20, sizes={"dots": 4, "kinds": 10}), images, seed=0)
    assert set(drawn.arrays["truths"]) == {9}
    assert drawn.arrays["counts"].shape == (10,)
    assert set(drawn.arrays["counts"]) != {9}


#: possible as it stands
IMPOSSIBLE: dict[str, Any] = {
    "name": "impossible", "formula": "y = x", "inputs": {"x": "rows"},
    "outputs": {"y": "rows"}, "leading": "rows", "sizes": {}, "reference": lambda x: x,
    "scale": lambda y, x: np.abs(y), "flops": lambda s: 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": {"x": Input("", PROBABILITIES)}, "outputs": {"y": ""},
          "leading": None},
         "x of kind probabilities must have an axis"),
        ({"inputs": {"x": Input("rows", IMAGES)}},
         "x of kind images must have the axis of rows and one of pixels, got 'rows'"),
        ({"inputs": {"x": "rows", "t": Input("rows", counted("kinds"))}},
         "t counts in axis 'kinds' of no input"),
        ({"inputs": {"x": "rows", "t": Input("rows", counted("rows"), nonfinite=(np.inf,))}},
         "t holds integers, none of which is infinite or NaN"),
        ({"inputs": {"t": Input("rows", counted("rows"))}}, "one input at least must be floating"),
        ({"inputs": {}, "outputs": {}, "leading": None}, "one input and one output at least"),
        ({"leading": "lines"}, "leading='lines' is an axis of no input"),
        ({"sizes": {"rows": 5}}, "leave it out of sizes="),
        ({"integer_outputs": ("z",)}, r"integer outputs \['z'\] are no outputs"),
        ({"options": {"x": ("a",)}}, "x is an input and an option"),
        ({"options": {"a b": ("a",)}}, "option 'a b' is no name of a Python argument"),
        ({"outputs": {"y": "rows", "_z": "rows"}}, "output '_z': of several each must have"),
        # as of a convolution
        ({"outputs": {"y": "windows"}},
         r"output axes \['windows'\] are in no input; known axes: rows: sizes of outputs must "
         r"follow from the inputs', so give the output those .* or an input that has the new axis"),
        ({"sizes": {"columns": 3}}, r"sizes of \['columns'\], which are axes of no input; known"),
        ({"independent": ("columns",)}, r"independent=\['columns'\] are axes of no input; known"),
        ({"inputs": {"x": "rows seed"}, "sizes": {"seed": 3}}, "an axis cannot be called 'seed'"),
        ({"inputs": {"x": "rows batch"}, "sizes": {"batch": 3}}, "axis cannot be called 'batch'"),
        ({"inputs": {"x": "rows k-1"}, "sizes": {"k-1": 3}}, "axis 'k-1' is no name of a Python"),
        ({"options": {"threads": ("a",)}}, "'threads' cannot be an input or an option, for fastes"),
        ({"name": "refresh"}, "einbench.auto.refresh is taken; choose another name"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_when_an_operation_is_made(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        Operation(**{**IMPOSSIBLE, **changes})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"integer_outputs": "y"}, r"integer_outputs='y': expected a tuple, \('y',\)"),
        ({"independent": "rows"}, r"independent='rows': expected a tuple, \('rows',\)"),
        ({"inputs": "rows"}, "inputs='rows': expected names and values"),
        ({"inputs": {"x": "rows", "bias": None}}, "input bias is None; .* no optional ones"),
        ({"outputs": {"y": ("rows",)}}, r"output y is \('rows',\); expected its axes, 'batch'"),
        ({"options": {"order": "max"}}, "option order='max': expected a tuple of strings, the def"),
        ({"options": {"power": (1, 2)}}, "expected a tuple of strings.* is an input without axes"),
        ({"sizes": {"rows": 1.5}}, "sizes: rows=1.5; expected a whole number from 1"),
        ({"reference": None}, r"reference=None: expected a function, see help\(Operation\)"),
        ({"flops": 10}, "flops=10: expected a function"),
        ({"formula": None}, "formula=None: expected a string"),
    ],
)
def test_an_argument_of_another_type_is_refused_when_an_operation_is_made(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError, match=f"operation impossible: .*{said}") as raised:
        Operation(**{**IMPOSSIBLE, **changes})
    assert "\n" not in str(raised.value)


def test_every_argument_is_described_in_the_one_place() -> None:
    told = Operation.__doc__ or ""
    made_by = [field.name for field in dataclasses.fields(Operation) if field.init]
    assert [name for name in made_by if f"\n        {name}: " not in told] == []
