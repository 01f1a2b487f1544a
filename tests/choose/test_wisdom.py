"""Books in a folder: which folder, what becomes of files that are no books, and of no folder."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
from choose_support import batches, choice, signature, warned_once
from hypothesis import given
from hypothesis import strategies as st

from einbench.choose import wisdom as module
from einbench.choose.book import Book
from einbench.choose.wisdom import Wisdom, wisdom
from einbench.host.documents import write_whole
from einbench.host.folders import wisdom_folder as folder


@pytest.fixture
def kept(tmp_path: Path) -> Wisdom:
    return Wisdom(str(tmp_path / "wisdom"))


def test_the_folder_is_what_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for asked, found in ((str(tmp_path), str(tmp_path)), ("here", str(tmp_path / "here"))):
        monkeypatch.setenv("EINBENCH_WISDOM", asked)
        assert folder() == found
        assert wisdom().folder == found
    monkeypatch.setenv("EINBENCH_WISDOM", "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder() == str(tmp_path / "mine")


@pytest.mark.parametrize("asked", [None, "", "  "])
@pytest.mark.parametrize("caches", [None, "/somewhere/caches", ""])
def test_else_it_lies_in_the_users_cache_directory(
    asked: str | None, caches: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EINBENCH_WISDOM", raising=False)
    if asked is not None:
        monkeypatch.setenv("EINBENCH_WISDOM", asked)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if caches is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", caches)
    expected = platformdirs.user_cache_dir("einbench", appauthor=False)
    assert folder() == os.path.join(expected, "wisdom")  # noqa: PTH118
    with monkeypatch.context() as other_system:
        other_system.setattr(sys, "platform", "another")
        assert folder() == os.path.join(expected, "wisdom")  # noqa: PTH118


def test_a_process_has_one_wisdom_of_a_folder(folder: Path) -> None:
    assert wisdom() is wisdom()
    os.environ["EINBENCH_WISDOM"] = str(folder / "other")
    assert wisdom().folder == str(folder / "other")


def test_what_is_remembered_is_there_for_the_next_process(kept: Wisdom) -> None:
    kept.remember("op", choice(1), choice(2))
    kept.remember("op", choice(3))
    assert batches(Wisdom(kept.folder).book("op")) == [1, 2, 3]
    assert kept.operations() == ["op"]


def test_what_another_process_remembers_is_seen(kept: Wisdom) -> None:
    other = Wisdom(kept.folder)
    assert batches(kept.book("op")) == []
    other.remember("op", choice(1))
    assert batches(kept.book("op")) == [1]
    kept.remember("op", choice(2))
    assert batches(other.book("op")) == [1, 2]


def test_a_file_that_did_not_change_is_not_read_again(
    kept: Wisdom, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.remember("op", choice(1))
    monkeypatch.setattr(module, "load", None)
    assert batches(kept.book("op")) == [1]


def test_an_operation_is_forgotten_alone(kept: Wisdom) -> None:
    kept.remember("op", choice(1), choice(2))
    kept.remember("other", choice(3))
    assert (kept.forget("op"), kept.forget("op")) == (2, 0)
    assert (kept.operations(), batches(kept.book("op"))) == (["other"], [])
    assert batches(Wisdom(kept.folder).book("op")) == []


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_every_operation_has_a_file_of_its_own(one: str, other: str) -> None:
    names = [module._file_name(name) for name in (one, other)]
    assert (names[0] == names[1]) == (one == other)
    assert module._CUT in names[0] or module._operation_name(names[0]) == one
    assert len(names[0]) <= module._MOST_NAME
    assert names[0].isascii()
    assert not set(names[0]) & set('/\\.\0 :*?"<>|')


def test_an_expression_is_remembered_under_its_own_name(kept: Wisdom) -> None:
    for name in ("bu,bf->uf", "../../escape", "CON", "a" * 200, "ä b"):
        kept.remember(name, choice(1))
        assert name in kept.operations()
        assert batches(Wisdom(kept.folder).book(name)) == [1]
    assert {p.parent for p in Path(kept.folder).parent.rglob("*.json")} == {Path(kept.folder)}


def test_expressions_of_many_operands_have_files_of_their_own(kept: Wisdom) -> None:
    names = [",".join(["abc"] * 60) + end for end in ("->abc", "->acb")]
    for number, name in enumerate(names):
        kept.remember(name, choice(number + 1))
    assert kept.unwritten == []
    later = Wisdom(kept.folder)
    assert later.operations() == names
    assert [batches(later.book(name)) for name in names] == [[1], [2]]
    assert later.forget(names[0]) == 1
    (left,) = Path(kept.folder).glob("*.json")
    left.write_text("{}")  # nothing is known of what it was
    assert len(Wisdom(kept.folder).operations()) == 1


def test_a_damaged_file_is_set_aside_and_not_deleted(kept: Wisdom) -> None:
    path = Path(kept.path("op"))
    path.parent.mkdir()
    for number in (1, 2, 3):
        content = f"damaged {number}".encode()
        path.write_bytes(content)
        kept = Wisdom(kept.folder)
        with warned_once(f"op.json.damaged-{number}, nothing of it is used"):
            assert kept.book("op") == Book()
        assert not path.exists()
        assert Path(f"{path}.damaged-{number}").read_bytes() == content
    kept.remember("op", choice(1))
    assert batches(Wisdom(kept.folder).book("op")) == [1]
    assert kept.operations() == ["op"]


def test_a_file_damaged_meanwhile_is_set_aside_before_it_is_written(kept: Wisdom) -> None:
    path = Path(kept.path("op"))
    path.parent.mkdir()
    path.write_bytes(b"{")
    with warned_once("damaged-1"):
        kept.remember("op", choice(1))
    assert batches(Wisdom(kept.folder).book("op")) == [1]
    assert Path(f"{path}.damaged-1").read_bytes() == b"{"


def test_of_many_damaged_files_the_newest_three_are_kept(kept: Wisdom) -> None:
    path = Path(kept.path("op"))
    path.parent.mkdir()
    for number in range(7):
        path.write_bytes(b"{" * (number + 1))
        os.utime(path, (number, number))
        # the first five are as an earlier version left them
        if number < 5:
            path.rename(f"{path}.damaged-{number + 1}")
            continue
        with pytest.warns(RuntimeWarning):
            assert Wisdom(kept.folder).book("op") == Book()
        aside = Path(kept.folder).glob("*.damaged-*")
        lengths = sorted(len(one.read_bytes()) for one in aside)
        assert lengths == [number - 1, number, number + 1]


def newer(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"schema": "einbench.wisdom/2",  "of": ["another", "form"]}')
    return path.read_bytes()


def test_a_newer_einbenchs_file_is_left_bit_for_bit(kept: Wisdom) -> None:
    path = Path(kept.path("op"))
    before = newer(path)
    stamp = path.stat()
    with warned_once("a newer einbench wrote it; it is left as it is"):
        assert kept.book("op") == Book()
        for batch in (1, 2):
            kept.remember("op", choice(batch))
    assert batches(kept.book("op")) == [1, 2]
    assert path.read_bytes() == before
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (stamp.st_mtime_ns, stamp.st_ino)
    assert [p.name for p in path.parent.iterdir() if "lock" not in p.name] == ["op.json"]


def test_forgetting_leaves_a_newer_einbenchs_file_alone(kept: Wisdom) -> None:
    path = Path(kept.path("op"))
    before = newer(path)
    with pytest.warns(RuntimeWarning), contextlib.suppress(OSError):
        kept.forget("op")
    assert path.read_bytes() == before


def test_a_newer_file_that_takes_a_damaged_ones_place_meanwhile_is_left(
    kept: Wisdom, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(kept.path("op"))
    path.parent.mkdir()
    path.write_bytes(b"{")
    locked = Wisdom._locked

    @contextlib.contextmanager
    def late(self: Wisdom, operation: str) -> Iterator[None]:
        with locked(self, operation):
            newer(path)
            yield

    monkeypatch.setattr(Wisdom, "_locked", late)
    with pytest.warns(RuntimeWarning):
        assert kept.book("op") == Book()
    assert path.read_bytes() == newer(path)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_left_alone(kind: str, kept: Wisdom) -> None:
    path = Path(kept.path("op"))
    path.parent.mkdir()
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with warned_once("no regular file; it is left as it is"):
        kept.remember("op", choice(1))
    assert batches(kept.book("op")) == [1]
    assert path.is_dir() if kind == "folder" else path.is_fifo()


def test_a_file_that_cannot_be_read_is_not_overwritten(
    kept: Wisdom, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.remember("op", choice(1))
    path = Path(kept.path("op"))
    before = path.read_bytes()
    real = os.open

    def refuse(name: Any, *args: Any, **more: Any) -> int:
        if os.fspath(name) == str(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(name, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        fresh = Wisdom(kept.folder)
        with warned_once("Permission denied; it is left as it is"):
            fresh.remember("op", choice(2))
            fresh.remember("op", choice(3))
        assert batches(fresh.book("op")) == [2, 3]
    assert path.read_bytes() == before
    assert batches(Wisdom(kept.folder).book("op")) == [1]


def test_a_dangling_link_is_no_file(kept: Wisdom) -> None:
    path = Path(kept.path("op"))
    path.parent.mkdir()
    path.symlink_to("nowhere")
    assert kept.book("op") == Book()
    kept.remember("op", choice(1))
    assert batches(Wisdom(kept.folder).book("op")) == [1]


def test_leftovers_of_writers_that_died_do_not_disturb(kept: Wisdom) -> None:
    kept.remember("op", choice(1))
    here = Path(kept.folder)
    for number in range(3):
        (here / f".op.json.abcdef{number:02}").write_bytes(b'{"schema": "einb')
    (here / "op.json.lock").write_text("whatever")
    (here / "measuring.lock").write_text("whatever")
    fresh = Wisdom(kept.folder)
    fresh.remember("op", choice(2))
    assert batches(fresh.book("op")) == [1, 2]
    assert fresh.operations() == ["op"]


def test_a_file_that_is_written_can_be_read_by_others(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "content")
    if os.name == "posix":
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_numbers_of_numpys_are_written_as_numbers(kept: Wisdom) -> None:
    time = choice(1).times["loop"]._replace(error=np.float64(0.25))
    kept.remember("op", choice(1)._replace(times={"loop": time}))
    assert Wisdom(kept.folder).book("op").choices[0].times["loop"].error == 0.25
    assert signature(1) == Wisdom(kept.folder).book("op").choices[0].signature
