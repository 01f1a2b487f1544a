"""When and why no times are taken: reported, where the plugin would pass silently."""

from __future__ import annotations

import os

import pytest

#: what a skipped test says first, and what the summary counts
CHECKED = "checked, not timed: "

_XDIST = "pytest-xdist runs tests side by side, which spoils times; run without -n"
_DISABLED = "--benchmark-disable was given; run without it"
_SKIPPED = "--benchmark-skip was given; run without it"


def why_untimed(config: pytest.Config) -> str:
    """Why kernels are checked but not timed in this session; empty where they are timed."""
    if os.environ.get("PYTEST_XDIST_WORKER") or config.getoption("dist", "no") != "no":
        return _XDIST
    if config.getoption("benchmark_disable", False):
        return "" if config.getoption("benchmark_enable", False) else _DISABLED
    return ""


def why_skipped(config: pytest.Config) -> str:
    """Why nothing is even checked: the flag that asks the plugin to run no benchmark."""
    only = config.getoption("benchmark_only", False)
    return _SKIPPED if config.getoption("benchmark_skip", False) and not only else ""


def refuse_empty_results(config: pytest.Config) -> None:
    """Raise where results are to be written and there will be none.

    The plugin then writes no file and exits with 0: what reads the file next finds an old one.

    Raises:
        pytest.UsageError: times are requested in a session that takes none.
    """
    reason = why_untimed(config) or why_skipped(config)
    for flag in ("json", "save", "autosave"):
        if reason and config.getoption(f"benchmark_{flag}", None):
            raise pytest.UsageError(f"--benchmark-{flag} would have nothing to write: {reason}")


def lines(config: pytest.Config, skipped: list[str]) -> list[str]:
    """What the summary says of a session without times, from the reasons of skipped tests."""
    if reason := why_skipped(config):
        return [f"NOT CHECKED, NOT TIMED: {reason}"] if skipped else []
    checked = sum(CHECKED in text for text in skipped)
    reason = why_untimed(config)
    return [f"NOT TIMED: {reason} ({checked} checked)"] if checked else []
