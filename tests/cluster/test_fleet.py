"""Machines of a cluster tune, compare and remember; the command, a real scheduler and workers.

OPENBLAS_CORETYPE gives a worker another machine's matrix products: another machine in fact.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="dask is not installed (pip install 'einbench[dask]')")

from distributed import Client

import einbench
from einbench.choose import machines
from einbench.choose.wisdom import Wisdom
from einbench.cluster.kinds import kinds
from einbench.cluster.worker import machine
from einbench.records.kin import of_known
from einbench.records.read import read

X86 = os.uname().machine == "x86_64"


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "einbench.cli", *words], capture_output=True, text=True,
        check=False, cwd=home, env={**os.environ, "EINBENCH_WISDOM": str(home / "wisdom")},
    )  # fmt: skip


def worker_of(
    started: Any, scheduler: str, wisdom: Path, python: str = sys.executable, **variables: str
) -> None:
    started(
        "worker", scheduler, "--no-nanny", "--no-dashboard", "--nthreads", "2", python=python,
        EINBENCH_WISDOM=str(wisdom), **variables,
    )  # fmt: skip


def wait_for(scheduler: str, count: int) -> None:
    with Client(scheduler, set_as_default=False, timeout=60) as client:
        client.wait_for_workers(count, timeout=90)


@pytest.mark.parametrize("verb", ["compare", "tune"])
def test_a_wrong_address_is_one_line_and_status_two(verb: str, tmp_path: Path) -> None:
    done = command(tmp_path, verb, "relu", "--scheduler", "nowhere://1")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("  0%")]
    assert len(lines) == 1
    assert "expected an address" in lines[0]
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "words", [("compare", "--resume"), ("compare", "--with", "torch"), ("tune", "--resume")]
)
def test_what_a_cluster_cannot_do_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    done = command(tmp_path, *words, "relu", "--scheduler", "tcp://127.0.0.1:1")
    assert done.returncode == 2
    assert words[1] in done.stderr
    assert "leave it or --scheduler out" in done.stderr


@pytest.mark.long
@pytest.mark.skipif(not X86, reason="OPENBLAS_CORETYPE names x86-64's processors")
def test_two_machines_are_measured_and_come_home(
    scheduler: str, started: Any, tmp_path: Path
) -> None:
    worker_of(started, scheduler, tmp_path / "a", OPENBLAS_CORETYPE="Haswell")
    worker_of(started, scheduler, tmp_path / "b", OPENBLAS_CORETYPE="Nehalem")
    wait_for(scheduler, 2)
    with Client(scheduler, set_as_default=False) as client:
        each = kinds(client)
        assert [len(kind.workers) for kind in each] == [1, 1]
        assert machine() not in [kind.machine for kind in each]

    tuned = command(tmp_path, "tune", "relu", "--batch", "1,64", "--scheduler", scheduler)
    assert tuned.returncode == 0, tuned.stderr
    assert tuned.stdout.count("2 measured; 2 choices remembered") == 2
    assert [Wisdom(str(tmp_path / n)).operations() for n in ("a", "b")] == [["relu"]] * 2
    known, problems = machines.known(Wisdom(str(tmp_path / "wisdom")))
    assert problems == []
    cores = {each.facts["blas"][0]["architecture"]: each for each in known}
    assert set(cores) == {"Haswell", "Nehalem"}
    # nothing of them answers here: it is another machine's
    assert Wisdom(str(tmp_path / "wisdom")).operations() == []
    again = command(tmp_path, "tune", "relu", "--batch", "1,64", "--scheduler", scheduler)
    assert again.stdout.count("2 remembered already") == 2

    haswell = cores["Haswell"].facts
    named = command(
        tmp_path, "fastest", "relu", "--batch", "64", "--machine", haswell["fingerprint"]
    )
    assert named.returncode == 0, named.stderr
    (cell,) = [
        c for c in of_known(cores["Haswell"]).cells.items() if ("batch", 64) in c[0][1].sizes
    ]  # type: ignore[index]
    assert f"1 thread: {next(iter(cell[1]))}" in named.stdout

    described = {**haswell, "fingerprint": "0", "cpu": "a processor never seen"}
    (tmp_path / "other.json").write_text(json.dumps({"machine": described}), encoding="utf-8")
    kin = command(tmp_path, "fastest", "relu", "--batch", "64", "--machine", "other.json")
    assert kin.returncode == 0, kin.stderr
    said = " ".join(kin.stdout.split())
    assert "never measured: a processor never seen" in said
    assert haswell["fingerprint"] in said
    assert "left out one by one, the 2 machines at hand lose" in said
    assert f"1 thread: {next(iter(cell[1]))}" in said

    compared = command(
        tmp_path, "compare", "relu", "--batch", "8", "--budget", "0.2", "--scheduler", scheduler,
        "--json", "both.json",
    )  # fmt: skip
    assert compared.returncode == 0, compared.stderr
    reading = read([tmp_path / "both.json"])
    assert reading.warnings == []
    assert {m["blas"][0]["architecture"] for m in reading.machines} == {"Haswell", "Nehalem"}
    assert len({row["machine_fingerprint"] for row in reading.rows}) == 2
    assert {row["threads"] for row in reading.rows} == {1}
    saved = command(tmp_path, "fastest", "--from", "both.json", "--machine", "other.json")
    assert "nearest kin" in saved.stdout
    missing = command(tmp_path, "fastest", "relu", "--machine", "nobody")
    assert missing.returncode == 2
    assert "no machine 'nobody'" in missing.stderr


def chooser() -> Any:
    """A task that travels by value: workers have no module of tests."""

    def choose(batch: int) -> tuple[str, str]:
        from einbench.cluster.worker import prepare

        with prepare():
            drawn = einbench.operation("relu").draw(batch)
            return einbench.fastest("relu", **drawn).origin, machine()

    return choose


@pytest.mark.long
@pytest.mark.skipif(not X86, reason="OPENBLAS_CORETYPE names x86-64's processors")
def test_a_worker_of_another_machine_joins_and_makes_its_own_choice(
    scheduler: str, started: Any, tmp_path: Path
) -> None:
    worker_of(started, scheduler, tmp_path / "shared")
    wait_for(scheduler, 1)
    with Client(scheduler, set_as_default=False) as client:
        einbench.tune("relu", [64], client=client)
        assert client.submit(chooser(), 64, pure=False).result()[0] == "remembered"
        # the same folder of choices, as on a file system that machines share
        worker_of(started, scheduler, tmp_path / "shared", OPENBLAS_CORETYPE="Nehalem")
        client.wait_for_workers(2, timeout=90)
        first, second = (kind.measuring.address for kind in kinds(client))
        found = client.gather([
            client.submit(chooser(), 64, workers=[w], allow_other_workers=False, pure=False)
            for w in (first, second) for _ in range(2)
        ])  # fmt: skip
    origins = {name: [o for o, of in found if of == name] for _, name in found}
    assert sorted(map(sorted, origins.values())) == [
        ["measured", "remembered"], ["remembered", "remembered"],
    ]  # fmt: skip


def test_tune_and_wisdom_answer_for_this_machine_too(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    tuned = einbench.tune("relu", [4])
    (here,) = tuned.machines
    assert [cell["origin"] for cell in here.found] == ["measured"]
    assert "relu" in str(tuned)
    assert einbench.wisdom().machines[0].choices == 1
    with pytest.raises(ValueError, match="rigor"):
        einbench.tune("relu", [4], rigor="none")


def test_a_brought_home_file_that_is_damaged_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "machines"
    folder.mkdir()
    (folder / "broken.json").write_text("{", encoding="utf-8")
    (folder / "other.json").write_text('{"schema": "einbench.wisdom/1"}', encoding="utf-8")
    known, problems = machines.known(Wisdom(str(tmp_path)))
    assert known == []
    assert len(problems) == 2
    assert all("skipped" in problem for problem in problems)
