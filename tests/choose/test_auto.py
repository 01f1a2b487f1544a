"""einbench.auto: what it returns is what the kernel returns, whatever it is called with."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choose_support import assert_close, of, run, small

import einbench
from einbench.choose import measuring
from einbench.choose.auto import Auto
from einbench.choose.book import RIGORS
from einbench.lookup import MOST_KEYS

Start = Callable[..., Any]
OPERATIONS = tuple(einbench.operations)
MEANS = ("cross_entropy", "negative_log_likelihood", "mean_squared_error")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of operations, as often as they are measured."""
    names: list[str] = []
    real = measuring.measure

    def counted(problem: Any, *args: Any, **more: Any) -> Any:
        names.append(problem.operation.name)
        return real(problem, *args, **more)

    monkeypatch.setattr(measuring, "measure", counted)
    return names


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_gives_what_its_reference_says(name: str, auto: Auto) -> None:
    for batch in (3, 0):
        if name in MEANS and batch == 0:
            continue  # a mean of nothing
        arrays = small(name, batch)
        first, second = (getattr(auto, name)(**arrays) for _ in range(2))
        with np.errstate(all="ignore"):
            expected = of(name, arrays.values())
        for found in (first, second):
            assert_close(found, expected)


def test_a_named_tuple_is_the_operations_own(auto: Auto) -> None:
    arrays = small("mlp_gradients").values()
    for _ in range(2):
        found = auto.mlp_gradients(*arrays)
        assert found._fields == ("dw1", "db1", "dw2", "db2", "dw3", "db3")
        assert type(found) is type(einbench.operation("mlp_gradients")["einsum"](*arrays))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("labels", ["int8", "uint8", "int32", "int64", "uint64", ">i4"])
def test_labels_of_any_whole_numbers_are_taken(labels: str, dtype: str, auto: Auto) -> None:
    arrays = small("cross_entropy", 5, dtype)
    given = arrays["labels"].astype(labels)
    for _ in range(2):
        found = auto.cross_entropy(arrays["logits"], given)
        assert found.dtype == dtype
        assert_close(found, np.asarray(of("cross_entropy", arrays.values())))


def test_options_are_reported_apart(auto: Auto) -> None:
    arrays = small("cross_entropy", 5)
    for _ in range(2):
        for reduction in ("sum", "mean"):
            found = auto.cross_entropy(**arrays, reduction=reduction)
            expected = of("cross_entropy", arrays.values(), reduction=reduction)
            assert_close(found, np.asarray(expected))
        assert_close(auto.cross_entropy(**arrays), np.asarray(of("cross_entropy", arrays.values())))


def test_an_unknown_operation_is_answered_with_the_nearest(auto: Auto) -> None:
    with pytest.raises(
        AttributeError, match=r"no operation 'sofmax_vjp'; did you mean softmax_vjp"
    ):
        _ = auto.sofmax_vjp
    assert not hasattr(auto, "no_such_thing_at_all")
    assert not hasattr(auto, "__wrapped__")
    with pytest.raises(ValueError, match="no rigor 'patiant'; did you mean patient"):
        auto.refresh("patiant")


def test_it_shows_what_it_has(auto: Auto) -> None:
    assert {"refresh", *OPERATIONS} <= set(dir(auto))
    assert "0 signatures decided" in repr(auto)
    auto.relu(**small("relu"))
    assert "1 signatures decided" in repr(auto)


def test_a_function_says_what_it_takes_and_computes(auto: Auto) -> None:
    for name, op in einbench.operations.items():
        function = getattr(auto, name)
        taken = inspect.signature(function).parameters
        assert list(taken) == [*op.inputs, *op.options, "out"]
        for option, choices in op.options.items():
            assert taken[option].kind is inspect.Parameter.KEYWORD_ONLY
            assert taken[option].default == choices[0]
        assert op.formula in function.__doc__
        assert (function.__module__, function.__qualname__) == ("einbench", f"auto.{name}")
        told = function.__doc__
        assert all(f"    {one}: " in told for one in [*op.inputs, *op.options, *op.outputs])
        assert getattr(auto, name) is function
    assert pickle.loads(pickle.dumps(auto.relu)) is auto.relu  # noqa: S301


def test_a_signature_is_decided_once(start: Start, auto: Auto, measured: list[str]) -> None:
    bench = start(loop=1e-3)
    call = getattr(auto, bench.op.name)
    for _ in range(5):
        for batch in (2, 600):
            for dtype in ("float32", "float64"):
                assert (call(np.ones((batch, 3), dtype)) == 2).all()
    assert len(measured) == 4


def test_no_more_than_so_many_signatures_are_kept(
    start: Start, auto: Auto, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start(loop=1e-3)
    monkeypatch.setattr(
        "einbench.choose.auto.decide",
        lambda op, *rest, **more: type("Decision", (), {"kernel": op["loop"], "estimate": None}),
    )
    call, x = getattr(auto, bench.op.name), np.ones((MOST_KEYS + 1, 3), "float32")
    for batch in range(1, MOST_KEYS + 2):
        call(x[:batch])
    assert "0 signatures decided" in repr(auto)
    assert MOST_KEYS == 4096
    assert (call(x[:1]) == 2).all()
    assert (call(x) == 2).all()
    assert "2 signatures decided" in repr(auto)
    auto.refresh()
    assert "0 signatures decided" in repr(auto)


@pytest.mark.parametrize("rigor", RIGORS)
def test_a_rigor_that_is_set_is_asked_for(
    rigor: str, start: Start, auto: Auto, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start(loop=1e-3)
    asked: list[str] = []
    from einbench.choose import auto as module

    real = module.decide
    monkeypatch.setattr(
        module, "decide", lambda op, bound, threads, rigor, waits: asked.append(rigor)
        or real(op, bound, threads, "measure"),
    )  # fmt: skip
    auto.refresh(rigor)
    getattr(auto, bench.op.name)(np.ones((2, 3)))
    auto.refresh()
    getattr(auto, bench.op.name)(np.ones((2, 3)))
    assert asked == [rigor] * 2


FIRST = """
import sys, numpy as np, einbench
op = einbench.operation("softmax_vjp")
for method in [m for m in op.kernels if m.startswith("numba") or m == "simd"]:
    op.remove(method)
x = {"probs": np.full((8, 4), 0.25), "cotangent": np.ones((8, 4))}
found = einbench.auto.softmax_vjp(**x)
assert np.allclose(found, op["einsum"](**x), atol=1e-5)
print([m for m in ("numba", "llvmlite", "filelock", "threadpoolctl", "psutil", "rich",
                   "platformdirs", "hashlib", "einbench.choose.measuring") if m in sys.modules])
"""


@pytest.mark.long
def test_a_first_answer_from_disk_imports_nothing_heavy(folder: Path) -> None:
    run(FIRST)
    assert run(FIRST).stdout.strip() == "[]"


WINNER = """
import sys, numpy as np, einbench
from einbench.choose.environment import environment, threads
from einbench.choose.signature import signature
from einbench.choose.wisdom import wisdom
op = einbench.operation("softmax_vjp")
x = op.draw(8)
if sys.argv[1:] == ["write"]:
    from einbench.choose.book import Remembered, Time
    here, asked = environment(op), signature(op, op.bind(**x), threads())
    time = Time(1e-6, 1e-6, 1e-6, 9, 0.5)
    wisdom().remember("softmax_vjp", Remembered(here, asked, "measure", "2026-01-02T03:04:05Z",
        "einsum", ("einsum",), {"einsum": time}, {}), passed={(here, "float32"): {"einsum": 0.5}})
else:
    assert np.allclose(einbench.auto.softmax_vjp(**x), op["einsum"](**x), atol=1e-5)
print("numba" in sys.modules, "einbench.choose.measuring" in sys.modules)
"""


def test_a_first_answer_that_is_no_numba_kernel_imports_no_numba(folder: Path) -> None:
    """Though there are numba kernels among the candidates."""
    run(WINNER.replace("sys.argv[1:]", '["write"]'))
    assert run(WINNER).stdout.strip() == "False False"
