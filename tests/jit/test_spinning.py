"""Threads that BLAS leaves spinning are ended between samples, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from einbench.host.cores import usable_threads
from einbench.jit import spinning
from einbench.jit.spinning import stop_spinning

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
A = np.random.default_rng(0).random((700, 700))


needs_threads = pytest.mark.skipif(
    usable_threads() < 2 or not spinning._stoppers() or spinning._endless(),
    reason="no BLAS here that spins and can be ended",
)
needs_patience = pytest.mark.skipif(
    usable_threads() < 2 or not spinning._endless(), reason="every BLAS here can be ended"
)


@pytest.fixture
def no_thread_in_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread of the test runner calls BLAS."""
    monkeypatch.setattr(spinning, "no_thread_in_blas", lambda: True)


#: in a process that has shared no threads and set no number of them
AFTER_IT = """
import time
import numpy as np
from einbench.jit.spinning import stop_spinning

def spun_s():
    before_s = time.process_time()
    time.sleep(0.02)
    return time.process_time() - before_s

A = np.random.default_rng(0).random((700, 700))
spinning_s, quiet_s = [], []
for _ in range(10):
    A @ A
    spinning_s.append(spun_s())
    A @ A
    stop_spinning()
    quiet_s.append(spun_s())
print(max(spinning_s), min(quiet_s))
"""


@needs_threads
def test_after_it_no_thread_of_blas_takes_a_core() -> None:
    own = {key: value for key, value in os.environ.items() if key != spinning.TIMEOUT[0]}
    done = subprocess.run(
        [sys.executable, "-c", AFTER_IT], capture_output=True, text=True, check=False, env=own
    )
    assert done.returncode == 0, done.stderr
    spinning_s, quiet_s = map(float, done.stdout.split())
    assert spinning_s > 0.003, "nothing spins: this test shows nothing"
    assert quiet_s < 0.002


def test_products_after_it_are_the_same(no_thread_in_blas: None) -> None:
    expected = A @ A
    for _ in range(3):
        stop_spinning()
        np.testing.assert_array_equal(A @ A, expected)


@needs_threads
def test_beside_another_python_thread_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    monkeypatch.setattr(spinning, "_stoppers", lambda: (lambda: called.append(1),))
    before = set(threading.enumerate()) - {threading.current_thread()}
    found = threading.enumerate
    monkeypatch.setattr(spinning.threading, "enumerate", lambda: set(found()) - before)
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    stop_spinning()
    assert not called
    done.set()
    other.join()
    stop_spinning()
    assert called == [1]


#: after a parallel kernel has run, the pool's threads are there for good
BESIDE_POOL = """
import threading, time
import numpy as np
import einbench
from einbench.jit.spinning import stop_spinning

relu = einbench.operation("relu")
relu["simd"](**relu.draw(1000, "float32", seed=1))
assert threading.active_count() > 1, "no pool"
A = np.random.default_rng(0).random((700, 700))
spun_s = []
for _ in range(10):
    A @ A
    stop_spinning()
    before_s = time.process_time()
    time.sleep(0.02)
    spun_s.append(time.process_time() - before_s)
print(min(spun_s))
"""


@needs_threads
def test_threads_of_the_pool_are_no_reason_to_let_it_spin() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_POOL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.002


#: as a command does that measures; what a thread of BLAS does after a product
PATIENT = """
import os, sys, time
import numpy as np
from einbench.jit.spinning import restart_with_timeout

if "restart" in sys.argv:
    restart_with_timeout()
A = np.random.default_rng(0).random((700, 700))
spun_s = []
for _ in range(10):
    A @ A
    before_s = time.process_time()
    time.sleep(0.02)
    spun_s.append(time.process_time() - before_s)
print(os.environ.get("OPENBLAS_THREAD_TIMEOUT"), min(spun_s), max(spun_s))
"""


def after_products(*arguments: str, **environment: str) -> tuple[str, float, float]:
    name, _ = spinning.TIMEOUT
    own = {key: value for key, value in os.environ.items() if key != name}
    done = subprocess.run(
        [sys.executable, "-c", PATIENT, *arguments],
        capture_output=True, text=True, check=False, env=own | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    value, least_s, most_s = done.stdout.split()
    return value, float(least_s), float(most_s)


@needs_patience
def test_a_command_starts_anew_where_threads_cannot_be_ended_and_then_none_spins() -> None:
    value, _, spinning_s = after_products()
    assert (value, spinning_s > 0.004) == ("None", True), "nothing spins: this test shows nothing"
    value, quiet_s, _ = after_products("restart")
    assert value == "4"
    assert quiet_s < 0.002


@needs_patience
def test_what_the_user_says_of_threads_counts() -> None:
    assert after_products("restart", OPENBLAS_THREAD_TIMEOUT="20")[0] == "20"


@needs_threads
def test_a_command_goes_on_as_it_is_where_threads_can_be_ended() -> None:
    assert after_products("restart")[0] == "None"


@pytest.mark.long
@pytest.mark.parametrize("way", ["module", "script"])
def test_measuring_commands_alone_are_started_anew(way: str, tmp_path: Path) -> None:
    """The command runs under a stand-in for what starts a process anew."""
    source = (
        "import runpy, sys\n"
        "from einbench.jit import spinning\n"
        "def restarted(): print('anew'); sys.exit()\n"
        "spinning.restart_with_timeout = restarted\n"
        "sys.argv = ['einbench', *sys.argv[1:]]\n"
        + {
            "module": "runpy.run_module('einbench.cli', run_name='__main__', alter_sys=False)",
            "script": "from einbench.cli import start; start()",
        }[way]
    )

    def said(*arguments: str) -> str:
        command = [sys.executable, "-c", source, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        return done.stdout

    for command in ("compare", "fastest", "train", "tune"):
        assert said(command) == "anew\n"
    for others in (["list"], ["compare", "--help"], ["--version"]):
        assert "anew" not in said(*others)


def test_the_package_leaves_the_environment_of_its_caller_alone() -> None:
    source = (
        "import os; before = dict(os.environ)\n"
        "import einbench; einbench.operation('relu').draw(3)\n"
        "import einbench.verbs.compare, einbench.cli; assert dict(os.environ) == before"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "import history",
        "import choice",
        "import bounds",
        "import blas_timeout; blas_timeout.here()",
    ],
)
def test_suites_say_before_numpy_what_they_want_and_only_where_it_cannot_be_ended(
    statement: str,
) -> None:
    name, value = spinning.TIMEOUT
    own = {key: v for key, v in os.environ.items() if key != name}
    source = (
        # as asv does, which imports the suite from where it lies
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import os; {statement}\n"
        f"assert 'numpy' not in sys.modules; said = os.environ.get({name!r})\n"
        "import numpy, threadpoolctl; from einbench.jit import spinning\n"
        f"print(said == ({value!r} if spinning._endless() else None))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False, env=own
    )
    assert done.stdout == "True\n", done.stderr
