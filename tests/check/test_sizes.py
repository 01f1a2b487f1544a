"""Sizes that kernels are asked: bounded where there are many axes, and as they were elsewhere."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

import einbench
from einbench.check.probe import Draw
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
    assert max(entries(text)) > 1 << 18


def test_of_three_axes_every_one_is_long_at_some_time():
    assert max(entries("nab,nbc->nac")) > 1 << 16
