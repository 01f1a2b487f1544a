"""Numbers and errors as people read them: 1.23 ms, 24.1 GB, about 2 h, ValueError: message."""

from __future__ import annotations

import math

#: from here on, three digits would round up to the next unit's 1
_ROUNDED = 0.9995
#: from here on powers of ten: a file of anyone's may hold seconds of three hundred digits
_LONG = 1e12


def seconds_text(seconds: float) -> str:
    """Three digits and a unit from ns to h: ``1.23 ms``."""
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit * _ROUNDED:
            return f"{_three(seconds * factor)} {unit}"
    for limit, factor, unit in ((100.0, 1.0, "s"), (6000.0, 60.0, "min")):
        if seconds < limit * _ROUNDED:
            return f"{_three(seconds / factor)} {unit}"
    return f"{_three(seconds / 3600)} h"


def bytes_text(count: float) -> str:
    """Three digits and a decimal unit: ``24.1 GB``."""
    for limit, factor, unit in ((1e3, 1.0, "B"), (1e6, 1e3, "kB"), (1e9, 1e6, "MB")):
        if count < limit * _ROUNDED:
            return f"{_three(count / factor)} {unit}"
    return f"{_three(count / 1e9)} GB"


def ratio_text(ratio: float) -> str:
    """Two or three digits and a times sign: ``0.85x``, ``12x``, ``3,100x``."""
    if 0 < ratio < 0.001:
        return "<0.001x"
    if ratio < 10 or not ratio < _LONG:
        return f"{ratio:.2g}x"
    digits = max(0, math.floor(math.log10(ratio)) - 1)
    return f"{round(ratio / 10**digits) * 10**digits:,}x"


def percent_text(fraction: float) -> str:
    """At most four characters below 1000 %: ``<.1%``, ``1.5%``, ``38%``, ``100%``."""
    percent = 100 * fraction
    if 0 < percent < 0.1:
        return "<.1%"
    if 0 < percent < 9.95:
        return f"{percent:.1f}%"
    return f"{percent:.0f}%"


def number_text(value: float) -> str:
    """At most four characters below 1000: ``<.01``, ``0.53``, ``5.3``, ``56``, ``1,234``."""
    if 0 < value < 0.01:
        return "<.01"
    if 0 < value < 0.995:
        return f"{value:.2f}"
    if 0 < value < 9.95:
        return f"{value:.1f}"
    return f"{value:,.0f}" if value < _LONG else f"{value:.1g}"


def one_line(problem: BaseException) -> str:
    """What was raised: ``ValueError: message``, the message's first line."""
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0]}" if lines else type(problem).__name__


def _three(value: float) -> str:
    if 1000 <= value < _LONG:
        return f"{value:,.0f}"
    if value >= _LONG:
        return f"{value:.3g}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"
