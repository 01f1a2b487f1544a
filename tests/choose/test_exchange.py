"""Wisdom exported on one machine and imported on another, and untrusted files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from choose_support import choice
from hypothesis import given, settings
from hypothesis import strategies as st

from einbench.choose.book import MOST_CHOICES, Book
from einbench.choose.book_on_disk import NewerSchema, document
from einbench.choose.environment import environment
from einbench.choose.exchange import Export, exported, import_choices, read_export
from einbench.choose.wisdom import Wisdom, wisdom
from einbench.host.documents import Damaged, Unreadable

Start = Callable[..., Any]
NOW = "2026-11-22T00:00:00Z"


@pytest.fixture
def bench(start: Start):
    return start(loop=2e-3, quick=1e-3)


@pytest.fixture
def file(tmp_path):
    """Writes a document, or any text, to a file."""

    def write(content: Any) -> str:
        path = tmp_path / "w.json"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def other_machine(bench, tmp_path, monkeypatch, folder):
    """The export of an identical machine that has measured batch 4."""
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "other_machine"))
    bench.decide()
    found = exported(wisdom(), {"cpu": "A"}, NOW)
    monkeypatch.setenv("EINBENCH_WISDOM", str(folder))
    bench.log.clear()
    return found


def by(bench, batch=4, kernel="quick", **more):
    """A choice made here and now, but by hand."""
    return choice(batch, kernel, environment=environment(bench.op), **more)


def taken(bench, *choices):
    return import_choices(wisdom(), Export({bench.op.name: Book(choices=choices)}), NOW)


def test_what_was_exported_answers_where_everything_is_the_same(bench, other_machine, file):
    assert other_machine["schema"] == "einbench.wisdom/1"
    assert (other_machine["machine"], other_machine["date"]) == ([{"cpu": "A"}], NOW)
    imported = import_choices(wisdom(), read_export(file(other_machine)), NOW)
    assert (imported.names, imported.answers, imported.hints) == ((bench.op.name,), 1, 0)
    assert bench.decide().origin == "remembered"


def test_one_file_of_a_wisdom_folder_can_be_taken_in(bench, other_machine, file):
    imported = import_choices(
        wisdom(), read_export(file(other_machine["operations"][bench.op.name])), NOW
    )
    assert imported.answers == 1


def test_a_kernel_is_checked_here_before_it_is_first_called_and_no_other_is(
    bench, other_machine, file
):
    (there,) = other_machine["operations"].values()
    assert there["checks"]
    import_choices(wisdom(), read_export(file(other_machine)), NOW)
    assert wisdom().book(bench.op.name).checks == ()
    assert bench.log == []
    bench.decide()
    assert {method for method, _ in bench.log} == {"quick"}
    (checked,) = wisdom().book(bench.op.name).checks
    assert set(checked.errors) == {"quick"}


def test_a_wrong_kernel_that_imported_wisdom_names_is_never_called(start: Start):
    bench = start(loop=1e-3)
    bench.kernel("wrong", 1e-6, lambda inputs: 3 * inputs)
    taken(bench, by(bench, kernel="wrong"))
    decision = bench.decide()
    assert (decision.origin, decision.kernel.method) == ("measured", "loop")


def test_choices_of_another_environment_are_hints_and_say_what_differs(bench):
    theirs = environment(bench.op)
    theirs = theirs._replace(machine=theirs.machine._replace(numpy="1.0", cpu="another"))
    imported = taken(bench, by(bench)._replace(environment=theirs))
    assert (imported.answers, imported.hints) == (0, 1)
    assert imported.differing == {"cpu": 1, "numpy": 1}
    decision = bench.decide()
    assert decision.origin == "measured"
    assert decision.hint.kernel == "quick"


def test_own_choices_are_never_overridden(bench):
    bench.decide()
    before = wisdom().book(bench.op.name)
    imported = taken(bench, by(bench, kernel="loop", rigor="patient", date="2999-01-01T00:00:00Z"))
    assert imported.left == {"remembered here already": 1}
    assert wisdom().book(bench.op.name) == before


def test_a_choice_from_the_future_does_not_outlive_later_measurements(bench):
    taken(bench, by(bench, kernel="loop", date="2999-01-01T00:00:00Z"))
    (kept,) = wisdom().book(bench.op.name).choices
    assert kept.date == NOW


def test_a_full_book_loses_none_of_its_own(bench):
    own = [by(bench, batch, date="2026-01-01T00:00:00Z") for batch in range(MOST_CHOICES - 1)]
    wisdom().merge(bench.op.name, Book(choices=tuple(own)))
    imported = taken(bench, *(by(bench, 10_000 + batch) for batch in range(5)))
    assert imported.answers == 1
    assert sum(imported.left.values()) == 4
    batches = {dict(c.signature.sizes)["batch"] for c in wisdom().book(bench.op.name).choices}
    assert set(range(MOST_CHOICES - 1)) < batches


def test_what_is_not_registered_here_or_of_another_form_is_left_out_and_counted(bench):
    imported = import_choices(
        wisdom(),
        Export(
            {
                "nobody_knows": Book(choices=(by(bench),)),
                bench.op.name: Book(
                    choices=(
                        by(bench, kernel="theirs"),
                        by(bench, layout="CC"),
                        by(bench, options=(("reduction", "sum"),)),
                        by(bench)._replace(
                            signature=by(bench).signature._replace(sizes=(("b", 1),))
                        ),
                        by(bench),
                    )
                ),
            }
        ),
        NOW,
    )
    assert imported.answers == 1
    assert sorted(imported.left.values()) == [1, 1, 3]
    assert wisdom().operations() == [bench.op.name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("{", "not JSON"),
        ("[]", "no wisdom"),
        ('{"schema": "einbench.comparison/1"}', "no wisdom"),
        ('{"schema": "einbench.wisdom/1"}', "names no operation"),
        ('{"schema": "einbench.wisdom/1", "operations": []}', "no operations"),
        ('{"schema": "einbench.wisdom/1", "operations": {}}', "no choice in it"),
        ("[" * 100_000, "nested|not JSON"),
    ],
)
def test_what_is_no_wisdom_is_refused(content, message, file):
    with pytest.raises(Damaged, match=message):
        read_export(file(content))


def test_a_file_that_is_too_large_or_missing_is_refused(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as huge:
        huge.truncate(65 * 1024 * 1024)
    with pytest.raises(Damaged, match="larger than 64 MB"):
        read_export(path)
    with pytest.raises(Unreadable, match="No such file"):
        read_export(tmp_path / "absent.json")


@pytest.mark.parametrize("where", ["whole", "inside"])
def test_a_newer_schema_is_refused_whole(where, bench, other_machine, file):
    place = other_machine if where == "whole" else other_machine["operations"][bench.op.name]
    place["schema"] = "einbench.wisdom/2"
    with pytest.raises(NewerSchema, match="a newer einbench wrote it"):
        read_export(file(other_machine))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.update(kernel="loop_that_is_not"),
        lambda c: c.update(date="yesterday"),
        lambda c: c.update(date="2026-01-01T00:00:00Z\x1b[2J"),
        lambda c: c.update(machine=7),
        lambda c: c.update(machine=-1),
        lambda c: c.update(rigor="estimate"),
        lambda c: c.update(dtype="float16"),
        lambda c: c["times"].update(quick=[0, 0, 0, 1, 0]),
        lambda c: c["times"].update(quick=[1, 1, 1, 1, float("nan")]),
        lambda c: c["sizes"].update(batch=-4),
        lambda c: c["sizes"].update(batch=True),
        lambda c: c.pop("left_out"),
    ],
)
def test_one_damaged_choice_and_nothing_is_taken(spoil, bench, other_machine, file):
    spoil(other_machine["operations"][bench.op.name]["choices"][0])
    with pytest.raises(Damaged, match="not wisdom"):
        read_export(file(other_machine))


@pytest.mark.long
@settings(max_examples=200)
@given(data=st.data())
def test_no_spoiled_document_is_anything_but_refused_or_read(data, file):
    """Any part of a right document, replaced by anything, raises what callers expect or nothing."""
    whole = {"schema": "einbench.wisdom/1", "operations": {"a": document("a", Book((choice(),)))}}
    node: Any = whole
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            node[key] = data.draw(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text()
                | st.lists(st.integers(), max_size=2)
                | st.dictionaries(st.text(), st.integers(), max_size=2)
            )  # fmt: skip
            break
        node = node[key]
    try:
        books = read_export(file(whole)).books
    except Unreadable:
        return
    assert all(isinstance(each, Book) for each in books.values())


def test_nothing_is_taken_where_one_file_cannot_be_kept(bench, other_machine, folder, file):
    mine = Wisdom(str(folder)).path(bench.op.name)
    folder.mkdir()
    with open(mine, "w", encoding="utf-8") as newer:  # noqa: PTH123 - a name, not a path
        newer.write('{"schema": "einbench.wisdom/2"}')
    with pytest.raises(ValueError, match="a newer einbench wrote it, and it is left as it is"):
        import_choices(wisdom(), read_export(file(other_machine)), NOW)
    with open(mine, encoding="utf-8") as newer:  # noqa: PTH123 - as above
        assert newer.read() == '{"schema": "einbench.wisdom/2"}'


def test_a_folder_that_cannot_be_made_is_reported(bench, other_machine, folder, file):
    folder.write_text("", encoding="utf-8")
    with pytest.raises(OSError, match=r"cannot write to .*EINBENCH_WISDOM"):
        import_choices(wisdom(), read_export(file(other_machine)), NOW)
