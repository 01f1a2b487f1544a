"""Damaged, truncated, empty, huge and hostile files: never accepted, never lost, never in the way.

Each is put in the place of a real file, and a decision is asked for.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from choose_support import Bench
from hypothesis import example, given, settings
from hypothesis import strategies as st

from einbench import registry
from einbench.choose import environment
from einbench.choose.book_on_disk import NewerSchema, book
from einbench.choose.wisdom import Wisdom, _at, wisdom
from einbench.host.documents import Damaged

Start = Callable[..., Any]
FUZZ = settings(max_examples=60)


class WisdomFile:
    """A bench with a real wisdom file, in whose place other contents are put."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench()
        self.bench.kernel("loop", 2e-3)
        self.bench.kernel("quick", 1e-3)
        self.folder = folder
        self.path = Path(wisdom().path(self.bench.op.name))
        self.bench.decide(4)
        self.real = self.path.read_bytes()

    def fresh(self) -> None:
        """As a process that has just started, with no file set aside."""
        _at.cache_clear()
        for path in self.folder.glob("*.damaged-*"):
            path.unlink()

    def decides_beside(self, content: bytes, size: int | None = None) -> str:
        """How a decision came about with this in the file's place."""
        self.fresh()
        self.path.write_bytes(content)
        if size is not None:
            with self.path.open("r+b") as file:
                file.truncate(size)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            decision = self.bench.decide(4)
            again = self.bench.decide(4)
            between = self.bench.decide(5)
        assert decision.kernel.method == "quick"
        assert again.origin == "remembered"
        assert between.kernel.method == "quick"
        assert len({str(w.message) for w in caught}) == len(caught) <= 1, caught
        return decision.origin

    def sets_aside(self, content: bytes) -> None:
        """Nothing of it is used, and it is kept under another name."""
        assert self.decides_beside(content) == "measured"
        (aside,) = self.folder.glob("*.damaged-*")
        assert aside.read_bytes() == content
        assert len(book(json.loads(self.path.read_bytes())).choices) == 2


@pytest.fixture
def wisdom_file(folder: Path) -> Iterator[WisdomFile]:
    made = WisdomFile(folder)
    yield made
    registry.forget(made.bench.op.name)


def test_the_real_file_is_accepted(wisdom_file: WisdomFile) -> None:
    """Otherwise the tests below would pass for any file."""
    assert wisdom_file.decides_beside(wisdom_file.real) == "remembered"


@pytest.mark.long
@FUZZ
@given(content=st.binary(max_size=300))
@example(content=b"")
@example(content=b"\0" * 4096)
@example(content=b"\xff\xfe{\0}\0")
@example(content=b"\xef\xbb\xbf{}")
@example(content=b'{"schema": "\\ud800"}')
def test_any_bytes_are_set_aside(content: bytes, wisdom_file: WisdomFile) -> None:
    wisdom_file.sets_aside(content)


@pytest.mark.long
@FUZZ
@given(
    found=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=20,
    )
)
def test_any_json_is_set_aside(found: Any, wisdom_file: WisdomFile) -> None:
    wisdom_file.sets_aside(json.dumps(found).encode())


def test_a_file_cut_off_at_any_byte_is_set_aside(wisdom_file: WisdomFile) -> None:
    end = len(wisdom_file.real.rstrip())
    for cut in range(end):
        with pytest.raises(Damaged):
            book(loaded(wisdom_file, wisdom_file.real[:cut]), wisdom_file.bench.op.name)
    for cut in (*range(0, end, 97), end - 1):
        wisdom_file.sets_aside(wisdom_file.real[:cut])
    assert wisdom_file.decides_beside(wisdom_file.real[:end]) == "remembered"


def loaded(wisdom_file: WisdomFile, content: bytes) -> Any:
    from einbench.host.documents import load

    path = wisdom_file.folder / "elsewhere"
    path.write_bytes(content)
    return load(path)


@pytest.mark.long
@FUZZ
@given(data=st.data())
def test_a_real_file_with_bytes_changed_never_disturbs(
    data: st.DataObject, wisdom_file: WisdomFile
) -> None:
    content = bytearray(wisdom_file.real)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        action = data.draw(st.sampled_from(["change", "drop", "repeat"]))
        if action == "change":
            content[place] = data.draw(st.integers(0, 255))
        elif action == "drop":
            del content[place : place + data.draw(st.integers(1, 30))]
        else:
            content[place:place] = content[place : place + 30]
    try:
        book(loaded(wisdom_file, bytes(content)), wisdom_file.bench.op.name)
    except NewerSchema:
        assert wisdom_file.decides_beside(bytes(content)) == "measured"
        assert wisdom_file.path.read_bytes() == bytes(content)
    except Damaged:
        wisdom_file.sets_aside(bytes(content))
    else:
        # a digit of a time, or of the date: it can be valid
        wisdom_file.decides_beside(bytes(content))


HOSTILE = {
    "deep lists": b"[" * 100_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a number of 10^5 digits": b'{"schema": ' + b"9" * 100_000 + b"}",
    "a million lists": b"[" + b"[]," * 1_000_000 + b"[]]",
    "NaN": b"NaN",
    "infinity": b'{"schema": Infinity}',
    "a long string": b'"' + b"x" * 1_000_000 + b'"',
    "the key twice": b'{"schema": "einbench.wisdom/1", "schema": 1}',
}


@pytest.mark.long
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_json_is_set_aside(name: str, wisdom_file: WisdomFile) -> None:
    wisdom_file.sets_aside(HOSTILE[name])


@pytest.mark.parametrize("key", ["operation", "machine", "cpu", "date", "kernel"])
def test_nesting_just_below_what_json_reads_is_never_accepted(
    key: str, wisdom_file: WisdomFile
) -> None:
    """Somewhere there is a depth that can be read and not be shown."""
    found = json.loads(wisdom_file.real)
    holder = found["machine"][0] if key == "cpu" else found
    if key in ("date", "kernel"):
        holder = found["choices"][0]
    holder[key] = "HERE"
    text = json.dumps(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for depth in range(860, 1000):
            content = text.replace('"HERE"', "[" * depth + "]" * depth).encode()
            wisdom_file.path.write_bytes(content)
            assert Wisdom(str(wisdom_file.folder)).book(wisdom_file.bench.op.name).choices == ()
            aside = wisdom_file.folder / f"{wisdom_file.path.name}.damaged-1"
            assert aside.read_bytes() == content
            aside.unlink()


@pytest.mark.long
@pytest.mark.parametrize(
    "number", ["1" + "0" * 400, "-1", "0", "NaN", "Infinity", "1e400", '"1"', "true", "null"]
)
@pytest.mark.parametrize("place", range(5))
def test_a_hostile_number_among_times_is_never_accepted(
    place: int, number: str, wisdom_file: WisdomFile
) -> None:
    found = json.loads(wisdom_file.real)
    for times in found["choices"][0]["times"].values():
        times[place] = "HERE"
    text = json.dumps(found).replace('"HERE"', number).encode()
    if number == "0" and place > 2:  # no sample, and no error: both may be
        wisdom_file.decides_beside(text)
    else:
        wisdom_file.sets_aside(text)


def test_a_huge_file_is_not_read(wisdom_file: WisdomFile, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wisdom_file.decides_beside(wisdom_file.real, size=2**40) == "measured"
    (aside,) = wisdom_file.folder.glob("*.damaged-*")
    assert aside.stat().st_size == 2**40
    with aside.open("rb") as file:
        assert file.read(len(wisdom_file.real)) == wisdom_file.real


def test_a_file_of_another_program_is_set_aside(wisdom_file: WisdomFile) -> None:
    found = json.loads(wisdom_file.real)
    found["operation"] = "softmax"
    wisdom_file.sets_aside(json.dumps(found).encode())


@pytest.mark.parametrize("rigor", ["measure", "patient"])
@pytest.mark.parametrize("date", ["2020-01-01T00:00:00Z", "2126-01-01T00:00:00Z"])
def test_a_file_that_lies_of_the_winner_is_found_out_once(
    rigor: str, date: str, wisdom_file: WisdomFile
) -> None:
    """A kernel that imported wisdom names is checked before it is called."""
    wisdom_file.bench.kernel("wrong", 1e-9, lambda inputs: 3 * inputs)
    here = environment.environment(wisdom_file.bench.op)
    found = json.loads(wisdom_file.real)
    found["machine"][0]["candidates"] = dict(here.candidates)
    (lie,) = found["choices"]
    lie.update(kernel="wrong", tie=["wrong"], rigor=rigor, date=date)
    lie["times"]["wrong"] = lie["times"]["quick"]
    assert wisdom_file.decides_beside(json.dumps(found).encode()) == "measured"


@pytest.mark.long
@FUZZ
@given(date=st.text(max_size=25))
@example(date="2126-01-01T00:00:00Z")
def test_whatever_date_a_choice_claims_a_new_measurement_takes_its_place(
    date: str, wisdom_file: WisdomFile
) -> None:
    found = json.loads(wisdom_file.real)
    found["choices"][0].update(date=date, kernel="loop", tie=["loop"])
    wisdom_file.fresh()
    wisdom_file.path.write_bytes(json.dumps(found).encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert wisdom_file.bench.decide(4, again=True).kernel.method == "quick"
        assert wisdom_file.bench.decide(4).kernel.method == "quick"
    assert isinstance(wisdom(), Wisdom)
