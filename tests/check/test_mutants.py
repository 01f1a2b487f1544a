"""Random changes of right kernels: the check catches them, and what counts them can fail."""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import einbench
from einbench.check import verdicts

# of this seed, the sizes at which one is another are many: how many are asked depends on time
COUNT, SEED = 28, 39

# beside the threads of other tests; what is forked here calls NumPy alone
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def mutants(monkeypatch):
    """The program, and its parts beside it, importable in the processes it starts as well."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import mutants as program

    return program


@pytest.fixture
def tools(mutants):
    """What makes and judges single mutants."""
    return sys.modules["mutants_run"]


def mutant(tools, changed="", **others):
    """A mutant of relu's ufunc, changed to this text where there is any."""
    key = ("einbench.forward.relu", "ufunc")
    texts = {key: changed} if changed else {}
    given = {"operation": "relu", "method": "ufunc", "dtype": "float32", "kind": "any"}
    return tools.Mutant(**given, changed=texts, **others)


@pytest.mark.long
def test_the_check_catches_mutants_of_every_kind(mutants):
    planned = mutants.plan(COUNT, SEED)
    assert {m.operation for m in planned} == set(einbench.operations)
    outcomes, rejected = mutants.outcomes_of(planned)
    assert [o.mutant for o in outcomes] == planned
    assert not rejected
    assert not [mutants.described(o) for o in outcomes if o.differs and not o.stopped]
    assert mutants.share_of(outcomes) == 1
    assert sum(o.differs for o in outcomes) > COUNT / 2
    kinds = {m.kind for m in planned}
    every = {kind for op in einbench.operations.values() for kind in mutants.changes(op)}
    assert kinds == {*mutants.WRAPPED, "threshold", *every}
    assert len(mutants.as_table(outcomes).splitlines()) == len(kinds) + 2


def test_the_same_seed_gives_the_same_mutants_and_another_gives_others(mutants):
    planned = mutants.plan(24, 3)
    assert planned == mutants.plan(24, 3)
    assert planned != mutants.plan(24, 4)
    assert {m.dtype for m in mutants.plan(24, 0, ("float64",))} == {"float64"}


def test_the_share_is_of_those_that_differ(mutants, tools):
    def outcome(caught="", found="", ended="", checked=True):
        return tools.Outcome(mutant(tools), caught, found, ended, checked)

    caught, missed, equivalent = outcome("wrong", "differs"), outcome("", "differs"), outcome()
    assert mutants.share_of([caught, missed, equivalent]) == 1 / 2
    assert mutants.share_of([caught, outcome("wrong"), missed, equivalent]) == 2 / 3
    # ended in the check, it gets no verdict of right; in the search after it, it passed
    assert mutants.share_of([outcome(ended="hangs", checked=False), missed]) == 1 / 2
    assert mutants.share_of([outcome(ended="hangs"), caught]) == 1 / 2
    assert math.isnan(mutants.share_of([equivalent]))
    last = mutants.as_table([caught, missed, equivalent]).splitlines()[-1].split()
    assert last == ["all", "3", "1", "2", "1", "0", "50.0", "%"]


@pytest.mark.long
def test_a_check_that_lets_everything_pass_has_the_share_zero(mutants, tools):
    planned = [m for m in mutants.plan(240, SEED) if (m.operation, m.dtype) == ("relu", "float32")]
    outcomes, rejected = tools.run(planned, by=lambda kernel, dtype: "")
    assert sum(o.differs for o in outcomes) >= 3
    assert mutants.share_of(outcomes) == 0
    assert not rejected


def test_a_check_that_rejects_everything_is_told_of_right_kernels(tools):
    (outcome,), rejected = tools.run([mutant(tools)], by=lambda kernel, dtype: "wrong")
    assert outcome.caught == "wrong"
    assert not outcome.found
    assert rejected == ["<Kernel relu['ufunc']> float32: wrong"]


def test_a_kernel_from_its_own_text_is_equivalent(tools):
    (outcome,), rejected = tools.run([mutant(tools)])
    assert not outcome.differs
    assert not rejected


@pytest.mark.parametrize(
    ("statement", "ended"),
    [("import os; os._exit(3)", "ended with status 3"), ("while True: pass", "took more than 2 s")],
)
def test_a_mutant_that_crashes_or_hangs_is_ended(tools, monkeypatch, statement, ended):
    monkeypatch.setattr(tools, "LIMIT_S", 2.0)
    (outcome,), _ = tools.run([mutant(tools, f"def ufunc(inputs):\n    {statement}")])
    assert outcome.ended == ended
    assert outcome.stopped
    assert not outcome.caught


@pytest.mark.parametrize("size", [1, 777, 60_000])
def test_a_mutant_that_is_another_at_one_size_is_found_by_the_search(tools, size):
    around = (
        "def kernel(*arrays):\n"
        f"    return (changed if len(arrays[0]) == {size} else original)(*arrays)"
    )
    changed = "def ufunc(inputs):\n    return np.maximum(inputs, 1)"
    at_one_size = mutant(tools, changed, around=around, axis="batch", sizes=(size,))
    (outcome,), _ = tools.run([at_one_size], by=lambda kernel, dtype: "")
    assert outcome.found


def test_what_is_kept_of_the_truth_is_forgotten_afterwards(tools):
    before = verdicts.pose_all
    with tools.posed_once():
        assert verdicts.pose_all != before
    assert verdicts.pose_all == before


@pytest.mark.parametrize("name", einbench.operations)
def test_every_change_is_another_text_of_a_function(mutants, name):
    op = einbench.operation(name)
    found = mutants.changes(op)
    assert sum(map(len, found.values())) > 100
    for method, texts, difference in (one for some in found.values() for one in some):
        assert isinstance(op[method].body.source.__name__, str)
        for (_, function), text in texts.items():
            (definition,) = ast.parse(text).body
            assert definition.name == function
        assert difference


def test_edits_are_those_that_are_listed(mutants):
    (tree,) = ast.parse("def f(x):\n    return x if x > 0 else -x").body
    found = {text.split("return ")[1] for _, text in mutants.mutants_edits.edits(tree)}
    assert {"x if x >= 0 else -x", "x if x > 1 else -x", "x if x > 0 else x", "-x"} <= found
    # the tree is as it was
    assert ast.unparse(tree) == "def f(x):\n    return x if x > 0 else -x"


@pytest.mark.parametrize(
    ("arguments", "said"), [(["0"], "expected 1 at least"), (["5", "--dtype", "int8"], "int8")]
)
def test_wrong_arguments_are_refused_in_one_line(mutants, capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        mutants.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_functions_are_made_again_with_all_that_they_call(tools):
    kernel = einbench.operation("mlp_gradients")["matmul"]
    made = tools.unchanged(kernel)
    drawn = kernel.operation.draw(5, "float64", 1)
    for one, other in zip(kernel(**drawn), made(**drawn), strict=True):
        assert np.array_equal(one, other)
    names = {name for _, name in sys.modules["mutants_source"].parts_of(kernel)}
    assert {"backward", "layers", "refuse_bad_labels", "matmul_product"} <= names
