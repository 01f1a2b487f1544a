"""Named axes: ``"batch features, units features -> batch units"``, or words with dots between them.

As the name of an operation an expression has no spaces: letters stand side by side, and words have
dots between them, ``batch.features,units.features->batch.units``.
"""

from __future__ import annotations

import keyword
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from einbench.einsum.language import parse, quoted
from einbench.names import shortened

#: one that follows a word, and is no part of an ellipsis
_DOT = re.compile(r"(?<=\w)\.(?!\.)")


@dataclass(frozen=True)
class Named:
    """The same expression with a letter for each axis, and the name of each letter."""

    text: str
    names: dict[str, str]


def as_letters(text: str) -> Named:
    """An expression whose axes are words, as one of letters.

    Raises:
        ValueError: a word is no name, there are more than 52, or there is no output.
    """
    left, arrow, right = _DOT.sub(" ", text).partition("->")
    if not arrow:
        raise ValueError(
            f"{quoted(text)}: named axes need an output, 'rows terms, terms units -> rows units'"
        )
    letters: dict[str, str] = {}

    def part(words: str, begin: int, output: bool) -> str:
        found, place = "", 0
        for word in words.split(" "):
            if word == "":
                place += 1
                continue
            said = shortened(word, 40)
            if not (word.isidentifier() and word.isascii()) or keyword.iskeyword(word):
                raise ValueError(
                    f"{quoted(text)}, position {begin + place}: {said!a} is no name of an "
                    "axis; expected a word of letters, digits and _, and no keyword of Python's"
                )
            if output and word not in letters:
                raise ValueError(
                    f"{quoted(text)}, position {begin + place}: output axis {said!r} is in no "
                    f"operand; expected one of: {shortened(', '.join(letters), 120)}"
                )
            if output and letters[word] in found:
                raise ValueError(
                    f"{quoted(text)}, position {begin + place}: the output has axis {said!r} "
                    "twice; expected it once"
                )
            if word not in letters:
                if len(letters) == len(string.ascii_letters):
                    raise ValueError(
                        f"{quoted(text)}, position {begin + place}: more than 52 axes have names"
                    )
                letters[word] = string.ascii_letters[len(letters)]
            found += letters[word]
            place += len(word) + 1
        return found

    parts, begin = [], 0
    for words in left.split(","):
        parts.append(part(words, begin, output=False))
        begin += len(words) + 1
    result = part(right, len(left) + 2, output=True)
    return Named(f"{','.join(parts)}->{result}", {letter: word for word, letter in letters.items()})


def dotted(parts: Sequence[Sequence[str]]) -> str:
    """Words of every operand and of the output as the name of an operation.

    A dot is in it even where no part has two words: letters have none.
    """
    *inputs, output = [".".join(words) for words in parts]
    if not any("." in each for each in (*inputs, output)):
        inputs = [f"{each}." if len(each) > 1 else each for each in inputs]
    return f"{','.join(inputs)}->{output}"


def is_named(name: str) -> bool:
    """Whether the axes of an operation's name, `spelt`, are words."""
    return "." in name.replace("...", "")


def spelt(text: str, axes: str | None = None) -> str:
    """An expression as the name of an operation, whose axes are words where it has dots.

    Args:
        text: of letters, or of words with spaces or dots between them.
        axes: ``letters`` or ``named``; None finds out.

    Raises:
        ValueError: it is no expression; or both of letters and of words, of two meanings.
    """
    text = re.sub(r"\s", " ", text)
    parts = [each.split() for each in _DOT.sub(" ", text).replace("->", ",").split(",")]
    words = dotted(parts) if "->" in text else text
    letters = "".join(text.split())
    if axes == "letters":
        parse(text)
        return letters
    if axes == "named":
        as_letters(text)
        return words
    spaced = any(len(each) > 1 for each in parts) and any(
        len(w) > 1 for each in parts for w in each
    )
    if not (spaced or is_named(text)):
        parse(text)
        return letters
    by_word, by_letter = _read(text, named=True), _read(text, named=False)
    if isinstance(by_letter, ValueError):
        # where the first operand has several words, words are meant
        worded = len(parts[0]) > 1 and all(w.isidentifier() for each in parts for w in each)
        if isinstance(by_word, ValueError):
            raise by_word if worded else by_letter
        return words
    meant = any(keyword.iskeyword(word) for each in parts for word in each)
    if by_word == by_letter or ("->" in text and isinstance(by_word, ValueError) and not meant):
        return letters
    raise ValueError(
        f"{quoted(text)}: words, or letters with spaces between them? For words give axes='named' "
        "(--axes named), or dots in place of spaces, and an output; for letters leave out the "
        "spaces"
    )


def _read(text: str, *, named: bool) -> tuple[tuple[int, ...], ...] | ValueError:
    """Axes of every operand and of the output, numbered as they appear; or why it is none."""
    try:
        subscripts = parse(as_letters(text).text if named else text)
    except ValueError as problem:
        return problem
    every = (*subscripts.inputs, subscripts.output or ())
    number = {axis: n for n, axis in enumerate(dict.fromkeys(a for each in every for a in each))}
    return tuple(tuple(number[axis] for axis in each) for each in every)
