"""Named axes: ``"batch features, units features -> batch units"``."""

from __future__ import annotations

import keyword
import string
from dataclasses import dataclass

from einbench.einsum.language import quoted


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
    left, arrow, right = text.partition("->")
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
            if not (word.isidentifier() and word.isascii()) or keyword.iskeyword(word):
                raise ValueError(
                    f"{quoted(text)}, position {begin + place}: {word!a} is no name of an "
                    "axis; expected a word of letters, digits and _"
                )
            if output and word not in letters:
                raise ValueError(
                    f"{quoted(text)}, position {begin + place}: output axis {word!r} is in no "
                    f"operand; expected one of: {', '.join(letters)}"
                )
            if word not in letters:
                if len(letters) == len(string.ascii_letters):
                    raise ValueError(f"{quoted(text)}: more than 52 axes have names")
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
