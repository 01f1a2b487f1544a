"""Operations of one's own, of every form: checked, compared and chosen for from end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import einbench
from einbench import Input, Operation
from einbench.choose import effort
from einbench.inputs import counted

Array = np.ndarray[Any, Any]
Kernels = dict[str, Callable[..., Any]]


class Form(NamedTuple):
    """Arguments of an operation, right kernels, and wrong ones with what exposes each."""

    facts: dict[str, Any]
    right: Kernels
    wrong: dict[str, tuple[Callable[..., Any], str]]


def counts_of(weights: Array, kinds: Array, start: Array) -> Array:
    found = start.copy()
    for weight, kind in zip(weights, kinds, strict=True):
        if not 0 <= kind < len(start):
            raise ValueError(f"kind {kind} of {len(start)}")
        found[kind] += weight
    return found


FORMS = {
    "no axis of rows": Form(
        {"inputs": {"a": "i", "b": "j"}, "outputs": {"c": "i j"}, "sizes": {"i": 30, "j": 20},
         "leading": None, "reference": lambda a, b: a[:, None] * b},
        {"loop": lambda a, b: np.stack([x * b for x in a]), "outer": np.multiply.outer},
        {"transposed": (lambda a, b: np.multiply.outer(b, a), "wrong"),
         "absolute": (lambda a, b: abs(np.multiply.outer(a, b)), "wrong in")},
    ),
    "one dimension": Form(
        {"inputs": {"x": "batch"}, "outputs": {"y": "batch"}, "sizes": {},
         "reference": lambda x: 2 * x, "independent": ("batch",)},
        {"loop": lambda x: np.array([2 * v for v in x], x.dtype), "ufunc": lambda x: 2 * x},
        {"last": (lambda x: np.append(2 * x[:-1], x[-1:]), "wrong")},
    ),
    "no loop": Form(
        {"inputs": {"x": "batch f"}, "outputs": {"y": "batch f"}, "sizes": {"f": 4},
         "reference": lambda x: 3 * x},
        {"product": lambda x: 3 * x, "sums": lambda x: x + x + x},
        {"absolute": (lambda x: 3 * abs(x), "wrong in")},
    ),
    "whole numbers out": Form(
        {"inputs": {"x": "batch f"}, "outputs": {"k": "batch"}, "sizes": {"f": 4},
         "integer_outputs": ("k",), "reference": lambda x: x.argmax(axis=1)},
        {"loop": lambda x: np.array([row.argmax() for row in x], np.int64),
         "argmax": lambda x: x.argmax(axis=1)},
        {"last": (lambda x: x.shape[1] - 1 - x[:, ::-1].argmax(axis=1), "where values are equal"),
         "narrow": (lambda x: x.argmax(axis=1).astype(np.int32), "k is int32, expected int64")},
    ),
    "a scalar out": Form(
        {"inputs": {"x": "batch f"}, "outputs": {"s": ""}, "sizes": {"f": 4},
         "reference": lambda x: x.sum(), "scale": lambda s, x: abs(x).sum(),
         "terms": lambda s: s["batch"] * s["f"]},
        {"loop": lambda x: np.asarray(x.sum()),
         "einsum": lambda x: np.asarray(np.einsum("ij->", x))},
        {"number": (lambda x: x.sum(), r"expected an array of float.. without axes: np.asarray\(s"),
         "short": (lambda x: np.asarray(x[:-1].sum()), "was expected")},
    ),
    "a scalar in": Form(
        {"inputs": {"a": "", "x": "batch f"}, "outputs": {"y": "batch f"}, "sizes": {"f": 4},
         "reference": lambda a, x: a * x},
        {"loop": lambda a, x: a * x, "ufunc": np.multiply},
        {"without": (lambda a, x: x.copy(), "wrong in")},
    ),
    "scalars alone": Form(
        {"inputs": {"a": "", "b": ""}, "outputs": {"c": ""}, "sizes": {},
         "reference": lambda a, b: a + b, "scale": lambda c, a, b: abs(a) + abs(b)},
        {"loop": lambda a, b: np.asarray(a + b), "add": lambda a, b: np.asarray(np.add(a, b))},
        {"minus": (lambda a, b: np.asarray(a - b), "was expected")},
    ),
    "several outputs, one of whole numbers": Form(
        {"inputs": {"x": "batch f"}, "outputs": {"high": "batch", "place": "batch"},
         "sizes": {"f": 4}, "integer_outputs": ("place",),
         "reference": lambda x: (x.max(axis=1), x.argmax(axis=1)),
         "scale": lambda found, x: (abs(found[0]), np.ones(len(x)))},
        {"loop": lambda x: (x.max(axis=1), x.argmax(axis=1)),
         "reduce": lambda x: (np.maximum.reduce(x, axis=1), np.argmax(x, axis=1))},
        {"low": (lambda x: (x.min(axis=1), x.argmax(axis=1)), "wrong in .*; high"),
         "one": (lambda x: x.max(axis=1), "expected a tuple of 2 arrays")},
    ),
    "an option": Form(
        {"inputs": {"x": "batch f"}, "outputs": {"n": "batch"}, "sizes": {"f": 4},
         "options": {"order": ("max", "sum")}, "terms": lambda s: s["f"],
         "reference": lambda x, order: getattr(abs(x), order)(axis=1),
         "scale": lambda n, x, order: abs(x).sum(axis=1)},
        {"loop": lambda x, *, order: getattr(abs(x), order)(axis=1),
         "norm": lambda x, *, order: np.linalg.norm(x, {"max": np.inf, "sum": 1}[order], axis=1)},
        {"deaf": (lambda x, *, order: abs(x).max(axis=1), "wrong for order='sum'")},
    ),
    "counted whole numbers in": Form(
        {"inputs": {"w": "batch", "kinds": Input("batch", counted("classes")), "start": "classes"},
         "outputs": {"n": "classes"}, "sizes": {"classes": 5}, "terms": lambda s: s["batch"],
         "reference": counts_of, "scale": lambda n, w, k, s: counts_of(abs(w), k, abs(s))},
        {"loop": counts_of},
        {"trusting": (lambda w, k, s: np.add(s, np.bincount(k.astype(int) % len(s), w, len(s)),
                                             dtype=s.dtype, casting="unsafe"),
                      "no error was raised")},
    ),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_right_kernels_are_chosen_from_and_wrong_ones_rejected(
    form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {rigor: (1e-3, 1, *rest[2:]) for rigor, rest in effort.BUDGETS.items()}
    monkeypatch.setattr(effort, "BUDGETS", quick)
    plain: dict[str, Any] = {
        "name": "own_for_a_test", "formula": "as it is called", "flops": lambda sizes: 1,
        "scale": lambda outputs, *given, **options: abs(outputs),
    }  # fmt: skip
    op = einbench.register(Operation(**plain | form.facts))
    try:
        for name, function in [*form.right.items(), *((n, w[0]) for n, w in form.wrong.items())]:
            op.kernel(name)(function)
        for dtype in ("float32", "float64"):
            verdicts = {v.method: v for v in einbench.check(op, dtype=dtype)}
            assert {n: verdicts[n].reason for n in form.right} == dict.fromkeys(form.right, "")
            for name, (_, said) in form.wrong.items():
                with pytest.raises(AssertionError, match=said):
                    assert verdicts[name].passed, verdicts[name].reason
        comparison = einbench.compare(op, batches=(1, 9), budget_s=0.05)
        assert {r.kernel for r in comparison.records if r.status == "ok"} == {*form.right}
        assert {r.kernel for r in comparison.records if r.winner} <= {*form.right}
        assert op.baseline in form.right
        assert f"as fast as {op.baseline}," in str(comparison)
        assert next(r.speedup for r in comparison.records if r.kernel == op.baseline) == 1
        drawn = op.draw(6)
        choice = einbench.fastest(op, **drawn)
        assert choice.kernel.method in form.right
        expected = op.named(op.reference(*drawn.values(), **op.choose_options({})))
        for found in (choice(**drawn), getattr(einbench.auto, op.name)(*drawn.values())):
            several = (
                zip(found, expected, strict=True) if len(op.outputs) > 1 else [(found, expected)]
            )
            for one, other in several:
                np.testing.assert_allclose(one, other, rtol=1e-5)
    finally:
        einbench.forget(op)


def test_a_reference_that_raises_is_named_with_what_it_was_given() -> None:
    def reference(x: np.ndarray) -> np.ndarray:
        if len(x) == 0:
            raise ZeroDivisionError("no rows")
        return 2 * x

    op = Operation(
        "halting_for_a_test", "y = 2 x", {"x": "batch n"}, {"y": "batch n"}, sizes={"n": 3},
        reference=reference, scale=lambda y, x: abs(y), flops=lambda sizes: 1,
    )  # fmt: skip
    op.kernel("twice")(lambda x: x + x)
    with pytest.raises(ValueError, match=r"halting_for_a_test: the reference raises ZeroDivision"):
        einbench.check(op)
