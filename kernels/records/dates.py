"""Points in time as every harness writes them, in one form: ``2026-11-22T02:26:37Z``."""

from __future__ import annotations

import datetime
import re
from typing import Any

from einbench.records.columns import number

_STAMP = re.compile(r"(\d{8}T\d{6})Z")


def from_iso(value: Any) -> str | None:
    """From ISO 8601; without an offset it is UTC, as older pytest-benchmarks write it."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return _utc(moment)
    except (ValueError, OverflowError):
        return None


def from_milliseconds(value: Any) -> str | None:
    """From milliseconds since 1970, as asv counts."""
    milliseconds = number(value)
    if milliseconds is None:
        return None
    try:
        return _utc(datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC))
    except (ValueError, OverflowError, OSError):
        return None


def from_name(name: str) -> str | None:
    """From the stamp in a file's name that `einbench compare` gave it."""
    found = _STAMP.search(name)
    return from_iso(found[1] + "Z") if found else None


def _utc(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
