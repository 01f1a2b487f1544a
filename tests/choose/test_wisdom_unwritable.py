"""Where nothing can be written: memory only, said once, and what was there is there still."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from choose_support import OPERATION, batches, choice, run, warned_once

from einbench.choose.wisdom import Wisdom

Start = Callable[..., Any]


@pytest.fixture
def kept(tmp_path: Path) -> Wisdom:
    return Wisdom(str(tmp_path / "wisdom"))


def test_below_a_regular_file_choices_live_in_memory_with_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    kept = Wisdom(str(tmp_path / "file" / "wisdom"))
    with warned_once("choices are remembered in memory only"), kept.measuring():
        for operation in ("one", "two"):
            kept.remember(operation, choice(1))
            kept.remember(operation, choice(2))
            kept.remember(operation, choice(2, "numba", date="2027-01-02T03:04:05Z"))
    assert batches(kept.book("one")) == batches(kept.book("two")) == [1, 2]
    assert kept.book("one").choices[1].kernel == "numba"
    assert kept.operations() == ["one", "two"]
    assert (kept.forget("one"), kept.operations()) == (2, ["two"])
    assert (tmp_path / "file").read_text() == "no folder"


def test_memory_alone_is_enough_to_decide(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "file" / "wisdom"))
    bench = start(loop=2e-3, quick=1e-3)
    with warned_once("memory only"):
        bench.decide(4)
        bench.decide(64)
    found = [bench.decide(4).origin, bench.decide(64).origin, bench.decide(16).origin]
    assert found == ["remembered", "remembered", "interpolated"]


UNPRIVILEGED = """
place, os.environ["EINBENCH_WISDOM"] = os.environ["EINBENCH_WISDOM"], os.environ["ELSEWHERE"]
einbench.auto.doubled(np.ones((5, 3), "float32"))  # not importable where Python is root's
wisdom().remember("doubled", choice(1))
os.environ["EINBENCH_WISDOM"] = place
einbench.auto.refresh()
os.setgroups([]), os.setgid(65534), os.setuid(65534)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    kept = wisdom()
    found = [c.signature.sizes[0][1] for c in kept.book("doubled").choices]
    for batch in (7, 8):
        kept.remember("doubled", choice(batch))
    x = np.ones((5, 3), "float32")
    assert (einbench.auto.doubled(x) == 2).all()
    after = [c.signature.sizes[0][1] for c in kept.book("doubled").choices]
print(found, after, [str(w.message) for w in caught if "wisdom" in str(w.message)])
"""


@pytest.mark.long
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid(), reason="only root becomes another user"
)
def test_a_folder_that_may_only_be_read_is_read_and_no_more() -> None:
    # pytest's own folders are closed to other users
    place = Path(tempfile.mkdtemp(prefix="einbench-", dir="/tmp"))
    try:
        place.chmod(0o755)
        environ = {"EINBENCH_WISDOM": str(place / "wisdom"), "ELSEWHERE": str(place / "other")}
        run(OPERATION + 'wisdom().remember("doubled", choice(4))', **environ)
        files = sorted(p.name for p in (place / "wisdom").iterdir())
        before = (place / "wisdom" / "doubled.json").read_bytes()
        said = run(OPERATION + UNPRIVILEGED, **environ).stdout
        assert said.startswith("[4] [4, 7, 8, 5] [")
        assert said.count("Permission denied; choices are remembered in memory only") == 1
        assert said.count("einbench's wisdom") == 1
        assert sorted(p.name for p in (place / "wisdom").iterdir()) == files
        assert (place / "wisdom" / "doubled.json").read_bytes() == before
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("step", ["fsync", "replace", "mkstemp"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_write_that_fails_anywhere_leaves_the_old_file(
    step: str, number: int, kept: Wisdom, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.remember("op", choice(1))

    def refuse(*args: Any, **more: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched, warned_once(os.strerror(number)):
        patched.setattr("tempfile.mkstemp" if step == "mkstemp" else f"os.{step}", refuse)
        kept.remember("op", choice(2))
        kept.remember("op", choice(3))
    assert batches(kept.book("op")) == [1, 2, 3]
    assert batches(Wisdom(kept.folder).book("op")) == [1]
    assert kept.unwritten == ["op"]
    assert not list(Path(kept.folder).glob(".op*"))
    # once there is room, what was measured meanwhile is written too
    kept.remember("op", choice(4))
    assert batches(Wisdom(kept.folder).book("op")) == [1, 2, 3, 4]
    assert kept.unwritten == []


def test_files_that_may_not_grow_leave_the_old_file(tmp_path: Path) -> None:
    script = """
import resource
kept = wisdom()
kept.remember("doubled", choice(4))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for batch in range(5, 20):
        kept.remember("doubled", choice(batch))
print(len(kept.book("doubled").choices), len(caught), os.listdir(kept.folder))
"""
    pytest.importorskip("resource")
    done = run(OPERATION + script, EINBENCH_WISDOM=str(tmp_path / "wisdom"))
    assert done.stdout.startswith("16 1 [")
    assert ".doubled" not in done.stdout
    content = json.loads((tmp_path / "wisdom" / "doubled.json").read_text())
    assert 1 <= len(content["choices"]) < 16


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        kept = Wisdom(str(disk / "wisdom"))
        kept.remember("op", choice(1))
        before = Path(kept.path("op")).read_bytes()
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        with warned_once("No space left on device"):
            for batch in range(2, 6):
                kept.remember("op", choice(batch))
                kept.remember("new", choice(batch))
        assert batches(kept.book("op")) == [1, 2, 3, 4, 5]
        assert Path(kept.path("op")).read_bytes() == before
        assert batches(Wisdom(kept.folder).book("op")) == [1]
        (disk / "filler").unlink()
        Wisdom(kept.folder).remember("op", choice(9))
        assert batches(Wisdom(kept.folder).book("op")) == [1, 9]
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S607


@pytest.mark.filterwarnings("ignore:flock not supported")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_files_cannot_be_locked_work_goes_on(
    number: int, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*args: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr("einbench.choose.wisdom._LOCK_TIMEOUT_S", 0.1)
    monkeypatch.setattr("einbench.choose.wisdom._MEASURING_TIMEOUT_S", 0.1)
    bench = start(loop=1e-3)
    with contextlib.nullcontext() if number == errno.ENOSYS else warned_once("memory only"):
        assert bench.decide().origin == "measured"
        assert bench.decide().origin == "remembered"


def test_a_lock_that_is_never_given_back_is_not_waited_for_forever(
    kept: Wisdom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("einbench.choose.wisdom._LOCK_TIMEOUT_S", 0.05)
    other = Wisdom(kept.folder)
    with other._locked("op"):
        kept_batches: list[Any] = []

        def write() -> None:
            with warned_once("memory only"):
                kept.remember("op", choice(1))
            kept_batches.append(batches(kept.book("op")))

        writer = threading.Thread(target=write)
        writer.start()
        writer.join(20)
    assert kept_batches == [[1]]
    assert batches(other.book("op")) == []
