"""Paces: what steps take on this machine over what is expected, measured once and kept."""

from __future__ import annotations

import json

import numpy as np
import pytest

import einbench
from einbench.choose import contraction, environment, paces, tune
from einbench.dropin import chosen, measured
from einbench.einsum import estimates, kernels, pairs, rates, rule
from einbench.einsum.language import parse
from einbench.einsum.shapes import bind
from einbench.einsum.task import Task, in_order

FLOAT = np.dtype("float32")


@pytest.fixture(autouse=True)
def _expected_on_a_common_core():
    rates.use({})
    yield
    rates.use({})


def task(text, dtype="float32", **sizes):
    shapes = [tuple(sizes[i] for i in part) for part in text.split("->")[0].split(",")]
    contraction, item = bind(parse(text), shapes), np.dtype(dtype).itemsize
    strides = tuple(in_order(shape, item) for shape in shapes)
    return Task(contraction, np.dtype(dtype), strides, in_order(contraction.out_shape, item))


def stated(**found):
    """Paces of a file as it is written, with these of float32."""
    return {"float32": {**dict.fromkeys(("large", "copied", "pass"), 1.0), **found}}


def test_a_pace_multiplies_what_is_expected_of_its_kind_and_dtype_alone():
    product = task("ij,jk->ik", i=200, j=200, k=200)
    dots = task("bi,bi->b", b=500, i=40)
    before = [estimates.seconds(product, "matmul"), estimates.seconds(dots, "einsum")]
    rates.use(stated(large=3.0))
    after = [estimates.seconds(product, "matmul"), estimates.seconds(dots, "einsum")]
    assert 2.5 < after[0] / before[0] <= 3.0
    assert after[1] == before[1]
    wide = task("ij,jk->ik", "float64", i=200, j=200, k=200)
    rates.use({})
    assert estimates.seconds(wide, "matmul") == pytest.approx(
        _with(stated(large=3.0), estimates.seconds, wide, "matmul")
    )


def _with(found, function, *arguments):
    rates.use(found)
    return function(*arguments)


def test_the_order_of_pairs_follows_from_paces():
    chain = task("ab,bc,cd->ad", a=40, b=40, c=40, d=600)
    first = pairs.steps_of(chain)[0]
    assert (first.first, first.second) == (0, 1)
    # where products of large matrices take nothing, the narrow one is avoided
    cheap = stated(large=1 / 16, stack=16.0, narrow=16.0, short=16.0)
    orders = _with(cheap, pairs.orders_of, chain)
    assert len({order[0].task for order in orders}) == len(orders) == 3
    seconds = [pairs.seconds_of(order) for order in orders]
    assert seconds == sorted(seconds)
    assert seconds != [pairs.seconds_of(order) for order in _with({}, pairs.orders_of, chain)]


def test_what_was_measured_is_kept_and_used_by_the_next_process(memory):
    paces.measure(("float32",))
    found = rates.used()
    assert found.keys() == {"float32"}
    assert found["float32"].keys() >= {"stack", "einsum", "copied", "pass"}
    assert json.loads((memory / "paces").read_text())["paces"] == found
    rates.use({})
    environment.refresh()  # as in another process
    paces.use_kept()
    assert rates.used() == found


def test_it_is_measured_once(memory, monkeypatch):
    paces.measure(("float32",))
    monkeypatch.setattr(paces, "_measured", None)  # measuring again would raise
    paces.measure(("float32",))
    with pytest.raises(TypeError):
        paces.measure(("float64",))


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{", '{"schema": "einbench.paces/2"}', "null",
        '{"paces": {"float32": {"large": 1.0}}}',
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_not_used_and_measured_again(memory, content):
    memory.mkdir()
    (memory / "paces").write_text(content)
    paces.use_kept()
    assert rates.used() == {}
    paces.measure(("float32",))
    assert json.loads((memory / "paces").read_text())["paces"].keys() == {"float32"}


@pytest.mark.parametrize(
    "wrong",
    [{"large": 1e9}, {"large": -1.0}, {"large": "1"}, {"swift": 1.0}, {"large": float("nan")}, 3],
)
def test_numbers_that_are_no_paces_are_not_used(memory, wrong):
    paces.measure(("float32",))
    document = json.loads((memory / "paces").read_text())
    document["paces"]["float32"] = wrong
    (memory / "paces").write_text(json.dumps(document))
    rates.use({})
    environment.refresh()
    paces.use_kept()
    assert rates.used() == {}


def test_paces_of_another_machine_or_other_threads_are_not_used(memory):
    paces.measure(("float32",))
    document = json.loads((memory / "paces").read_text())
    for key, other in (("threads", [99, 99]), ("code", "0"), ("machine", {})):
        (memory / "paces").write_text(json.dumps({**document, key: other}))
        rates.use({})
        environment.refresh()
        paces.use_kept()
        assert rates.used() == {}


def test_a_pace_beyond_reason_is_left_out(memory, monkeypatch):
    monkeypatch.setattr(paces, "_copied_pace", lambda dtype: 400.0)
    paces.measure(("float32",))
    assert "copied" not in rates.used()["float32"]
    assert "pass" in rates.used()["float32"]


def test_with_wisdom_off_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(paces, "_measured", None)  # measuring would raise
    paces.measure()
    assert rates.used() == {}


@pytest.mark.usefixtures("compiled_machine")
def test_a_call_of_three_operands_is_chosen_among_several_orders(memory):
    rng = np.random.default_rng(0)
    a, b, c = rng.random((300, 40)), rng.random((40, 50)), rng.random((50, 300))
    found = einbench.einsum("ij,jk,kl->il", a, b, c)
    np.testing.assert_allclose(found, a @ b @ c)
    (file,) = memory.glob("*.json")
    (choice,) = json.loads(file.read_text())["choices"]
    looked_at = {*choice["times"], *choice["left_out"]}
    assert {"path", "path_second"} <= looked_at
    assert (memory / "paces").exists()


def test_the_second_and_third_order_compute_the_same():
    rng = np.random.default_rng(0)
    text, sizes = "ab,bcd,dc,ce->ae", {"a": 9, "b": 8, "c": 7, "d": 6, "e": 5}
    operands = [
        rng.random([sizes[i] for i in p]) for p in text.split("->", maxsplit=1)[0].split(",")
    ]
    expected = np.einsum(text, *operands, optimize=True)
    each = task(text, "float64", **sizes)
    orders = [tuple(s.task for s in pairs.steps_of(each, rank)) for rank in range(3)]
    assert len(set(orders)) == 3
    for name in ("path", "path_second", "path_third", "blocked", "blocked_second", "blocked_third"):
        out = np.full(expected.shape, np.nan)
        kernels.KERNELS[name](each)(operands, out)
        np.testing.assert_allclose(out, expected)


def test_a_step_takes_the_kernel_that_was_measured_for_its_expression(memory, monkeypatch):
    steps = pairs.steps_of(task("ij,jk,kl->il", "float64", i=30, j=30, k=30, l=30))
    rng = np.random.default_rng(0)
    a, b, c = rng.random((3, 30, 30))
    used = []
    matmul = kernels.KERNELS["tensordot"]
    monkeypatch.setitem(
        kernels.KERNELS, "tensordot", lambda task: used.append(task) or matmul(task)
    )
    monkeypatch.setattr(rule, "choose", lambda task: ("matmul", 1.0))
    each = task("ij,jk,kl->il", "float64", i=30, j=30, k=30, l=30)
    out = np.empty((30, 30))
    kernels.KERNELS["path"](each)((a, b, c), out)
    assert used == []
    monkeypatch.setattr(kernels, "MEASURED", [lambda task: "tensordot"])
    kernels.KERNELS["path"](each)((a, b, c), out)
    assert used == [step.task for step in steps]
    np.testing.assert_allclose(out, a @ b @ c)


def test_what_a_book_says_of_an_expression_is_what_a_step_takes(memory):
    a, b = np.random.default_rng(0).random((2, 60, 60))
    einbench.einsum("ij,jk->ik", a, b)
    each = task("ij,jk->ik", "float64", i=60, j=60, k=60)
    (ask,) = kernels.MEASURED
    assert ask(each) == chosen._KNOWN[each]
    assert ask(task("ij,jk->ik", "float64", i=61, j=60, k=60)) is None


def test_later_orders_wait_where_a_choice_has_taken_long():
    costs = {"path": 1.0, "path_second": 1.0}
    each = task("ij,jk,kl->il", i=30, j=30, k=30, l=30)
    assert measured._why_not_called(each, "path_second", costs, 0.0) == ""
    assert "all the time" in measured._why_not_called(each, "path_second", costs, 9.0)
    assert measured._why_not_called(each, "path", costs, 9.0) == ""


def test_choices_of_an_order_are_those_of_these_paces(memory):
    three, two = "ab,bc,cd->ad", "ab,bc->ac"
    before = [contraction.here(text, "float32") for text in (three, two)]
    rates.use(stated(large=2.0))
    assert contraction.here(three, "float32") != before[0]
    assert contraction.here(two, "float32") == before[1]
    assert contraction.here(three, "float64") == before[0]


def test_tune_measures_paces_with_those_of_compiled_loops(memory):
    op = einbench.expression("ij,jk,kl->il", i=6, j=6, k=6, l=6)
    tune._measure_paces(tune.plan([op], dtypes=("float64",)), again=False)
    assert rates.used().keys() == {"float64"}
    assert rates.used()["float64"].keys() >= {"loops", "loops parallel"}
