"""Tables that fit any width."""

from __future__ import annotations

import pytest

from einbench.report.families import difference_text, family_lines
from einbench.report.folded import Row, folded_lines
from einbench.report.training import accuracy_text, epoch_lines, loss_text, time_lines

ROWS = [
    Row(("negative_log_likelihood_gradient", "numba_parallel"), ("4,690", "1.23 s", "68 %")),
    Row(("update of the parameters", ""), ("", "9 ms", "")),
]
EPOCHS = [
    {
        "epoch": n, "loss": 0.5 / n, "accuracy": 0.9, "validation_loss": 0.4 / n,
        "validation_accuracy": 0.9 + n / 1000, "epoch_s": 12.345,
    }
    for n in range(1, 12)
]  # fmt: skip


def texts(lines) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines]


def test_a_wide_table_has_a_line_a_row_with_numbers_under_their_headings() -> None:
    lines = texts(folded_lines(("operation", "kernel"), ("calls", "time", "share"), ROWS, 100))
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert lines[0].endswith("calls    time  share")
    assert lines[2].endswith("4,690  1.23 s   68 %")


@pytest.mark.parametrize("width", range(40, 130))
def test_no_line_is_wider_than_the_terminal_and_nothing_is_left_out(width: int) -> None:
    lines = texts(folded_lines(("operation", "kernel"), ("calls", "time", "share"), ROWS, width))
    assert max(map(len, lines)) <= width
    everything = "\n".join(lines)
    for row in ROWS:
        assert all(text in everything for text in (*row.names, *row.numbers))


@pytest.mark.parametrize("width", [40, 49, 50, 80])
def test_epochs_families_and_times_fit(width: int) -> None:
    spent = [
        {"what": "", "operation": "mlp_logits_gradients", "kernel": "numba_parallel",
         "calls": 469, "seconds_s": 1.5},
        {"what": "batches and the rest of Python", "operation": "", "kernel": "", "calls": 0,
         "seconds_s": 0.5},
    ]  # fmt: skip
    families = [
        {"family": name, "status": "ok", "steps": 100, "losses": [2.3, 0.5], "difference": d,
         "step_s": 0.00123, "epoch_s": 0.58, "speedup": 5100.0}
        for name, d in (("loop", None), ("numba_parallel", 3e-16), ("auto", 0.0))
    ]  # fmt: skip
    for lines in (
        texts(epoch_lines(EPOCHS, width)),
        texts(time_lines(spent, 2.0, width)),
        texts(family_lines(families, width)),
    ):
        assert max(map(len, lines)) <= width
    assert "75.0 %" in "\n".join(texts(time_lines(spent, 2.0, width)))
    assert "3.0e-16" in "\n".join(texts(family_lines(families, width)))


def test_the_best_epoch_stands_out() -> None:
    styles = [line[0][1] for line in epoch_lines(EPOCHS, 80)][2:]
    assert styles == [""] * 10 + ["green"]


def test_numbers_are_short_and_missing_ones_are_dashes() -> None:
    assert loss_text(0.31236) == "0.3124"
    assert loss_text(1.5e-7) == "1.5e-07"
    assert loss_text(None) == accuracy_text(None) == difference_text(None) == "-"
    assert accuracy_text(0.97519) == "97.52 %"
    assert difference_text(0.0) == "0"
