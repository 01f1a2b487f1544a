"""What takes long says so on a terminal, and nowhere else."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from einbench.choose import telling
from einbench.jit.spinning import waiting

Start = Callable[..., Any]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in place of stderr, a line at once, and how often is left to the test."""
    stream = Terminal()
    # pytest has a stderr of its own for each phase of a test
    monkeypatch.setattr(telling, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(telling, "_EVERY_S", 1e-3)
    return stream


def until_drawn(stream: io.StringIO, text: str) -> None:
    for _ in range(3_000):
        if text in stream.getvalue():
            return
        telling.time.sleep(1e-3)
    raise AssertionError(stream.getvalue())


def test_a_terminal_is_told_what_is_done_and_is_left_as_it_was(terminal: Terminal) -> None:
    with telling.telling("linear at batch 128") as report:
        report(0.5, "compiling tiled")
        until_drawn(terminal, "einbench: linear at batch 128: compiling tiled, for 1 s, about")
        report(0.9, "timing")
        until_drawn(terminal, "timing")
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert "\n" not in terminal.getvalue()


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_what_cannot_go_back_is_told_nothing(
    term: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    with telling.telling("linear") as report:
        report(0.5, "timing")
        telling.time.sleep(0.02)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_a_pipe_is_told_nothing(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # pytest has a stderr of its own for each phase of a test
    monkeypatch.setattr(telling, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setattr(telling, "_EVERY_S", 1e-3)
    with telling.telling("linear") as report:
        report(0.5, "timing")
        telling.time.sleep(0.02)
    assert stream is None or stream.getvalue() == ""


def test_what_is_over_soon_is_not_told(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "_EVERY_S", 1000.0)
    with telling.telling("linear") as report:
        report(0.5, "timing")
    assert terminal.getvalue() == ""


def test_a_command_s_own_bar_is_not_drawn_over(terminal: Terminal) -> None:
    with telling.elsewhere(), telling.telling("linear") as report:
        report(0.5, "timing")
        telling.time.sleep(0.02)
    seen: list[tuple[float, str]] = []
    with telling.telling("linear", lambda *said: seen.append(said)) as report:
        report(0.5, "timing")
    assert (terminal.getvalue(), seen) == ("", [(0.5, "timing")])


def test_inside_one_another_only_the_first_has_the_line(terminal: Terminal) -> None:
    with telling.telling("outer") as outer, telling.telling("inner") as inner:
        inner(0.5, "inner")
        outer(0.5, "timing")
        until_drawn(terminal, "outer: timing")
    assert "inner" not in terminal.getvalue()


def test_the_thread_that_draws_is_none_that_calls_blas(terminal: Terminal) -> None:
    """Threads of BLAS are ended between samples only where no thread can be in a product."""
    with telling.telling("linear") as report:
        report(0.5, "timing")
        until_drawn(terminal, "timing")
        assert [t.name for t in waiting if t.is_alive()].count("einbench-telling") == 1


@pytest.mark.parametrize(
    ("part", "elapsed_s", "said"),
    [
        (0.0, 3.2, "einbench: linear: compiling, for 3 s"),
        (0.25, 10.0, "einbench: linear: compiling, for 10 s, about 30 s more"),
        (0.999, 10.0, "einbench: linear: compiling, for 10 s, about 1 s more"),
        (0.1, 60.0, "einbench: linear: compiling, for 60 s, about 9 min more"),
    ],
)
def test_how_long_still_follows_from_the_part_that_is_done(
    part: float, elapsed_s: float, said: str
) -> None:
    assert telling.said_at("linear", "compiling", part, elapsed_s) == said


def test_a_measurement_tells_its_steps_in_order(start: Start) -> None:
    bench = start(loop=2e-3, quick=1e-3)
    told: list[tuple[float, str]] = []
    bench.decide(progress=lambda *said: told.append(said))
    parts = [part for part, _ in told]
    assert parts == sorted(parts)
    assert 0 <= parts[0] <= parts[-1] <= 1
    labels = [label for _, label in told]
    for expected in ("first call of loop", "first call of quick", "checking loop", "timing"):
        assert expected in labels
