"""Why a kernel was chosen: where that is known from, and every candidate."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import einbench
from einbench.choose.between import Between
from einbench.choose.book import Remembered, Time
from einbench.choose.decision import Decision
from einbench.choose.environment import Threads, environment
from einbench.choose.estimate import Estimate
from einbench.choose.outcome import Measured, Spent
from einbench.choose.recall import Recalled
from einbench.choose.signature import Signature
from einbench.report.choice import explain_choice
from einbench.report.ranges import Won, range_lines, ranges_text
from einbench.verbs.fastest import Choice

OP = einbench.operation("softmax_vjp")
TIMES = {
    "loop": Time(9e-4, 9e-4, 9e-4, 12, 0.87),
    "einsum": Time(1.2e-5, 1.1e-5, 1.3e-5, 300, 0.7),
    "numba": Time(1.21e-5, 1.2e-5, 1.3e-5, 300, 0.87),
}


def asked(batch: int) -> Signature:
    sizes = (("batch", batch), ("classes", 10))
    return Signature(sizes, (), "float32", "", "CC", Threads(2, 2))


def chosen(batch: int = 128, tie: tuple[str, ...] = ("einsum",), **parts: Any) -> Remembered:
    left_out = {"ufunc": "rejected: returns \x1b[2J zeros", "jacobian_matmul": "skipped: too slow"}
    plain = Remembered(
        environment(OP), asked(batch), "measure", "2026-11-22T06:16:21Z", "einsum", tie, TIMES,
        left_out,
    )  # fmt: skip
    return plain._replace(**parts)


def of(batch: int = 128, **known: Any) -> Choice:
    return Choice(OP["einsum"], Decision(OP["einsum"], asked(batch), **known))


def remembered(**parts: Any) -> Choice:
    return of(recalled=Recalled(OP["einsum"], chosen(**parts), True))


def interpolated(tie: tuple[str, ...] = ("einsum",)) -> Choice:
    predicted_s = {method: time.median_s for method, time in TIMES.items()}
    around = Between("einsum", chosen(128, tie), chosen(1024), predicted_s)
    return of(300, recalled=Recalled(OP["einsum"], around, True))


def measured(hint: Remembered | None = None, compile_s: float = 0.31) -> Choice:
    rows = [
        dataclasses.replace(row, compile_s=compile_s if row.kernel == "numba" else None)
        for row in remembered().records
    ]
    return of(
        measured=Measured(rows, {}, Spent(compile_s=compile_s, check_s=0.2, timing_s=0.5)),
        hint=hint,
    )


def estimated(*batches: int, **parts: Any) -> Choice:
    predicted_s = {"loop": 9e-4, "einsum": 1.2e-5}
    evidence = tuple(chosen(batch, **parts) for batch in batches)
    return of(estimate=Estimate(OP["einsum"], predicted_s if evidence else {}, evidence))


def one_line(choice: Choice) -> str:
    return " ".join(str(choice).split())


def test_a_measured_choice_tells_what_it_cost_and_what_was_compiled():
    text = one_line(measured())
    assert text.startswith("softmax_vjp at batch 128: einsum, the fastest of 3 kernels that passed")
    assert "classes 10 · float32 · C order · 2 threads" in text
    assert (
        "measured now: 500 ms of timing, 200 ms of checking on small draws and 310 ms of compiling "
        "(numba 310 ms)"
    ) in text
    assert "compiling" not in one_line(measured(compile_s=1e-4))


def test_a_remembered_choice_tells_since_when_and_how_thoroughly():
    text = one_line(remembered(rigor="patient"))
    assert "remembered since 2026-11-22 06:16 UTC, rigor patient" in text


def test_every_candidate_has_time_ratio_and_error_or_the_reason_it_was_left_out():
    lines = str(remembered()).splitlines()
    table = [line.split() for line in lines]
    assert ["*", "einsum", "12", "µs", "75x", "loop", "error", "0.70"] in table
    assert ["loop", "900", "µs", "1x", "loop", "error", "0.87"] in table
    assert "  jacobian_matmul: skipped, too slow" in lines
    for kernel in OP:
        assert kernel.method in "\n".join(lines)


def test_untrusted_text_has_no_control_characters_for_the_terminal():
    assert "ufunc: rejected, returns ?[2J zeros" in str(remembered())


def test_a_tie_is_said():
    text = one_line(remembered(tie=("einsum", "numba")))
    assert "einsum, the simplest of those that tie: einsum and numba" in text
    assert "= numba" in text
    assert "a tie at batch 128: einsum and numba" in one_line(interpolated(("einsum", "numba")))
    assert "tie at" not in one_line(interpolated())


def test_between_two_sizes_times_are_about_and_nothing_is_called_measured():
    text = one_line(interpolated())
    assert text.startswith("softmax_vjp at batch 300: einsum, which wins or ties at the sizes")
    assert (
        "between batch 128 (measured 2026-11-22) and batch 1,024 (measured 2026-11-22); "
        "nothing was timed at this size"
    ) in text
    assert "* einsum about 12 µs ~75x loop" in text
    assert "error" not in text
    assert "ufunc: skipped, not measured at both sizes around" in text


def test_a_guess_tells_what_it_stands_on():
    text = one_line(estimated(256, 16))
    assert text.startswith("softmax_vjp at batch 128: einsum, a guess")
    assert (
        "nothing was timed; scaled by the roofline from 2 remembered timings, the nearest at batch "
        "256 (measured 2026-11-22) *"
    ) in text.replace("  ", " ")
    assert "* einsum about 12 µs ~75x loop" in text
    assert "numba: skipped, nothing is known of it" in text


def test_a_guess_tells_what_was_different_where_it_was_timed():
    other = asked(128)._replace(dtype="float64", layout="FF", threads=Threads(1, 1))
    here = environment(OP)
    there = here._replace(machine=here.machine._replace(numpy="1.0"))
    text = one_line(estimated(128, signature=other, environment=there))
    assert (
        "from one remembered timing at this size (measured 2026-11-22), float64, F order, "
        "threads 1, under NumPy 1.0"
    ) in text


def test_a_guess_from_nothing_says_so():
    text = one_line(estimated())
    assert "nothing was timed and nothing is remembered: the last kernel registered" in text
    assert "about" not in text


def test_a_hint_tells_what_was_chosen_where_and_that_it_was_not_used():
    here = environment(OP)
    machine = here.machine._replace(numpy="1.0", cpu=None)
    for old, text in (
        (here._replace(machine=machine), "under an unknown processor and NumPy 1.0: numba"),
        (here._replace(code="other"), "under other code of the operation: numba"),
        (here._replace(candidates=()), "under other kernels: numba"),
    ):
        hint = chosen(kernel="numba", tie=("numba",), environment=old)
        assert f"{text} (2026-11-22); not used" in one_line(measured(hint))
    same = chosen(environment=here._replace(code="other"))
    assert "einsum too (2026-11-22); not used" in one_line(measured(same))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("choice", [measured, remembered, interpolated, estimated])
def test_no_line_is_longer_than_the_width_and_no_number_is_torn_from_its_unit(choice, width):
    lines = explain_choice(choice().decision, choice().records, width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any(line.strip().startswith(("ms", "µs", "UTC", "%")) for line in lines)
    for kernel in OP:
        assert kernel.method in "\n".join(lines)


def test_a_choice_prints_itself():
    assert str(remembered()) == explain_choice(remembered().decision, remembered().records)


@pytest.mark.parametrize(
    ("won", "text"),
    [
        ([], ""),
        ([Won(1, "a")], "batch 1: a"),
        ([Won(1, "a"), Won(4, "a"), Won(16, "b")], "batch 1 to 4: a; 16: b"),
        ([Won(1, "a"), Won(4, "b"), Won(16, "a")], "batch 1: a; 4: b; 16: a"),
        ([Won(1, "a", ("a", "b")), Won(4, "a", ("a", "b"))], "batch 1 to 4: a (= b)"),
        (
            [Won(1, "a", threads=2), Won(4, "a", threads=2), Won(8, "a")],
            "batch 1 to 4: a on 2 threads; 8: a",
        ),
        ([Won(1, "a", ("a", "b")), Won(4, "a", ("a",))], "batch 1 to 4: a (= b at 1)"),
        (
            [Won(4**n, "a", ("a", "b") if n in (0, 2, 3) else ("a",)) for n in range(5)],
            "batch 1 to 256: a (= b at 1 and 16 to 64)",
        ),
        ([Won(16, "a"), Won(60_000, "a")], "batch 16: a; 60,000: a"),  # too far apart to tell
        ([Won(None, "a", ("a", "b"))], "a (= b)"),
        ([Won(1, "")], "batch 1: no kernel"),
    ],
)
def test_neighbouring_batches_of_one_winner_are_reported_together(won, text):
    assert ranges_text(won).replace("\u00a0", " ") == text


@pytest.mark.parametrize("width", [40, 60, 120])
def test_ranges_fit_and_are_not_torn(width):
    won = [Won(4**n, f"a_kernel_with_a_name_{n % 2}") for n in range(8)]
    rows = [("softmax_jacobian", ranges_text(won)), ("relu", ranges_text(won[:1]))]
    lines = ["".join(text for text, _ in line) for line in range_lines(rows, width)]
    assert max(map(len, lines)) <= width
    assert "\u00a0" not in "".join(lines)
    assert sum(line.count("a_kernel_with") for line in lines) == 9
    assert all(line.rstrip().endswith((";", "_0", "_1", "jacobian", "relu")) for line in lines)
