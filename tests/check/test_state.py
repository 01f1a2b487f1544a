"""Two threads that call one kernel at the same time."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

from einbench.check import state
from einbench.host.machine import numba_threads


def test_both_threads_take_every_turn_on_inputs_of_their_own():
    one, other = [np.arange(3.0)], [np.ones(3)]
    first, second = state._in_threads(lambda x: (x, threading.get_ident()), 3, one, other)
    assert len(first) == len(second) == 3
    assert all(x is one[0] for x, _ in first)
    assert all(x is other[0] for x, _ in second)
    assert len({thread for _, thread in first + second}) == 2


def test_they_are_switched_between_often_and_not_afterwards():
    before = sys.getswitchinterval()
    [inside] = state._in_threads(sys.getswitchinterval, 2, [])
    assert inside == [pytest.approx(1e-5)] * 2
    assert sys.getswitchinterval() == before


def test_what_one_of_them_raises_is_said_and_ends_the_other():
    before = sys.getswitchinterval()

    def call(x):
        if x[0]:
            raise ValueError("two at once")
        return x

    with pytest.raises(RuntimeError, match=r"in another thread: .*two at once"):
        state._in_threads(call, 3, [np.ones(1)], [np.zeros(1)])
    assert sys.getswitchinterval() == before


def test_kernels_in_other_threads_have_as_many_of_numbas_threads():
    count = numba_threads()
    before = count.get()
    count.set(1)
    try:
        found = state._in_threads(lambda x: np.array(count.get()), 1, [np.ones(1)], [np.ones(1)])
    finally:
        count.set(before)
    assert [int(each[0]) for each in found] == [1, 1]
