"""What both commands of this folder understand alike."""

from __future__ import annotations

import argparse

from einbench.host.machine import usable_threads


def batches(text: str) -> tuple[int, ...]:
    """``32,128`` as numbers."""
    return tuple(count(part) for part in text.split(","))


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 on")
    return int(text)


def threads(text: str) -> int:
    """No more than there are cores."""
    asked = count(text)
    if asked > usable_threads():
        most = usable_threads()
        raise argparse.ArgumentTypeError(f"{asked}: expected 1 to {most}, the cores there are")
    return asked
