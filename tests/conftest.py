"""What every test of the suite stands on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

import einbench
from einbench.host.early import STOPPING
from einbench.jit.compiled import Compiled

# on a busy machine anything may take long, and no test asserts a time
hypothesis.settings.register_profile(
    "einbench",
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.data_too_large,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.load_profile("einbench")


def pytest_configure() -> None:
    """Let Ctrl-C be Ctrl-C here and in every child.

    A shell starts what it runs in the background with the signal ignored, and children inherit
    that: tests that press the keys would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Share the compiling out among the test processes: numba keeps it on disk for all.

    Otherwise each of them compiles every kernel it meets, which takes longer than the tests.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None:
        return
    compiled = [
        (kernel, dtype)
        for op in einbench.operations.values()
        for kernel in op
        for dtype in ("float32", "float64")
        if isinstance(kernel.function, Compiled) and kernel.available
    ]
    mine = int(worker["workerid"].removeprefix("gw"))
    for kernel, dtype in compiled[mine :: worker["workercount"]]:
        drawn = kernel.operation.draw(2, dtype, **dict.fromkeys(kernel.operation.sizes, 3))
        with np.errstate(all="ignore"):
            kernel(**drawn)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A command that was interrupted in this process leaves it as one that is about to end."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def _wisdom_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes what the user's own programs remember."""
    before = os.environ.get("EINBENCH_WISDOM")
    os.environ["EINBENCH_WISDOM"] = str(tmp_path_factory.mktemp("wisdom"))
    yield
    if before is None:
        del os.environ["EINBENCH_WISDOM"]
    else:
        os.environ["EINBENCH_WISDOM"] = before
