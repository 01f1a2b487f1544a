"""The current moment as files state it."""

from __future__ import annotations

import time


def now() -> str:
    """ISO 8601, in UTC, to the second: ``2026-01-31T12:00:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
