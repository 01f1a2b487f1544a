"""How long a call would take, from parts of it."""

from __future__ import annotations

import string
from itertools import count

import pytest

import einbench
from einbench.measure.predict import Prediction, predict
from einbench.problem import Problem


def test_parts_of_many_short_axes_grow_until_the_call_is_predicted():
    letters = string.ascii_lowercase[:20]
    sizes = dict.fromkeys(letters, 2)
    op = einbench.expression(f"{letters}->", **sizes)
    problem = Problem.at(op, None, "float32", sizes).draw(0)
    ticks = count()
    # by this clock every call takes a millisecond, however many entries it has
    limit_s = 0.5
    found = predict(op["einsum"], problem, limit_s, clock=lambda: next(ticks) / 1000)
    assert found.seconds <= limit_s


class Waits:
    """A clock by which calls take these seconds, one after the other, and then the last of them."""

    def __init__(self, *seconds: float) -> None:
        self._seconds, self._now_s, self._begun = list(seconds), 0.0, False

    def __call__(self) -> float:
        if self._begun:
            self._now_s += self._seconds.pop(0) if len(self._seconds) > 1 else self._seconds[0]
        self._begun = not self._begun
        return self._now_s


def of_rows(*seconds: float, **more: int) -> Prediction:
    op = einbench.expression("ij,jk->ik", j=3, k=3)
    problem = Problem.at(op, 100, "float32", {"j": 3, "k": 3}).draw(0)
    return predict(op["einsum"], problem, 1e-3, clock=Waits(*seconds), **more)


@pytest.mark.parametrize("seconds", [(0.02, 0.02, 1e-5), (0.02, 1e-5)])
def test_a_call_that_waited_for_a_core_is_made_again(seconds: tuple[float, ...]) -> None:
    """The first is the one that may compile, and is not counted."""
    assert of_rows(1.0, *seconds).seconds <= 1e-3
    assert of_rows(1.0, *seconds, calls=1).seconds > 1e-3


def test_what_a_call_takes_whatever_its_rows_leaves_no_kernel_out() -> None:
    """As of threads of BLAS that wait for a core in every call."""
    assert of_rows(1.0, 4e-4).seconds <= 1e-3


def test_a_kernel_that_is_slow_in_every_call_is_left_out() -> None:
    assert of_rows(1.0, 0.02).seconds > 1e-3


def test_a_call_too_long_to_have_waited_is_made_once() -> None:
    assert of_rows(1.0, 0.2, 1e-5).measured_s == pytest.approx(0.2)
