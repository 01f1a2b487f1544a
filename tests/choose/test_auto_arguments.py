"""What einbench.auto is called with: other layouts, no arrays, wrong ones, odd names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choose_support import assert_close, of, small

import einbench
from einbench.choose import environment
from einbench.choose.auto import Auto
from einbench.choose.book import Remembered, Time
from einbench.choose.signature import signature
from einbench.choose.wisdom import wisdom

Start = Callable[..., Any]


@pytest.mark.parametrize(
    "wrong", ["median", "", None, 1, ["mean"], {"mean"}, np.array(["mean"] * 2)],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("decided", [False, True])
def test_an_option_that_is_no_choice_is_refused_by_its_name(
    wrong: Any, decided: bool, auto: Auto
) -> None:
    arrays = small("cross_entropy")
    if decided:
        auto.cross_entropy(**arrays)
    with pytest.raises((TypeError, ValueError), match="reduction="):
        auto.cross_entropy(**arrays, reduction=wrong)


def strided(x: Any) -> list[Any]:
    """The same numbers, laid out otherwise."""
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
    wide[::2, ::3] = x
    held = np.zeros(x.nbytes + 1, np.uint8)
    crooked = np.ndarray(x.shape, x.dtype, held.data, 1)
    crooked[...] = x
    locked = x.copy()
    locked.flags.writeable = False
    return [x, np.asfortranarray(x), wide[::2, ::3], x[::-1].copy()[::-1], locked, crooked]


LAYOUTS = ("C", "F", "sliced", "reversed", "read-only", "unaligned")


@pytest.mark.parametrize("first", range(6), ids=LAYOUTS)
@pytest.mark.parametrize("name", ["softmax_vjp", "relu", "weight_gradient"])
def test_any_layout_is_taken_whichever_came_first(name: str, first: int, auto: Auto) -> None:
    arrays = list(small(name, 6).values())
    expected = of(name, arrays)
    laid_out = list(zip(*map(strided, arrays), strict=True))
    for number in (first, *range(6), *range(6)):
        assert_close(getattr(auto, name)(*laid_out[number]), expected)


@pytest.mark.parametrize("first", range(6), ids=LAYOUTS)
@pytest.mark.parametrize("method", ["numba", "numba_parallel"])
def test_any_layout_is_taken_where_a_compiled_kernel_was_chosen(
    method: str, first: int, auto: Auto
) -> None:
    op = einbench.operation("softmax_vjp")
    if op[method].reason:
        pytest.skip(op[method].reason)
    arrays = list(small("softmax_vjp", 6).values())
    laid_out = list(zip(*map(strided, arrays), strict=True))
    here, now = environment.environment(op), environment.threads()
    time = Time(1e-6, 1e-6, 1e-6, 9, 0.5)
    for given in laid_out:
        asked = signature(op, op.bind(*given), now)
        choice = Remembered(
            here, asked, "measure", "2026-01-02T03:04:05Z", method, (method,), {method: time}, {}
        )
        wisdom().remember(op.name, choice, passed={(here, "float32"): {method: 0.5}})
    for number in (first, *range(6), *range(6)):
        assert_close(auto.softmax_vjp(*laid_out[number]), of("softmax_vjp", arrays))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", ["list", "tuple", "matrix", "memmap", "record", "own"])
def test_what_is_no_plain_array_is_taken_as_the_kernel_takes_it(
    kind: str, auto: Auto, tmp_path: Path
) -> None:
    class Own(np.ndarray):
        """An array type of another library, with operators of its own."""

        def __mul__(self, other: Any) -> Any:
            raise AssertionError("no operator of the caller's is called")

        __rmul__ = __sub__ = __rsub__ = __mul__

    probs, cotangent = small("softmax_vjp", 4, "float64").values()
    memmap = np.memmap(tmp_path / "map", "float64", "w+", shape=probs.shape)
    memmap[...] = probs
    given: Any = {
        "list": probs.tolist(), "tuple": tuple(map(tuple, probs)), "matrix": np.matrix(probs),
        "memmap": memmap, "own": probs.view(Own),
        "record": probs.view(np.recarray),
    }[kind]  # fmt: skip
    expected = einbench.operation("softmax_vjp")["einsum"](probs, cotangent)
    for _ in range(3):
        found = auto.softmax_vjp(given, cotangent)
        assert type(found) is np.ndarray
        assert_close(found, expected)
        assert_close(auto.softmax_vjp(probs, cotangent), expected)


def test_arrays_may_come_by_name_and_in_any_order(auto: Auto) -> None:
    arrays = small("softmax_vjp")
    expected = of("softmax_vjp", arrays.values())
    assert_close(auto.softmax_vjp(**dict(reversed(arrays.items()))), expected)
    assert_close(auto.softmax_vjp(arrays["probs"], cotangent=arrays["cotangent"]), expected)


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize(
    ("change", "problem", "match"),
    [
        (lambda p, c: (p, c[:-1]), ValueError, "cotangent has batch 2 where probs has 3"),
        (lambda p, c: (p[0], c), ValueError, "probs must have 2 dimensions"),
        (lambda p, c: (p, c.astype("float64")), TypeError, "cotangent is float64"),
        (lambda p, c: (p.astype("int64"), c), TypeError, "probs must be float32 or float64"),
        (lambda p, c: (p.astype(">f4"), c), TypeError, "probs must be float32 or float64"),
        (lambda p, c: (p.astype("float16"), c), TypeError, "probs must be float32 or float64"),
        (lambda p, c: (None, c), TypeError, "probs must be float32 or float64"),
        (lambda p, c: ("probs", c), TypeError, "probs must be float32 or float64"),
        (lambda p, c: (p,), TypeError, "missing"),
        (lambda p, c: (p, c, c), TypeError, "positional arguments"),
    ],
)
def test_wrong_arrays_are_refused_by_their_names(
    change: Any, problem: Any, match: str, decided: bool, auto: Auto
) -> None:
    arrays = small("softmax_vjp").values()
    if decided:
        auto.softmax_vjp(*arrays)
    with pytest.raises(problem, match=match):
        auto.softmax_vjp(*change(*arrays))
    assert_close(auto.softmax_vjp(*arrays), of("softmax_vjp", arrays))


def test_an_unknown_argument_is_refused(auto: Auto) -> None:
    with pytest.raises(TypeError, match="rigor"):
        auto.softmax_vjp(**small("softmax_vjp"), rigor="patient")


NAMES = ["lambda", "type", "_key", "_decided", "_call", "_last", "_otherwise", "not a name", "x y"]


@pytest.mark.parametrize("name", NAMES)
def test_an_input_may_be_called_anything(name: str, start: Start, auto: Auto) -> None:
    bench = start({"inputs": {name: "batch features"}}, loop=1e-3)
    x = np.ones((4, 3), "float32")
    for _ in range(3):
        assert (getattr(auto, bench.op.name)(x) == 2).all()


@pytest.mark.parametrize("option", ["mode", "type", "_key", "_call", "_decided"])
def test_an_option_may_be_called_anything(option: str, start: Start, auto: Auto) -> None:
    bench = start({"options": {option: ("a", "b'\"\\")}}, loop=1e-3)
    x = np.ones((4, 3), "float32")
    for value in (*bench.op.options[option], "a"):
        assert (getattr(auto, bench.op.name)(x, **{option: value}) == 2).all()
