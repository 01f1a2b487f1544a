"""What operations state of parts and the whole, asked of their references."""

from __future__ import annotations

from dataclasses import replace

import pytest

import einbench
from einbench.check.parts import why_no_parts

EXPRESSIONS = ("ij,jk->ik", "ii->i", "ii->", "ij,k->ik", "ij,jk,kl->il", "bij,bjk->bik", "i,j->")


@pytest.mark.parametrize("op", einbench.operations.values(), ids=lambda op: op.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_parts_make_the_whole_as_every_operation_states(op, seed):
    assert why_no_parts(op, seed) == ""


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_parts_make_the_whole_of_expressions(text):
    op = einbench.expression(text)
    assert set(op.independent) | set(op.added) == set(op.axes)
    assert why_no_parts(op) == ""


@pytest.mark.parametrize(
    ("name", "changed", "reason"),
    [
        ("softmax", {"added": ("classes",)}, "softmax: added has classes, and probs of parts do"),
        ("softmax", {"independent": ("classes",)}, "independent has classes"),
        ("linear", {"added": ("features",)}, "added has features"),
        ("weight_gradient", {"independent": ("batch",)}, "output dweights lacks that axis"),
        ("cross_entropy", {"added_options": {}}, "added has batch"),
        ("cross_entropy", {"averaged": {"mean": "classes"}}, "under {'reduction': 'mean'}"),
        ("cross_entropy", {"added": ("classes",)}, "added has classes, and of a part "),
        ("mlp_sgd_step", {"added": ("batch",)}, "added has batch"),
        ("mean_squared_error_gradient", {"averaged": {"mean": "batch"}}, "'mean'"),
    ],
)
def test_a_wrong_statement_is_named(name, changed, reason):
    assert reason in why_no_parts(replace(einbench.operation(name), **changed))


@pytest.mark.parametrize("field", ["added", "averaged"])
def test_axes_of_no_input_are_refused(field):
    wrong = {"added": ("rows",)} if field == "added" else {"averaged": {"mean": "rows"}}
    with pytest.raises(ValueError, match=rf"{field}=\['rows'\] are axes of no input"):
        replace(einbench.operation("cross_entropy"), **wrong)
