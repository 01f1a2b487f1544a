"""The language of `numpy.einsum`: an expression as letters, before any shape is known.

Nothing of an expression is executed; what is no letter, dot, comma, space or arrow ends here.
"""

from __future__ import annotations

import functools
import re
import string
from dataclasses import dataclass

#: in place of a letter: the axes that have none
ELLIPSIS = "..."
_LETTERS = frozenset(string.ascii_letters)
#: what people write for the arrow
_ARROWS = ("->", "=>", "\N{RIGHTWARDS ARROW}", "\N{RIGHTWARDS DOUBLE ARROW}", ">")

#: two words with a space between them: hardly the letters of an operand
_WORDS = re.compile(r"\w{3} +\w{3}")


@dataclass(frozen=True)
class Subscripts:
    """Letters of every operand and of the output, `ELLIPSIS` among them; None: no arrow."""

    text: str
    inputs: tuple[tuple[str, ...], ...]
    output: tuple[str, ...] | None


def quoted(text: str) -> str:
    """An expression as messages show it, in one line and not without end."""
    shown = ascii(text)[1:-1]
    return f'einsum "{shown if len(shown) <= 80 else shown[:79] + "…"}"'


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Subscripts:
    """The letters of an expression, ``"ij, jk -> ik"``.

    Raises:
        ValueError: it is none; the message says at which position, counted from 0.
    """
    left, arrow, right = text, "", ""
    dash = text.find("-")
    if dash >= 0:
        if text[dash : dash + 2] != "->":
            raise _fault(text, dash, "'-' is not followed by '>'; expected '->' before the output")
        left, arrow, right = text[:dash], "->", text[dash + 2 :]
    inputs, begin = [], 0
    for number, part in enumerate(left.split(",")):
        inputs.append(_letters(text, part, begin, f"operand {number}"))
        begin += len(part) + 1
    if not arrow:
        return Subscripts(text, tuple(inputs), None)
    output = _letters(text, right, dash + 2, "the output")
    known = {letter for each in inputs for letter in each}
    for place, letter in enumerate(output):
        if letter == ELLIPSIS:
            continue
        where = text.index(letter, dash + 2)
        if letter in output[:place]:
            where = text.index(letter, where + 1)
            raise _fault(text, where, f"the output has index {letter!r} twice; expected it once")
        if letter not in known:
            said = ", ".join(sorted(known - {ELLIPSIS})) or "none"
            raise _fault(
                text, where, f"output index {letter!r} is in no operand; expected one of: {said}"
            )
    return Subscripts(text, tuple(inputs), output)


def _letters(text: str, part: str, begin: int, whose: str) -> tuple[str, ...]:
    """Letters and ellipsis of one operand, which begins at that position of the expression."""
    found: list[str] = []
    place = 0
    while place < len(part):
        letter = part[place]
        if letter in _LETTERS:
            found.append(letter)
        elif letter == ".":
            if part[place : place + 3] != ELLIPSIS:
                raise _fault(text, begin + place, f"'.' in {whose} is not part of '...'")
            if ELLIPSIS in found:
                raise _fault(text, begin + place, f"{whose} has '...' twice; expected it once")
            found.append(ELLIPSIS)
            place += 2
        elif arrow := next((a for a in _ARROWS if part.startswith(a, place)), ""):
            raise _fault(
                text, begin + place,
                f"{arrow!a} in {whose} is no arrow; expected '->', once, before the output",
            )  # fmt: skip
        elif letter != " ":
            raise _fault(
                text, begin + place,
                f"{letter!a} in {whose} is no index; expected a letter from a to z or A to Z",
            )  # fmt: skip
        place += 1
    return tuple(found)


def _fault(text: str, position: int, what: str) -> ValueError:
    found = f"{quoted(text)}, position {position}: {what}"
    if _WORDS.search(text):
        found += "; where axes are words, give expression(text, axes='named') or --axes named"
    return ValueError(found)
