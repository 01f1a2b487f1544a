"""Temporaries that kernels of expressions declare, beside what their calls allocate."""

from __future__ import annotations

import sys
import time
from functools import partial

import numpy as np
import pytest

from einbench.check import room
from einbench.check.unchanged import PrivateCopy
from einbench.choose.candidates import first_times
from einbench.dropin import measured
from einbench.einsum import facts
from einbench.einsum.expression import expression, text_of
from einbench.einsum.language import parse
from einbench.einsum.shapes import bind
from einbench.measure.memory import peak_extra_bytes
from einbench.problem import Problem
from einbench.units import bytes_text

#: what a call takes whatever its sizes, and what resident memory is accurate to
SLACK_BYTES = 2 << 20

CASES = (
    # what an earlier step leaves is held until the step after it
    ("path", "abc,ia,jb,kc->ijk", {"a": 90, "b": 90, "c": 90, "i": 130, "j": 130, "k": 130}),
    ("path_second", "ij,jkl,lm->ikm", {"i": 300, "j": 40, "k": 200, "l": 40, "m": 300}),
    # copies within a step
    ("path", "ijk,jkl,kli->il", {"i": 100, "j": 100, "k": 100, "l": 100}),
    ("blocked", "ij,jkl,lm->ikm", {"i": 300, "j": 40, "k": 200, "l": 40, "m": 300}),
    ("blocked", "abc,ia,jb,kc->ijk", {"a": 90, "b": 90, "c": 90, "i": 130, "j": 130, "k": 130}),
    ("matmul", "iaj,bij->ab", {"i": 150, "j": 150, "a": 120, "b": 110}),
    ("numba", "ij,kj->ik", {"i": 40, "j": 60, "k": 50}),
    ("broadcast", "ij,jk->ik", {"i": 160, "j": 160, "k": 160}),
    ("broadcast", "ij,jk,k->ik", {"i": 160, "j": 160, "k": 160}),
    ("broadcast", "i,j,k->ijk", {"i": 160, "j": 160, "k": 160}),
)


def task_of(op, sizes):
    shapes = [each.shape(sizes) for each in op.inputs.values()]
    return facts.task_of(bind(parse(text_of(op)), shapes))


def prepared(name, text, sizes, dtype):
    op = expression(text, **sizes)
    rng = np.random.default_rng(0)
    arrays = [
        rng.random([sizes[i] for i in part]).astype(dtype)
        for part in text.split("->")[0].split(",")
    ]
    return op[name], partial(op[name].prepared(arrays, {}), *arrays)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read on Linux alone")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "text", "sizes"), CASES)
def test_a_call_allocates_what_is_declared_and_no_more(name, text, sizes, dtype):
    kernel, call = prepared(name, text, sizes, dtype)
    call()
    declared = kernel.temporary_bytes(sizes, dtype)
    taken = peak_extra_bytes(call)
    assert taken is not None
    assert taken <= declared + SLACK_BYTES
    # in the other dtype, or while the machine is compiled, another plan may need more
    assert declared <= 2 * taken + SLACK_BYTES


def test_sizes_of_zero_and_one_declare_what_they_take():
    op = expression("ij,jk,kl->il", i=3, j=4, k=5, l=6)
    for size in (0, 1):
        sizes = {"i": size, "j": 4, "k": size, "l": 6}
        for kernel in op:
            assert 0 <= kernel.temporary_bytes(sizes, "float64") < SLACK_BYTES


def test_memory_beyond_the_limit_is_refused_with_the_bytes(monkeypatch):
    # every order leaves 100 million elements to its second step
    sizes = dict.fromkeys("aibjck", 100)
    op = expression("aib,bjc,cka->ijk", **sizes)
    seen = tuple(np.broadcast_to(np.float32(0), (100, 100, 100)) for _ in range(3))
    problem = Problem.of(op, seen, {})
    for name in ("path", "path_second"):
        needed = op[name].temporary_bytes(sizes, "float32")
        assert needed > 4e8
        said = f"needs {bytes_text(needed)} of temporaries"
        assert room.too_much(op[name], problem).startswith(said)
    found = first_times(PrivateCopy(problem), [op["path"]], time.perf_counter, lambda name: None)
    assert "404 MB of temporaries" in found.left_out["path"]
    # and where a call of einsum chooses
    task, costs = task_of(op, sizes), {"path": 1.0}
    for left_bytes, said in ((700 << 20, "needs 404 MB of temporaries"), (900 << 20, "")):
        monkeypatch.setattr(measured, "available_bytes", partial(int, left_bytes))
        why = measured._why_not_called(task, "path", costs, 0.0)
        assert said in why
        assert bool(said) == bool(why)
