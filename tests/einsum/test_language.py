"""Expressions are accepted and refused as NumPy does, in one line that says where."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.einsum.interleaved import as_expression
from einbench.einsum.language import parse
from einbench.einsum.named import as_letters

SQUARE = np.arange(9.0).reshape(3, 3)
LINE = np.arange(3.0)

VALID = (
    ("ij->ji", SQUARE), (" i j -> j i ", SQUARE), ("ba", SQUARE), ("ii", SQUARE), ("ii->i", SQUARE),
    ("...", SQUARE), ("i...", SQUARE), ("...i->i...", SQUARE), ("...ij->...ji", SQUARE),
    ("ij,j", SQUARE, LINE), ("i...,i...", SQUARE, LINE[:, None]), ("iI", SQUARE), (",", 2, 3.0),
    ("->", 2.5), ("", 2.5), ("i,->i", LINE, 2.0), ("i->i...", LINE), ("a,b,c", LINE, LINE, LINE),
    (b"ij->j", SQUARE), ("i,i->i", LINE, LINE[:1]), ("i,i->", LINE[:0], LINE[:1]),
)  # fmt: skip

INVALID = (
    ("ij->ii", SQUARE), ("ij->k", SQUARE), ("i.j", SQUARE), (". ..ij", SQUARE), ("....", SQUARE),
    ("...i...", SQUARE), ("i...->i", SQUARE), ("ijk", SQUARE), ("i", SQUARE), ("", SQUARE),
    ("ij,jk", SQUARE), ("ij", SQUARE, LINE), ("i1", SQUARE), ("i_", SQUARE), ("ij-", SQUARE),
    ("ij>i", SQUARE), ("ij - > i", SQUARE), ("ij->i->i", SQUARE), ("ij->i,", SQUARE),
    ("ij\n", SQUARE), ("ij\t", SQUARE), ("ij,j", SQUARE, LINE[:2]), ("ii", SQUARE[:2]),
    ("ii->i", SQUARE[:1]), ("ij",), ("é", LINE), ("i->i...i", LINE), ("ij->i..", SQUARE),
)  # fmt: skip


@pytest.mark.parametrize("call", VALID, ids=lambda call: repr(call[0]))
def test_what_numpy_accepts_gives_the_same(call):
    expected, found = np.einsum(*call), einbench.einsum(*call)
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("call", INVALID, ids=lambda call: repr(call[0]))
def test_what_numpy_refuses_is_refused_in_one_line(call):
    with pytest.raises(ValueError):  # noqa: PT011 - NumPy's words are its own
        np.einsum(*call)
    with pytest.raises(ValueError, match=r"^einsum ") as raised:
        einbench.einsum(*call)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "position"),
    [("ij,j?->i", 4), ("ij,jk->iq", 8), ("i..j", 1), ("ij-i", 2), ("ij->ii", 5), ("ab, c;", 5)],
)
def test_the_position_of_a_fault_is_said(text, position):
    with pytest.raises(ValueError, match=f"position {position}: "):
        parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [("batch terms, terms units -> batch units", True), ("ij ab, jk -> iq", False)],
)
def test_a_fault_among_words_says_where_words_are_taken(text, words):
    with pytest.raises(ValueError, match="position") as raised:
        einbench.einsum(text, SQUARE, SQUARE)
    assert ("axes='named'" in str(raised.value)) == words


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('echo')", "'; import os #", "i\0j->i", "i->{0.__class__}",
        "%s", "i" * 10_000 + "!", "ij.real->i", "ij->{0}", "{text!r}", "ij->j\n", "\n", "i\r->i",
        "__class__", "lambda: 0", "ij->i;import os", "$(touch x)", "`ls`", "../../ij", "ij->j\0",
        "->" * 10_000, "\u202eij->ji", "ij->j\x1b[2J",
    ],
)  # fmt: skip
def test_hostile_strings_end_in_the_parser(text, monkeypatch):
    for name in ("exec", "eval", "compile"):
        monkeypatch.setattr(f"builtins.{name}", lambda *_: pytest.fail("something was executed"))
    with pytest.raises(ValueError, match="position") as raised:
        einbench.einsum(text, SQUARE)
    said = str(raised.value)
    assert said.isprintable()
    assert len(said) < 300


def test_sizes_of_an_ellipsis_that_disagree_are_of_an_axis():
    said = r"an axis of '...' has size 5 in operand 1 \(axis 0\) and 2 in operand 0 \(axis 1\)"
    with pytest.raises(ValueError, match=said):
        einbench.einsum("...i,...i->...", np.ones((2, 2, 3)), np.ones((5, 3)))


def test_sizes_that_disagree_name_operand_and_axis():
    with pytest.raises(
        ValueError, match=r"'j' has size 4 in operand 1 \(axis 0\) and 3 in operand 0 \(axis 1\)"
    ):
        einbench.einsum("ij,jk->ik", np.ones((2, 3)), np.ones((4, 5)))


@pytest.mark.parametrize(
    "call",
    [
        (SQUARE, [0, 1], [1, 0]), (SQUARE, [0, 1], LINE, [1]), (SQUARE, [0, ...], [..., 0]),
        (SQUARE, [26, 0]), (SQUARE, (0, 0)), (SQUARE, range(2)), (3.0, []), (3.0, [], []),
        (SQUARE, np.array([0, 1]), LINE, (1,), (0,)),
    ],
)  # fmt: skip
def test_lists_of_subscripts_give_what_numpy_gives(call):
    np.testing.assert_array_equal(einbench.einsum(*call), np.einsum(*call))


@pytest.mark.parametrize(
    "call",
    [
        (SQUARE, [52, 0]), (SQUARE, [-1, 0]), (SQUARE, ["a", "b"]), (SQUARE, [True, False]),
        (SQUARE, [0.5, 1]), (SQUARE, [0, 1], [2]), (SQUARE, [0, 1], LINE), (SQUARE,), (),
    ],
)  # fmt: skip
def test_lists_that_numpy_refuses_are_refused(call):
    for function in (np.einsum, einbench.einsum):
        with pytest.raises((ValueError, TypeError)):
            function(*call)


def test_indices_of_lists_are_letters_in_numpys_order():
    assert as_expression([SQUARE, [0, 26], LINE, [51], [0]])[0] == "Aa,z->A"


def test_named_axes_are_letters():
    named = as_letters("batch features, units features -> batch units")
    assert named.text == "ab,cb->ac"
    assert named.names == {"a": "batch", "b": "features", "c": "units"}


@pytest.mark.parametrize(
    ("text", "position"),
    [("a b, c -> a q", 12), ("a 1b -> a", 2), ("a b, lambda -> a", 5), ("a;b -> a", 0)],
)
def test_a_word_that_is_no_axis_is_named_with_its_position(text, position):
    with pytest.raises(ValueError, match=f"position {position}: "):
        as_letters(text)


def test_named_axes_without_output_are_refused():
    with pytest.raises(ValueError, match="need an output"):
        as_letters("a b, b c")


def test_more_letters_than_the_alphabet_has_are_refused_by_name():
    words = " ".join(f"axis{n}" for n in range(53))
    with pytest.raises(ValueError, match="more than 52"):
        as_letters(f"{words} -> axis0")
