"""What tests with real digits stand on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import einbench

Array = np.ndarray[Any, Any]


class Digits(NamedTuple):
    """Pixels from 0 to 1, float64 (10000, 784), and the label of each; not to be written to."""

    x: Array
    y: Array


@pytest.fixture(scope="session")
def digits() -> Digits:
    images, labels = einbench.mnist.load().train
    x = images[:10_000].reshape(10_000, -1) / 255
    y = labels[:10_000].astype(np.int64)
    x.setflags(write=False)
    y.setflags(write=False)
    return Digits(x, y)


@pytest.fixture
def estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    """``auto`` guesses which kernel is fastest, and times nothing."""
    from einbench.choose.deciding import decide

    monkeypatch.setattr(
        "einbench.network.calls.decide",
        lambda op, bound, threads: decide(op, bound, threads, "estimate"),
    )
