"""Sizes that kernels are asked: bounded where there are many axes, and as they were elsewhere."""

from __future__ import annotations

import string
from math import prod

import numpy as np
import pytest

import einbench
from einbench.check.layouts import LAYOUTS
from einbench.check.probe import Draw
from einbench.check.probes import probes
from einbench.check.sizes import many_sizes


def entries(text: str) -> list[int]:
    """Of all axes together, in every probe of many sizes."""
    op = einbench.expression(text, **dict.fromkeys(sorted({*text} & {*"abcdefghij"}), 3))
    draw = Draw(op, np.dtype("float32"), np.random.default_rng(0))
    found = []
    for probe in many_sizes(draw):
        sizes: dict[str, int] = {}
        for name, array in probe.inputs.items():
            sizes |= dict(zip(op.inputs[name].names, array.shape, strict=True))
        found.append(prod(sizes.values()))
    return found


@pytest.mark.parametrize(
    "text", ["nab,nbc,ncd,nde,nef,nfg,ngh,nhi,nij->naj", "ab,bc,cd,de,ef,fg->ag"]
)
def test_of_many_axes_few_are_long(text):
    assert max(entries(text)) <= 1 << 24
    assert max(entries(text)) > 1 << 17


def test_of_three_axes_every_one_is_long_at_some_time():
    assert max(entries("nab,nbc->nac")) > 1 << 16


@pytest.mark.parametrize("count", [8, 14, 26])
def test_no_probe_of_many_axes_is_large(count):
    letters = string.ascii_lowercase[:count]
    op = einbench.expression(f"{letters}->", **dict.fromkeys(letters, 2))
    largest = max(
        array.size
        for probe in probes(op, np.dtype("float32"), 0)
        for array in probe.inputs.values()
    )
    assert 1 << 15 < largest <= 1 << 20


def test_kernels_of_as_many_axes_as_letters_are_checked():
    letters = string.ascii_letters
    op = einbench.expression(f"{letters}->{letters[:2]}", **dict.fromkeys(letters, 1))
    verdicts = einbench.check(op)
    assert {v.method for v in verdicts if v.passed} >= {"loop", "einsum", "numba", "blocked"}


@pytest.mark.parametrize("count", [20, 21])
def test_what_python_nests_too_deeply_is_no_kernel(count):
    letters = string.ascii_lowercase[:count]
    op = einbench.expression(f"{letters}->{letters[::-1]}", **dict.fromkeys(letters, 1))
    assert ("numba" in op, "numba_parallel" in op) == (count <= 20, count <= 20)
    assert all(v.passed for v in einbench.check(op))


def test_slices_of_many_axes_take_no_thousandfold_memory():
    array = np.arange(1 << 16, dtype=np.float32).reshape((2,) * 16)
    sliced = LAYOUTS["sliced"](array)
    np.testing.assert_array_equal(sliced, array)
    assert not sliced.flags.c_contiguous
    assert sliced.base is not None
    assert sliced.base.size == array.size << 8
