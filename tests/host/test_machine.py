"""What a number was taken with, and the threads it may use."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from einbench.host import machine as module
from einbench.host import threading_layer
from einbench.host.cores import usable_threads
from einbench.host.libraries import why_missing
from einbench.host.machine import limit_threads, machine

NUMBA = pytest.mark.skipif(
    bool(why_missing(("numba",)) or threading_layer.why_not_parallel()),
    reason="no parallel numba here",
)
TWO = pytest.mark.skipif(usable_threads() < 2, reason="needs two cores")


def blas_threads() -> list[int]:
    return [p["num_threads"] for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]


def test_a_machine_is_json() -> None:
    facts = machine()
    assert json.loads(json.dumps(facts)) == facts


def test_the_facts_a_number_needs_are_there() -> None:
    facts = machine()
    assert facts["numpy"] == np.__version__
    assert facts["usable_cores"] == usable_threads()
    assert set(facts["caches"]) == {"L1d", "L2", "L3"}
    assert facts["memory_bytes"] > 1 << 20
    assert facts["blas"]
    for library in facts["blas"]:
        assert set(library) == {
            "vendor", "version", "threading_layer", "num_threads", "architecture",
        }  # fmt: skip


def test_the_name_of_the_host_and_paths_stay_private() -> None:
    facts = json.dumps(machine())
    assert str(Path(np.__file__).parent) not in facts
    assert f'"{platform.node()}"' not in facts


@TWO
def test_the_fingerprint_is_stable_whatever_the_thread_limit() -> None:
    before = machine()["fingerprint"]
    with limit_threads(1):
        inside = machine()
    assert inside["fingerprint"] == before == machine()["fingerprint"]
    assert {b["num_threads"] for b in inside["blas"]} == {1}


def test_another_processor_has_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine()["fingerprint"]
    monkeypatch.setattr(module, "cpu_model", lambda: "Z80")
    assert machine()["cpu"] == "Z80"
    assert machine()["fingerprint"] != before


@pytest.mark.parametrize("problem", [OSError, ValueError, NotImplementedError, KeyError])
def test_facts_that_a_machine_does_not_tell_are_none(
    problem: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def silent(*args: object, **more: object) -> object:
        raise problem("not here")

    monkeypatch.setattr(module, "cpu_model", silent)
    monkeypatch.setattr(module, "blas_libraries", silent)
    monkeypatch.setattr(module.psutil, "cpu_count", silent)
    monkeypatch.setattr(module.psutil, "virtual_memory", silent)
    monkeypatch.setattr(module, "_CACHES", tmp_path)
    monkeypatch.setattr(module.cgroup, "_OWN", str(tmp_path / "none"))
    monkeypatch.setattr(module, "_version", lambda name: None)
    facts = machine()
    for key in ("cpu", "physical_cores", "memory_bytes", "numba", "scipy"):
        assert facts[key] is None
    assert facts["blas"] == []
    assert set(facts["caches"].values()) == {None}
    assert len(facts["fingerprint"]) == 12


def test_a_mac_is_asked_through_sysctl(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"machdep.cpu.brand_string": "Apple M9", "hw.l1dcachesize": "65536"}

    def run(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
        answer = answers.get(command[-1])
        return subprocess.CompletedProcess(command, int(answer is None), answer or "", "unknown")

    monkeypatch.setattr(module.sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(module, "library", lambda name: None)
    monkeypatch.setattr(module.threading_layer, "library", lambda name: None)
    facts = machine()
    assert facts["cpu"] == "Apple M9"
    assert facts["caches"] == {"L1d": 65536, "L2": None, "L3": None}


def test_caches_are_read_in_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for index, (level, kind, size) in enumerate(
        [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "2M")]
    ):
        folder = tmp_path / "cpu0" / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(text + "\n")
    monkeypatch.setattr(module, "_CACHES", tmp_path)
    assert module._caches() == {"L1d": 48 << 10, "L2": 2 << 20, "L3": None}


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (1.5, 2), (0.2, 1), (64.0, 8)])
def test_usable_threads_heed_affinity_and_quota(
    quota: float | None, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.cgroup, "quota_cores", lambda: quota)
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert usable_threads() == cores


@TWO
def test_a_limit_holds_in_the_block_and_not_after_it() -> None:
    before = blas_threads()
    with limit_threads(2) as outer, limit_threads(1) as inner:
        assert (outer, inner) == (2, 1)
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


@NUMBA
@TWO
def test_numba_is_limited_together_with_blas() -> None:
    import numba

    with limit_threads(2):
        assert numba.get_num_threads() == 2
        with limit_threads(1):
            assert numba.get_num_threads() == 1
        assert numba.get_num_threads() == 2
        assert numba.threading_layer() == "tbb"


@TWO
def test_an_error_in_the_block_restores_the_limits() -> None:
    before = blas_threads()
    with pytest.raises(ZeroDivisionError), limit_threads(1):
        _ = 1 // 0
    assert blas_threads() == before


def test_no_limit_means_all_usable_cores() -> None:
    with limit_threads() as threads:
        assert threads == usable_threads()
        assert max(blas_threads(), default=threads) == threads


def test_without_numba_blas_alone_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "numba_threads", lambda: None)
    with limit_threads(1):
        assert set(blas_threads()) <= {1}


@pytest.mark.parametrize("n", [0, -1, 99, 1.5, True, "2"])
def test_threads_that_are_not_there_are_refused(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usable_threads", lambda: 2)
    monkeypatch.setattr(module, "numba_threads", lambda: None)
    with pytest.raises(ValueError, match="threads=") as caught, limit_threads(n):
        pass
    assert str(caught.value) == f"threads={n!r}: expected 1 to 2, the cores this process may use"


def test_scipys_blas_is_not_taken_for_numpys():
    """Both are called libscipy_openblas: the folder distinguishes them."""
    code = (
        "from einbench.host.machine import machine\n"
        "before = machine()\n"
        "import scipy.linalg\n"
        "after = machine()\n"
        "assert before['blas'] == after['blas'], after['blas']\n"
        "assert before['fingerprint'] == after['fingerprint']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_another_python_thread_limits_blas_too() -> None:
    """Though the first one to do so still lives, which threadpoolctl takes for the only one."""
    import threading

    import threadpoolctl

    from einbench.choose.environment import threads

    threadpoolctl.threadpool_limits(limits=threads().blas, user_api="blas")  # this thread's now
    found = []

    def limited() -> None:
        with limit_threads(1):
            found.append(threads().blas)

    with limit_threads():
        before = threads().blas
        other = threading.Thread(target=limited)
        other.start()
        other.join()
        assert (found, threads().blas) == ([1], before)
