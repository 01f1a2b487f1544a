"""Readers that are broken on purpose are found, each for what it does."""

from __future__ import annotations

import contextlib
import ctypes
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .guard import Finding, in_memory, in_time, watched
from .targets import CORPUS, Target

ROOT = Path(__file__).resolve().parents[2]


def read_within(target: Target, content: bytes, folder: Path, seconds: float = 60.0) -> None:
    with watched(folder), in_time(seconds):
        in_memory(lambda: target(content, folder), len(content))


def writes_under_a_name_of_the_file(content: bytes, folder: Path) -> None:
    (folder / content.decode()).write_text("x")


def makes_a_folder_beside(content: bytes, folder: Path) -> None:
    (folder.parent / "beside").mkdir()


def removes_a_file_beside(content: bytes, folder: Path) -> None:
    (folder.parent / "there").unlink()


def evaluates(content: bytes, folder: Path) -> None:
    eval("1 + 1")  # noqa: S307 - what is to be found


def unpickles(content: bytes, folder: Path) -> None:
    pickle.loads(pickle.dumps(Path))  # noqa: S301 - what is to be found


def starts_a_process(content: bytes, folder: Path) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def opens_a_library(content: bytes, folder: Path) -> None:
    ctypes.CDLL(None)


def catches_all(content: bytes, folder: Path) -> None:
    with contextlib.suppress(Exception):
        writes_under_a_name_of_the_file(content, folder)


def holds_too_much(content: bytes, folder: Path) -> None:
    assert bytearray(80 * 2**20)


def refuses_in_two_lines(content: bytes, folder: Path) -> None:
    raise ValueError("no\nnumber")


def refuses_without_a_word(content: bytes, folder: Path) -> None:
    raise ValueError


def refuses_with_a_terminals_codes(content: bytes, folder: Path) -> None:
    raise ValueError("\x1b]0;title\x07")


BROKEN = [
    (writes_under_a_name_of_the_file, "writes"),
    (makes_a_folder_beside, r"os\.mkdir"),
    (removes_a_file_beside, r"os\.remove"),
    (evaluates, "runs code"),
    (unpickles, r"pickle\.find_class"),
    (starts_a_process, r"subprocess\.Popen"),
    (opens_a_library, r"ctypes\.dlopen"),
    (catches_all, "writes"),
    (holds_too_much, "holds 8.,...,... bytes for"),
    (refuses_in_two_lines, "not one clear line"),
    (refuses_without_a_word, "not one clear line"),
    (refuses_with_a_terminals_codes, "not one clear line"),
]


@pytest.mark.long
@pytest.mark.parametrize(("broken", "words"), BROKEN, ids=[b[0].__name__ for b in BROKEN])
def test_a_broken_reader_is_found(
    broken: Callable[[bytes, Path], None], words: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "there").touch()
    with pytest.raises(Finding, match=words):
        read_within(Target(broken, (ValueError,)), b"../outside", tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "there"]


def test_a_reader_that_hangs_is_found_also_where_it_catches_everything(tmp_path: Path) -> None:
    def hangs(content: bytes, folder: Path) -> None:
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends:
            with contextlib.suppress(Exception):
                while time.monotonic() < ends:
                    pass
                return

    with pytest.raises(Finding, match=r"longer than 0\.05 s"):
        read_within(Target(hangs), b"", tmp_path, 0.05)


def test_another_error_than_the_documented_ones_is_a_finding(tmp_path: Path) -> None:
    def raises(content: bytes, folder: Path) -> None:
        raise KeyError("kernel")

    with pytest.raises(KeyError):
        read_within(Target(raises, (ValueError,)), b"", tmp_path)


def test_a_reader_that_keeps_its_promises_is_none(tmp_path: Path) -> None:
    def writes(content: bytes, folder: Path) -> None:
        (folder / "a").write_bytes(content)
        (folder / "a").rename(folder / "b")

    read_within(Target(writes), b"x", tmp_path)
    assert (tmp_path / "b").read_bytes() == b"x"


BROKEN_IN_ATHERIS = """
import sys
from tests.fuzz import run, targets

def broken(content, folder):
    if len(content) > 8 and content[2:4] == b"\\x08\\x02":
        raise KeyError("two dimensions")

run.WORK = run.Path(sys.argv.pop())
targets.TARGETS["idx"] = targets.Target(broken, (ValueError,))
run._fuzz("idx", 60)
"""


def test_atheris_finds_a_broken_reader(tmp_path: Path) -> None:
    """Of files with other numbers of dimensions than two, which are in the corpus, it makes one."""
    pytest.importorskip("atheris", reason="make fuzz installs it")
    assert not any(f.read_bytes()[2:4] == b"\x08\x02" for f in (CORPUS / "idx").iterdir())
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_IN_ATHERIS, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "KeyError: 'two dimensions'" in done.stdout + done.stderr
    (crash,) = (tmp_path / "idx").glob("crash-*")
    assert crash.read_bytes()[2:4] == b"\x08\x02"
