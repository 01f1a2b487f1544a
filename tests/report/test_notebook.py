"""What a notebook shows of a choice and a comparison, and what a prompt does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.operation import Operation
from einbench.record import Record

HOSTILE = "<script>alert('&')</script>"


class Tags(HTMLParser):
    """What is open, and every name of a tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


@pytest.fixture
def op() -> Iterator[Operation]:
    """One whose every name is hostile, with a kernel that is left out."""
    op = einbench.register(
        Operation(
            name=HOSTILE, formula=HOSTILE, inputs={"x": "batch f"}, outputs={"y": "batch f"},
            sizes={"f": 3}, options={"kind": (HOSTILE, "other")},
            reference=lambda x, kind: 2 * x, scale=lambda y, x, kind: abs(y), flops=lambda s: 1,
        )
    )  # fmt: skip
    op.kernel(f"ufunc{HOSTILE}")(lambda x, *, kind: 2 * x)

    @op.kernel("raising")
    def raising(x: Any, *, kind: str) -> Any:
        raise ValueError(HOSTILE)

    yield op
    einbench.forget(op)


def test_a_choice_is_shown_with_its_candidates_and_nothing_of_a_name_is_a_tag(
    op: Operation,
) -> None:
    choice = einbench.fastest(op, np.ones((5, 3), np.float32), budget_s=0.01)
    page = Tags(choice._repr_html_())
    assert page.open == []
    assert page.seen <= {"div", "strong", "br", "table", "tbody", "tr", "td", "span"}
    for said in (f"ufunc{HOSTILE}", "the only kernel left", "µs", "left out: raising: rejected",
                 "float32 · C order", "measured now"):  # fmt: skip
        assert said in page.text or said.replace("µs", "ns") in page.text
    assert HOSTILE in page.text
    assert "\n" not in repr(choice)


@pytest.mark.parametrize(
    ("rigor", "origin"), [("measure", "remembered"), ("estimate", "estimated")]
)
def test_a_choice_that_was_not_measured_now_is_shown_as_well(rigor: str, origin: str) -> None:
    x = np.ones((7, 3), np.float32)
    einbench.fastest("relu", x, budget_s=0.01)
    choice = einbench.fastest("relu", x[:6] if rigor == "estimate" else x, rigor=rigor)
    page = Tags(choice._repr_html_())
    assert choice.kernel.method in page.text
    assert choice.origin == origin
    assert f", {origin}; print it" in repr(choice)


def test_a_comparison_is_shown_as_tables_and_nothing_of_a_name_is_a_tag(op: Operation) -> None:
    comparison = einbench.compare(op, batches=(1, 3), budget_s=0.05)
    page = Tags(comparison._repr_html_())
    assert page.open == []
    assert "script" not in page.seen
    assert HOSTILE in page.text
    assert len(repr(comparison)) < 200
    assert "print it for the tables" in repr(comparison)


def test_a_prompt_completes_public_names_alone() -> None:
    offered = {name for name in dir(einbench) if not name.startswith("_")}
    assert offered == {*einbench.__all__, "inputs"}
    assert set(dir(einbench.auto)) == {"refresh", *einbench.operations}


def test_what_is_shown_of_many_objects_fits_a_screen() -> None:
    for op in einbench.operations.values():
        assert len(repr(op)) < 250
        assert all(len(repr(each)) < 120 for each in op.inputs.values())
    assert repr(einbench.operations).startswith(
        f"<{len(einbench.operations)} operations: linear, relu, "
    )
    assert len(repr(einbench.operations)) < 1000
    assert repr(einbench.check("relu")[1]).startswith("<Verdict relu[ufunc]: passed, error 0 of")


def widths(page: str) -> list[float]:
    return [float(width) for width in re.findall(r"height:\.35em[^\"]*width:([\d.]+)em", page)]


def test_bars_are_as_long_as_kernels_are_fast() -> None:
    def record(kernel: str, s: float | None, status: Any = "ok") -> Record:
        return Record(
            operation="relu", kernel=kernel, sizes={"batch": 1}, options={}, dtype="float32",
            layout="C", threads=2, status=status, median_s=s,
        )  # fmt: skip

    records = [record("fast", 1e-6), record("half", 2e-6), record("wrong", None, "rejected")]
    fast, half = widths(einbench.Comparison(records, {})._repr_html_())
    assert fast == pytest.approx(2 * half)


def test_a_choices_candidates_have_bars_and_the_fastest_the_longest() -> None:
    choice = einbench.fastest("relu", np.ones((9, 4), np.float32), budget_s=0.05)
    lengths = widths(choice._repr_html_())
    timed = [record for record in choice.records if record.median_s]
    assert len(lengths) == len(timed) > 1
    assert lengths == sorted(lengths, reverse=True)
