"""The gate's table in pyproject.toml: how much slower is too slow, operation by operation.

[tool.einbench.gate]
threshold = 1.08        # ratio head / base beyond which a kernel is a suspect
floor_s = 2e-7          # and seconds per call that it must have lost at least

[tool.einbench.gate.thresholds]
tanh = 1.20             # an operation with a threshold of its own
"""

from __future__ import annotations

import difflib
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from einbench.names import printable, unknown

THRESHOLD = 1.08
FLOOR_S = 2e-7
_WHERE = "pyproject.toml [tool.einbench.gate]"
#: tomllib takes 150 times the size of its text, and the square of the dots in a key
_MOST_LETTERS, _MOST_DOTS = 2**18, 64
_QUOTED = re.compile(r"""\"[^\"\n]*\"|'[^'\n]*'""")
#: of a whole number too, that a float can hold
_MOST = sys.float_info.max
_KEYS = ("threshold", "floor_s", "thresholds")


@dataclass(frozen=True)
class Thresholds:
    """What counts as slower."""

    default: float = THRESHOLD
    floor_s: float = FLOOR_S
    by_operation: Mapping[str, float] = field(default_factory=dict)

    def of(self, operation: str) -> float:
        """The ratio beyond which a kernel of this operation is a suspect."""
        return self.by_operation.get(operation, self.default)

    def refuse_unknown(self, operations: Iterable[str]) -> None:
        """Raise where a threshold is for an operation that there is not.

        Raises:
            ValueError: with the nearest names there are.
        """
        known = list(dict.fromkeys(operations))
        for name in self.by_operation:
            if name not in known:
                raise ValueError(f"{_WHERE}.thresholds: {unknown('operation', name, known)}")


def thresholds(pyproject: str | None) -> Thresholds:
    """The table of a pyproject.toml, defaults for what it leaves out.

    Raises:
        ValueError: the table holds something it should not.
    """
    if pyproject is None:
        return Thresholds()
    if len(pyproject) > _MOST_LETTERS:
        raise ValueError(f"pyproject.toml: longer than {_MOST_LETTERS:,} letters")
    if any(line.count(".") > _MOST_DOTS for line in _QUOTED.sub("", pyproject).splitlines()):
        raise ValueError(f"pyproject.toml: a line with more than {_MOST_DOTS} dots outside quotes")
    try:
        document = tomllib.loads(pyproject)
    except ValueError as problem:  # no TOML, or a number of thousands of digits
        raise ValueError(f"pyproject.toml: {printable(str(problem), 80)}") from None
    except RecursionError:
        raise ValueError("pyproject.toml: nested too deeply") from None
    table = document
    for key in ("tool", "einbench", "gate"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise ValueError(f"{_WHERE}: {key} = {printable(repr(table), 80)}, expected a table")
    for key in table:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"{_WHERE}: unknown key {printable(repr(key), 80)}{meant} Known: {', '.join(_KEYS)}"
            )
    own = table.get("thresholds", {})
    if not isinstance(own, dict):
        raise ValueError(f"{_WHERE}: thresholds must be a table, operation = ratio")
    return Thresholds(
        _number(table.get("threshold", THRESHOLD), f"{_WHERE}: threshold", above=1.0),
        _number(table.get("floor_s", FLOOR_S), f"{_WHERE}: floor_s", above=-1e-300),
        {
            name: _number(v, f"{_WHERE}.thresholds: {printable(name, 80)}", above=1.0)
            for name, v in own.items()
        },
    )


def _number(value: object, what: str, above: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < _MOST:
        expected = "a ratio above 1, 1.1 say" if above == 1.0 else "seconds from 0"
        raise ValueError(f"{what} = {printable(repr(value), 80)}: expected {expected}")
    return float(value)
