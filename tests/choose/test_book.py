"""The form on disk: every book comes back as it was, and anything else is damaged."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from choose_support import BOOKS, HERE, SIGNATURES, choice, choices
from hypothesis import given, settings
from hypothesis import strategies as st

from einbench.choose.book import MOST_CHOICES, Book, Remembered, Time
from einbench.choose.book_on_disk import SCHEMA, NewerSchema, book, document
from einbench.host.documents import Damaged

#: of everything JSON can hold
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def whole() -> dict[str, Any]:
    """A document with one of everything."""
    full = choice(8, "loop", ("loop", "numba"), options=(("mode", "a"),))
    full = full._replace(left_out={"einsum": "skipped: too slow"})
    plain = Book().with_passed(HERE, "float32", {"loop": 0.5}).with_choice(full)
    return json.loads(json.dumps(document("op", plain)))


def places(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside a document."""
    inside = found.items() if isinstance(found, dict) else enumerate(found)
    for key, value in inside:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


PLACES = list(places(whole()))


def at(found: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        found = found[key]
    return found


def read_again(operation: str, kept: Book) -> Book:
    return book(json.loads(json.dumps(document(operation, kept), allow_nan=False)), operation)


@pytest.mark.long
@given(BOOKS, st.text(max_size=8))
def test_what_is_written_is_read_back(kept: Book, operation: str) -> None:
    found = read_again(operation, kept)
    assert found.choices == kept.choices
    # checks that serve no choice are not kept, but for the newest
    served = {c.environment for c in kept.choices}
    kept_checks = [c for c in kept.checks if c.environment in served or c is kept.checks[-1]]
    assert list(found.checks) == kept_checks


@pytest.mark.long
@given(BOOKS)
def test_writing_twice_writes_the_same(kept: Book) -> None:
    once = document("op", read_again("op", kept))
    assert once == document("op", read_again("op", read_again("op", kept)))


def test_the_example_is_no_damaged_one() -> None:
    assert len(book(whole(), "op").choices) == 1


def is_one_of_many(path: tuple[Any, ...]) -> bool:
    """Whether there may be any number of what lies there."""
    many = {"options", "sizes", "left_out", "passed", "candidates"}
    return not many.isdisjoint(path[:-1]) or path in (
        ("checks", 0), ("choices", 0), ("choices", 0, "tie", 1), ("choices", 0, "context")
    )  # fmt: skip


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_a_document_that_lacks_anything_is_damaged(path: tuple[Any, ...]) -> None:
    found = whole()
    del at(found, path[:-1])[path[-1]]
    if is_one_of_many(path):
        book(found, "op")
    else:
        with pytest.raises(Damaged):
            book(found, "op")


@settings(max_examples=400)
@given(st.sampled_from(PLACES), JUNK)
def test_anything_in_the_place_of_anything_is_damaged_or_sound(path: Any, junk: Any) -> None:
    found = whole()
    at(found, path[:-1])[path[-1]] = junk
    try:
        kept = book(found, "op")
    except (Damaged, NewerSchema):
        return
    # what was accepted can be written, and is read as the same
    assert read_again("op", kept).choices == kept.choices


@settings(max_examples=200)
@given(JUNK)
def test_any_json_at_all_is_damaged(junk: Any) -> None:
    with pytest.raises(Damaged):
        book(junk, "op")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("operation",), "another"),
        (("choices", 0, "kernel"), "einsum"),
        (("choices", 0, "kernel"), None),
        (("choices", 0, "tie"), []),
        (("choices", 0, "tie"), ["loop", "absent"]),
        (("choices", 0, "tie"), "loop"),
        (("choices", 0, "tie"), {"loop": 1}),
        (("choices", 0, "rigor"), "estimate"),
        (("choices", 0, "rigor"), "thorough"),
        (("choices", 0, "rigor"), 1),
        (("choices", 0, "machine"), 1),
        (("choices", 0, "machine"), -1),
        (("choices", 0, "machine"), True),
        (("choices", 0, "machine"), 0.0),
        (("choices", 0, "dtype"), "float16"),
        (("choices", 0, "date"), 20260102),
        (("choices", 0, "date"), "yesterday"),
        (("choices", 0, "date"), "9999-99-99T99:99:99Z"),
        (("choices", 0, "sizes", "batch"), -1),
        (("choices", 0, "sizes", "batch"), 8.0),
        (("choices", 0, "sizes", "batch"), True),
        (("choices", 0, "sizes", "batch"), 10**4000),
        (("choices", 0, "threads"), [1]),
        (("choices", 0, "threads"), [1, 2, 3]),
        (("choices", 0, "threads"), ["1", "1"]),
        (("choices", 0, "times", "loop"), [1e-3, 1e-3, 1e-3, 9]),
        (("choices", 0, "times", "loop", 0), 0),
        (("choices", 0, "times", "loop", 0), -1e-3),
        (("choices", 0, "times", "loop", 0), math.nan),
        (("choices", 0, "times", "loop", 2), math.inf),
        (("choices", 0, "times", "loop", 1), 2e-3),
        (("choices", 0, "times", "loop", 2), 10**4000),
        (("choices", 0, "times", "loop", 2), "1e-3"),
        (("choices", 0, "times", "loop", 2), True),
        (("choices", 0, "times", "loop", 3), 1.5),
        (("choices", 0, "times", "loop", 4), -1),
        (("choices", 0, "times", "loop", 4), math.nan),
        (("choices", 0, "times", "loop", 4), 10**4000),
        (("checks", 0, "passed", "loop"), math.nan),
        (("checks", 0, "passed", "loop"), -1),
        (("checks", 0, "passed", "loop"), "0.5"),
        (("checks", 0, "passed", "loop"), 10**4000),
        (("machine", 0, "cpu"), 7),
        (("machine", 0, "candidates", "loop"), None),
        (("schema",), "einbench.wisdom/0"),
        (("schema",), "einbench.wisdom/x"),
        (("schema",), "einbench.comparison/2"),
        (("schema",), None),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else repr(value)[:20],
)
def test_a_value_that_cannot_be_is_damaged(path: tuple[Any, ...], value: Any) -> None:
    found = whole()
    at(found, path[:-1])[path[-1]] = value
    with pytest.raises(Damaged):
        book(found, "op")


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_nesting_as_deep_as_json_may_be_is_damaged(path: tuple[Any, ...]) -> None:
    """Deeper by steps of one: somewhere there is a depth that can be read and not be shown."""
    for depth in range(900, 1000, 3):
        found = whole()
        try:
            at(found, path[:-1])[path[-1]] = json.loads("[" * depth + "]" * depth)
        except RecursionError:
            return
        with pytest.raises(Damaged):
            book(found, "op")


@pytest.mark.parametrize("number", [2, 3, 10, 99999999])
def test_a_later_schema_is_no_damage_whatever_else_there_is(number: int) -> None:
    for found in ({"schema": f"einbench.wisdom/{number}"}, {**whole()}):
        found["schema"] = f"einbench.wisdom/{number}"
        with pytest.raises(NewerSchema, match="a newer einbench wrote it"):
            book(found, "op")
    assert SCHEMA == "einbench.wisdom/1"


def test_no_more_than_so_many_choices_are_kept_and_the_oldest_leave() -> None:
    kept = Book()
    for batch in range(MOST_CHOICES + 10):
        kept = kept.with_choice(choice(batch))
    assert [c.signature.sizes[0][1] for c in kept.choices] == list(range(10, MOST_CHOICES + 10))


def test_choices_of_another_environment_leave_first() -> None:
    old = HERE._replace(code="old")
    kept = Book()
    for batch in range(MOST_CHOICES):
        kept = kept.with_choice(choice(batch, environment=old if batch in (7, 9) else HERE))
    for batch in (1000, 1001, 1002):
        kept = kept.with_choice(choice(batch))
    batches = [c.signature.sizes[0][1] for c in kept.choices]
    assert len(batches) == MOST_CHOICES
    assert not {0, 7, 9} & set(batches)
    assert {1, 2, 1000, 1001, 1002} <= set(batches)


def test_a_full_book_put_together_with_another_stays_full() -> None:
    one, other = Book(), Book()
    for batch in range(MOST_CHOICES):
        one, other = one.with_choice(choice(batch)), other.with_choice(choice(batch + 1000))
    assert one.merged(other).choices == other.choices


@pytest.mark.long
@given(choices(), choices(), SIGNATURES)
def test_of_two_for_the_same_the_newer_stays(
    one: Remembered, other: Remembered, asked: Any
) -> None:
    one, other = (c._replace(signature=asked, environment=HERE) for c in (one, other))
    for kept in (
        Book((one,)).merged(Book((other,))).choices,
        Book((other,)).merged(Book((one,))).choices,
    ):
        assert len(kept) == 1
        assert kept[0].date == max(one.date, other.date)


def test_of_two_made_in_the_same_second_the_later_to_come_stays() -> None:
    one, other = choice(kernel="loop"), choice(kernel="numba")
    assert Book((one,)).merged(Book((other,))).choices == (other,)


@pytest.mark.long
@settings(max_examples=50)
@given(BOOKS, BOOKS)
def test_nothing_is_lost_when_books_are_put_together(one: Book, other: Book) -> None:
    both = one.merged(other)
    for c in (*one.choices, *other.choices):
        assert any(kept.is_for(c) and kept.date >= c.date for kept in both.choices)
    for check in (*one.checks, *other.checks):
        assert check.errors.keys() <= both.passed(check.environment, check.dtype).keys()
    assert len(both.merged(other).choices) == len(both.choices)


def test_a_book_is_never_changed() -> None:
    kept = Book().with_choice(choice(1)).with_passed(HERE, "float32", {"loop": 0.5})
    before = copy.deepcopy(kept)
    kept.with_choice(choice(2)).with_passed(HERE, "float32", {"numba": 1.0}).merged(kept)
    assert kept == before


def test_checks_of_environments_without_any_choice_are_not_written() -> None:
    old, new = HERE._replace(code="old"), HERE._replace(code="new")
    kept = Book().with_passed(old, "float32", {"loop": 0.5}).with_choice(choice(4))
    kept = kept.with_passed(HERE, "float32", {"loop": 0.5}).with_passed(new, "float32", {"a": 0})
    found = read_again("op", kept)
    assert {c.environment.code for c in found.checks} == {HERE.code, "new"}


def test_a_time_is_in_seconds_and_units_of_rounding() -> None:
    (kept,) = book(whole(), "op").choices
    assert kept.times["loop"] == Time(1e-3, 1e-3, 1e-3, 9, 0.5)
