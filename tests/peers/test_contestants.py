"""Einsum libraries compute expressions as NumPy does, or refuse."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.check.sized import judge_output, timed_case
from einbench.dialects.asking import ask
from einbench.dialects.cases import BEHAVIOURS
from einbench.libraries.contestants import CONTESTANTS, contestants
from einbench.measure.remote import in_workers
from einbench.measure.workers import Workers
from einbench.problem import Problem

EXPRESSIONS = (
    "ij,jk->ik", "bij,bjk->bik", "i,j->ij", "ij,ij->", "ij->ji", "bii->b", "ijk,jkl,kli->il",
    "ni,n,nj->ij", "ij,jk,kl,lm->im",
)  # fmt: skip


#: one that starts in a moment; `make test-peers` has the others as well
LIBRARIES = [
    pytest.param(name, marks=() if name == "opt_einsum" else pytest.mark.long)
    for name in CONTESTANTS
]


@pytest.mark.parametrize("library", LIBRARIES)
def test_it_gives_what_the_reference_gives(library):
    with Workers(1) as workers:
        for text in EXPRESSIONS:
            op = einbench.expression(text, **dict.fromkeys(_letters(text), 5))
            problem = Problem.of(op, tuple(op.draw(seed=3).values()), {})
            case = timed_case(problem, 0)
            for kernel in in_workers(contestants(op, [library]), workers):
                result = kernel.body.bound(problem.given, {}).result()
                assert judge_output(case, result, kernel.slack)[1] == "", f"{library}: {text}"
                zeros = np.zeros_like(result)
                assert judge_output(case, zeros, kernel.slack)[1], "zeros pass"
            workers.release()


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_behaviour_ends_its_process(library):
    (column,) = ask([library])
    assert column.reason == ""
    assert len(column.answers) == len(BEHAVIOURS)
    assert not [name for name in column.answers if column.verdict(name) == "died"]
    assert column.verdict("products of two") == "right"


def _letters(text):
    return {letter for letter in text if letter.isalpha()}
