"""Numbers beside arrays: what is none is said in one line that names the argument."""

from __future__ import annotations

import numpy as np
import pytest

import einbench

ONE = np.ones((2, 2), np.float32)
CALLS = {
    "race": lambda **given: einbench.race({"a": np.copy, "b": np.array}, ONE, **given),
    "compare": lambda **given: einbench.compare("relu", given.pop("batches", 1), **given),
    "check": lambda **given: einbench.check("relu", **given),
    "fastest": lambda **given: einbench.fastest("relu", ONE, **given),
}


@pytest.mark.parametrize(
    ("verb", "given", "kind", "said"),
    [
        *[(verb, {"budget_s": value}, TypeError, f"budget_s={value!r}: expected seconds")
          for verb in ("race", "compare", "fastest") for value in ("x", [1], True)],
        ("race", {"budget_s": None}, TypeError, "budget_s=None: expected seconds"),
        ("race", {"budget_s": float("nan")}, ValueError, "expected more than 0 seconds"),
        *[(verb, {"seed": value}, TypeError, f"seed={value!r}: expected a whole number from 0")
          for verb in ("race", "compare", "check") for value in ("x", None, 1.5)],
        ("check", {"seed": -1}, ValueError, "seed=-1: expected a whole number from 0"),
        ("check", {"batch": "x"}, TypeError, "batch 'x': expected a whole number from 0"),
        ("check", {"batch": 1.5}, ValueError, "batch 1.5: expected a whole number from 0"),
        *[("compare", {"batches": value}, TypeError, "expected a whole number from 0")
          for value in ("x", None, [[1]])],
        ("compare", {"batches": 1.5}, ValueError, "batch 1.5: expected"),
        ("compare", {"batches": float("inf")}, ValueError, "batch inf: expected"),
        *[("compare", {"memory_bytes": value}, TypeError, f"memory_bytes={value!r}: expected")
          for value in ("x", 1.5, True)],
        ("compare", {"memory_bytes": -1}, ValueError, "memory_bytes=-1: expected"),
        ("compare", {"layout": 5}, ValueError, "no layout 5; known: C, "),
        ("compare", {"context": 5}, ValueError, "no context 5; known: program, "),
        ("compare", {"with_": 5}, TypeError, "with_=5: expected names of libraries"),
        ("fastest", {"rigor": 5}, ValueError, "no rigor 5; known: "),
        ("race", {"progress": "x"}, TypeError, "progress='x': expected a function"),
    ],
)  # fmt: skip
def test_what_is_no_such_thing_is_named(verb, given, kind, said):
    with pytest.raises(kind) as raised:
        CALLS[verb](**given)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("verb", [einbench.compare, einbench.check])
def test_what_is_no_operation_is_named(verb):
    with pytest.raises(TypeError, match="its name, or a list of either; got 5"):
        verb(5)
