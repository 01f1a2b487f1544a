"""What another thread does to the process is not blamed on a kernel; what that does still is."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import einbench
from einbench.check.verdicts import check_small


def judged(kernel: Callable[..., object]) -> str:
    """The reason why ``relu`` done by a function is rejected; empty where it is not."""
    op = einbench.operation("relu")
    op.kernel("mine")(kernel)
    try:
        (verdict,) = check_small(op, [op["mine"]], np.dtype("float32"), 0)
    finally:
        op.remove("mine")
    return verdict.reason


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Another thread that works inside the block."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def filtered() -> None:
    warnings.simplefilter("error", DeprecationWarning)


@pytest.mark.parametrize("act", [filtered, np.random.random], ids=["filters", "np.random"])
def test_what_another_thread_does_once_is_not_the_kernels(act):
    asked, done = threading.Event(), threading.Event()

    def other() -> None:
        asked.wait()
        act()
        done.set()

    def kernel(inputs):
        # the other thread acts during that call in which it would be noticed
        if np.geterr()["over"] == "warn" and not asked.is_set():
            asked.set()
            done.wait()
        return np.maximum(inputs, 0)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        with beside(lambda: threading.Event().wait(0.01)):
            assert judged(kernel) == ""
        assert done.is_set()
    finally:
        asked.set()
        thread.join()


def draws(inputs):
    np.random.random()  # noqa: NPY002
    return np.maximum(inputs, 0)


def seeds(inputs):
    np.random.seed(0)  # noqa: NPY002
    return np.maximum(inputs, 0)


def filters(inputs):
    warnings.simplefilter("ignore", DeprecationWarning)
    return np.maximum(inputs, 0)


@pytest.mark.parametrize("kernel", [draws, seeds, filters])
def test_what_a_kernel_changes_is_found_beside_other_threads(kernel):
    with beside(lambda: threading.Event().wait(0.01)):
        assert "changes which" in judged(kernel)
