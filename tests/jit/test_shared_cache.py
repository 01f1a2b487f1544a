"""numba's cache stays whole when several processes compile the same functions at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from einbench.jit import shared_cache

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")


SAVES = 40

#: saves forms of its own to an index that others write to, and reads each back
SAVING = f"""
import sys
from einbench.jit.shared_cache import _file_class
file = _file_class()(sys.argv[1], "function", "stamp")
print("ready", flush=True)
sys.stdin.readline()
for number in range({SAVES}):
    key = sys.argv[2], number
    file.save(key, key)
    assert file.load(key) == key
"""

#: what the cache gives of kernels compiled in one dtype, and whether it is right
COMPILING = """
import sys
import numpy as np
import einbench

dtype = sys.argv[1]
print("ready", flush=True)
sys.stdin.readline()
for name in ("relu", "relu_vjp", "tanh_vjp", "sigmoid_vjp", "bias_gradient"):
    op = einbench.operation(name)
    arrays = op.draw(3, dtype, **dict.fromkeys(op.sizes, 5))
    np.testing.assert_allclose(op["numba"](**arrays), op["loop"](**arrays), rtol=1e-5)
    (form,) = op["numba"].function._forms.values()
    print(name, sum(form.stats.cache_hits.values()), sum(form.stats.cache_misses.values()))
"""


def start(code: str, *arguments: str, **environment: str) -> Any:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env={**os.environ, **environment}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def together(*processes: Any) -> list[list[str]]:
    """Their lines, when all have begun at the same time and ended well."""
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, ended, strict=True):
        assert process.returncode == 0, errors
    return [said.splitlines() for said, _ in ended]


def test_no_form_that_processes_save_at_once_is_lost_or_taken_for_another(tmp_path: Path) -> None:
    names = ("one", "two", "three")
    together(*(start(SAVING, str(tmp_path), name) for name in names))
    file = shared_cache._file_class()(str(tmp_path), "function", "stamp")
    for key in ((name, number) for name in names for number in range(SAVES)):
        assert file.load(key) == key


def test_kernels_compiled_in_two_dtypes_at_once_are_all_found_and_right(tmp_path: Path) -> None:
    def both() -> list[list[str]]:
        place = {"NUMBA_CACHE_DIR": str(tmp_path)}
        return together(*(start(COMPILING, dtype, **place) for dtype in ("float32", "float64")))

    assert not any(line.endswith("1 0") for said in both() for line in said)
    again = both()
    assert [line.split()[1:] for said in again for line in said] == [["1", "0"]] * 10
    assert not list(tmp_path.rglob("*.tmp.*"))


HOLDING = """
import sys, time
from einbench.jit.shared_cache import _locked
with _locked(sys.argv[1]) as ours:
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("number", [9, 2], ids=["killed", "ctrl-c"])
def test_the_lock_of_a_process_that_ends_is_released(number: int, tmp_path: Path) -> None:
    process = start(HOLDING, str(tmp_path))
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, number)
    process.communicate()
    began_s = time.monotonic()
    with shared_cache._locked(str(tmp_path)) as ours:
        assert ours
    assert time.monotonic() - began_s < 2


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_one_that_was_stopped_costs_others_the_cache_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_cache, "_TIMEOUT_S", 0.1)
    file = shared_cache._file_class()(str(tmp_path), "function", "stamp")
    file.save("key", "data")
    process = start(HOLDING, str(tmp_path))
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGSTOP)
    try:
        assert file.load("key") is None
        file.save("other", "data")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert (file.load("key"), file.load("other")) == ("data", None)


FORKING = """
import os, sys, time
from einbench.jit.shared_cache import _locked
with _locked(sys.argv[1]):
    child = os.fork()
    if not child:
        time.sleep(600)
began_s = time.monotonic()
with _locked(sys.argv[1]) as ours:
    print(ours, time.monotonic() - began_s < 2)
os.kill(child, 9)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_of_fork_does_not_keep_its_parents_lock(tmp_path: Path) -> None:
    said, errors = start(FORKING, str(tmp_path)).communicate(timeout=60)
    assert said == "True True\n", errors


def test_where_there_can_be_no_lock_the_cache_works_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / shared_cache._LOCK).mkdir()
    monkeypatch.setattr(shared_cache, "_TIMEOUT_S", 0.1)
    file = shared_cache._file_class()(str(tmp_path), "function", "stamp")
    file.save("key", "data")
    assert file.load("key") == "data"
    assert (
        shared_cache._file_class()(str(tmp_path / "none"), "function", "stamp").load("key") is None
    )
