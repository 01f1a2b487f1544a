"""Plain functions that are equal are ranked, with intervals, whatever they take and return."""

from __future__ import annotations

import collections
import json

import numpy as np
import pytest

import einbench
from einbench.records.read import read

RNG = np.random.default_rng(0)
A = RNG.standard_normal((30, 20)).astype(np.float32)
B = RNG.standard_normal((20, 10)).astype(np.float32)


def raced(functions, *arguments, **named):
    """name -> record."""
    comparison = einbench.race(functions, *arguments, budget_s=0.02, **named)
    return {record.kernel: record for record in comparison.records}


def passed(functions, *arguments, **named):
    found = raced(functions, *arguments, **named)
    assert {name: r.reason for name, r in found.items() if r.status != "ok"} == {}
    assert all(r.median_s > 0 and r.low_s <= r.median_s <= r.high_s for r in found.values())
    assert sum(r.winner for r in found.values()) == 1
    return found


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "F", "D"])
def test_equal_functions_pass_in_every_precision_and_are_ranked(dtype):
    a, b = A.astype(dtype), B.astype(dtype)
    found = passed(
        {"mine": lambda a, b: a @ b, "theirs": lambda a, b: np.einsum("ij,jk->ik", a, b)}, a, b
    )
    assert found["mine"].speedup == 1
    assert found["mine"].dtype == np.dtype(dtype).name
    assert found["theirs"].sizes == {"a.0": 30, "a.1": 20, "b.0": 20, "b.1": 10}
    assert all(record.error <= record.limit for record in found.values())


MEAN = {"numpy": np.mean, "sum": lambda x: x.sum() / x.dtype.type(x.size)}
CASES = {
    "scalars out": (MEAN, [A]),
    "Python's numbers": ({"a": lambda x: float(sum(x)), "b": lambda x: float(np.sum(x))},
                         [[1.5, 2, 3.25]]),
    "integers": ({"a": np.bincount, "b": lambda x: np.array([(x == n).sum() for n in range(5)])},
                 [np.arange(50) % 5]),
    "truth values": ({"a": np.isnan, "b": lambda x: ~(np.abs(x) >= 0)}, [np.array([1, np.nan])]),
    "several outputs": ({"a": lambda x: (x.min(0), x.max(0)),
                         "b": lambda x: [np.minimum.reduce(x), np.maximum.reduce(x)]}, [A]),
    "a named tuple": ({"a": np.linalg.slogdet, "b": lambda x: tuple(np.linalg.slogdet(x))},
                      [A[:20] + 5 * np.eye(20, dtype="f4")]),
    "a dictionary": ({"a": lambda x: {"s": x.sum()}, "b": lambda x: {"s": np.add.reduce(x, None)}},
                     [A]),
    "no arguments": ({"a": lambda: 3.5, "b": lambda: 7 / 2}, []),
    "no arrays": ({"a": lambda n: sum(1 / k for k in range(1, n)),
                   "b": lambda n: float(np.sum(1 / np.arange(1, n)))}, [1000]),
    "arrays in a list": ({"a": np.concatenate, "b": np.vstack}, [[A, A + 1]]),
    "the same array twice": ({"a": np.matmul, "b": np.dot}, [(s := A[:20] + 1), s]),
    "a strided array": (MEAN, [A[::2, ::-3]]),
    "a read-only array": (MEAN, [np.broadcast_to(A[0], (5, 20))]),
    "whole numbers": ({"a": np.sum, "b": lambda x: np.float64(x.size)}, [np.ones((9, 9))]),
    "views where the reference gives one": ({"a": np.transpose, "b": lambda x: x.T.copy()}, [A]),
    "NaN in its place": ({"a": np.sqrt, "b": lambda x: x**0.5}, [A.astype("f8")]),
    "no axes": ({"a": lambda x: np.asarray(x.sum()), "b": np.sum}, [A]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_any_arguments_and_results(case):
    functions, arguments = CASES[case]
    passed(functions, *arguments)


def test_keywords_are_passed_on():
    found = passed({"a": np.sum, "b": lambda x, axis: np.einsum("ij->i", x)}, A, axis=1)
    assert found["b"].options == {"axis": "1"}


def test_what_takes_no_wider_numbers_is_judged_by_perturbed_ones():
    def narrow(x):
        if x.dtype != np.float32:
            raise TypeError("float32 alone")
        return np.cumsum(x)[-1]

    def dropped(x):
        return np.cumsum(x[1:])[-1]

    x = RNG.standard_normal(2000).astype(np.float32)
    found = raced({"narrow": narrow, "numpy": np.sum, "dropped": dropped}, x)
    assert [record.status for record in found.values()] == ["ok", "ok", "rejected"]


def test_a_better_function_than_the_reference_passes():
    x = RNG.standard_normal(500) + 1e4
    passed({"cancelling": lambda x: (x * x).mean() - x.mean() ** 2, "stable": np.var}, x)


def test_the_callers_arguments_are_never_passed_on():
    seen = collections.Counter()

    def looks(x):
        seen[x is A or np.may_share_memory(x, A)] += 1
        return x + 1

    passed({"looks": looks, "other": lambda x: 1 + x}, A)
    assert list(seen) == [False]


def test_memory_order_is_kept():
    orders = set()

    def looks(x):
        orders.add((x.strides, x.flags.f_contiguous))
        return x + 1

    given = np.asfortranarray(A.astype("f8"))[:, ::2]
    passed({"looks": looks, "other": lambda x: 1 + x}, given)
    assert (given.strides, given.flags.f_contiguous) in orders


def test_a_race_is_a_comparison_in_a_line_a_table_a_page_and_json(tmp_path):
    comparison = einbench.race({"mine": np.sum, "wrong": lambda x: 0 * np.sum(x)}, A, budget_s=0.02)
    assert "\n" not in repr(comparison)
    assert "2 records: race" in repr(comparison)
    assert "REJECTED wrong: result is zero everywhere" in str(comparison)
    assert "GF/s " not in str(comparison).partition("SUMMARY")[0]
    assert "vs mine" in str(comparison)
    assert "<table" in comparison._repr_html_()
    document = json.loads(comparison.to_json(tmp_path / "race.json").read_text(encoding="utf-8"))
    assert [record["kernel"] for record in document["records"]] == ["mine", "wrong"]
    rows = read([tmp_path / "race.json"])
    assert len(list(getattr(rows, "rows", rows))) == 2


def test_threads_are_set_while_it_runs():
    import threadpoolctl

    seen = set()

    def counts(a, b):
        seen.update(pool["num_threads"] for pool in threadpoolctl.threadpool_info()
                    if pool["user_api"] == "blas")  # fmt: skip
        return a @ b

    found = passed({"counts": counts, "other": np.matmul}, A, B, threads=1)
    assert seen == {1}
    assert found["other"].threads == 1
