"""What a race rejects, with the reason; the others are ranked. And wrong use, in one line."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

import einbench

RNG = np.random.default_rng(0)
A = RNG.standard_normal((40, 30))
B = RNG.standard_normal((30, 20))
KEPT = A @ B
BUFFER = np.empty((40, 20))
CALLS = itertools.count()


def changes(a, b):
    a[0] += 1
    return a @ b


def changes_back(a, b):
    found = a @ b
    a.flags.writeable = False
    return found


def writes_later(a, b):
    if next(CALLS) >= 2:
        b[0, 0] = 7
    return A @ B


def buffered(a, b):
    return np.matmul(a, b, out=BUFFER)


def memoised(a, b, known={}):  # noqa: B006 - that is what is wrong
    key = a.shape, b.shape
    if key not in known:
        known[key] = a @ b
    return known[key].copy()


def once(a, b, calls=[]):  # noqa: B006 - as above
    calls.append(0)
    return a @ b if len(calls) == 1 else None


def too_large(a, b):
    raise MemoryError("Unable to allocate 8 EiB")


def now_and_then(a, b, calls=[]):  # noqa: B006 - as above
    calls.append(0)
    return a @ b * (1 if len(calls) % 40 else 2)


def late(a, b, calls=[]):  # noqa: B006 - as above
    calls.append(0)
    return a @ b * (1 if len(calls) < 160 else 2)


def late_raise(a, b, calls=[]):  # noqa: B006 - as above
    calls.append(0)
    return a @ b / (len(calls) < 6 or 1 // 0)


WRONG = {
    "zeros": (lambda a, b: np.zeros((40, 20)), "rejected", "is zero everywhere"),
    "NaN": (lambda a, b: np.full((40, 20), np.nan), "rejected", "is NaN everywhere"),
    "a constant": (lambda a, b: KEPT.copy(), "rejected", "the same for other numbers"),
    "an earlier result": (memoised, "rejected", "the same for other numbers"),
    "a view": (lambda a, b: a[:, :20], "rejected", "shares memory with the input a"),
    "a buffer": (buffered, "rejected", "a buffer it handed out before"),
    "one array": (lambda a, b: KEPT, "rejected", "a buffer it handed out before"),
    "changed inputs": (changes, "rejected", "changes its input a"),
    "locked inputs": (changes_back, "rejected", "changes its input a"),
    "changed later": (writes_later, "rejected", "changes its input b"),
    "another shape": (lambda a, b: (a @ b).T.copy(), "rejected", "is (20, 40), expected (40, 20)"),
    "another dtype": (lambda a, b: (a @ b).astype("f4"), "rejected", "float32, expected float64"),
    "a pair": (lambda a, b: (a @ b, a @ b), "rejected", "returns 2 results"),
    "nothing": (lambda a, b: None, "rejected", "returns nothing"),
    "text": (lambda a, b: "done", "rejected", "returns str"),
    "objects": (lambda a, b: (a @ b).astype(object), "rejected", "ndarray of object"),
    "an exception": (lambda a, b: 1 / 0, "failed", "raises ZeroDivisionError"),
    "no memory": (too_large, "unchecked", "could not be checked here"),
    "an exit": (lambda a, b: sys.exit(3), "failed", "raises SystemExit"),
    "once only": (once, "failed", "a second call returns nothing"),
    "wrong now and then": (now_and_then, "rejected", "right at first, but in a later call"),
    "wrong later": (late, "rejected", "wrong when it was timed"),
    "raising later": (late_raise, "failed", "raises ZeroDivisionError"),
    "float32 inside": (lambda a, b: np.float64(a.astype("f4") @ b.astype("f4")), "rejected",
                       "no more accurate than float32"),
    "a term less": (lambda a, b: a[:, 1:] @ b[1:], "rejected", "wrong in"),
    "one row": (lambda a, b: (a @ b) * (1 + 1e-9 * (np.arange(40) == 7)[:, None]), "rejected",
                "wrong at axis0 7 of 40 only"),
    "random": (lambda a, b: a @ b * (1 + 1e-15 * RNG.random()), "rejected", "second call gives"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_function_is_named_with_its_reason_and_the_others_are_ranked(name):
    function, status, reason = WRONG[name]
    functions = {"reference": lambda a, b: a @ b, "suspect": function, "right": np.dot}
    comparison = einbench.race(functions, A.copy(), B.copy(), budget_s=0.02)
    found = {record.kernel: record for record in comparison.records}
    assert found["suspect"].status == status
    assert reason in found["suspect"].reason
    assert found["suspect"].median_s is None
    assert not found["suspect"].winner
    assert found["reference"].status == found["right"].status == "ok"
    assert found["reference"].median_s > 0
    assert sum(record.winner for record in comparison.records) == 1


def test_zeros_are_rejected_in_every_precision_and_beside_large_numbers():
    for dtype in ("f2", "f4", "f8", "g", "F", "D"):
        x = (A * 100).astype(dtype)
        record = einbench.race({"a": lambda x: x + x, "b": lambda x: 0 * x}, x, budget_s=0.02)
        assert [r.status for r in record.records] == ["ok", "rejected"], dtype


def test_an_approximation_is_rejected():
    close = einbench.race(
        {"exp": np.exp, "series": lambda x: sum(x**k / float(np.prod(np.arange(1.0, k + 1)))
                                                for k in range(11))},
        RNG.random(1000), budget_s=0.02,
    )  # fmt: skip
    assert [record.status for record in close.records] == ["ok", "rejected"]


def _changing(a, b):
    a += 1
    return a @ b


USES = {
    "one function": ({"a": np.sum}, (A,), "1 function given; a race takes two or more"),
    "none": ({}, (A,), "0 functions given; a race takes two or more"),
    "a list": ([np.sum, np.sum], (A,), "race takes functions by name"),
    "a function": (np.sum, (A,), "race takes functions by name"),
    "a result": ({"a": np.sum, "b": A.sum()}, (A,), "'b' is no function but float64"),
    "no name": ({"a": np.sum, 1: np.sum}, (A,), "1 is no name of a function"),
    "a long name": ({"a" * 70: np.sum, "b": np.sum}, (A,), "longer than 60 letters"),
    "no arguments": ({"a": np.sum, "b": np.sum}, (), "arguments follow the functions"),
    "randomness": ({"a": lambda x: x * RNG.random(), "b": np.sum}, (A,), "draws on time"),
    "a changing reference": ({"a": _changing, "b": np.matmul}, (A, B), "changes its argument a"),
    "its own buffer": ({"a": buffered, "b": np.matmul}, (A, B), "a buffer it handed out"),
    "zeros": ({"a": lambda x: 0 * x, "b": np.abs}, (A,), "returns zeros alone"),
    "rounding": (
        {"a": lambda x: (x - x.mean()).sum(), "b": np.abs},
        (A,),
        "returns what rounding makes of zero",
    ),
    "NaN": ({"a": lambda x: x * np.nan, "b": np.abs}, (A,), "no finite number but zeros"),
    "nothing in it": ({"a": np.abs, "b": np.fabs}, (A[:0],), "nothing but empty arrays"),
    "words": ({"a": str, "b": repr}, (A,), "returns str; expected NumPy arrays"),
    "an exception": ({"a": np.linalg.inv, "b": np.linalg.inv}, (A,), "raises LinAlgError"),
}


@pytest.mark.parametrize("use", USES)
def test_wrong_use_is_said_in_one_line(use):
    functions, arguments, said = USES[use]
    with pytest.raises((TypeError, ValueError)) as raised:
        einbench.race(functions, *[a.copy() for a in arguments], budget_s=0.02)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_misspelt_keyword_is_told_apart_from_the_functions_own():
    with pytest.raises(ValueError, match="race keeps budget_s, threads, seed and progress"):
        einbench.race({"a": np.sum, "b": np.sum}, A, budget=3)
    with pytest.raises(ValueError, match="budget_s=0: expected more than 0"):
        einbench.race({"a": np.sum, "b": np.sum}, A, budget_s=0)
    with pytest.raises(ValueError, match="threads=0: expected 1 to"):
        einbench.race({"a": np.sum, "b": np.sum}, A, threads=0)
