"""What a page says and what its charts are made of, before any browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from einbench.page import commits, race, rows, words
from einbench.page.sources import material
from einbench.page.styles import ink
from einbench.page.tables import tables

from . import made


def read(folder: Path, *documents: object) -> object:
    for number, each in enumerate(documents):
        made.saved(folder, f"{number}.json", each)
    return material([str(folder)])


def test_lines_that_meet_at_a_hundred_rows_cross_there(tmp_path: Path) -> None:
    known = read(tmp_path, made.document(made.crossing()))
    (table,) = tables(known.rows)
    for context in ("program", "alone", "after_blas", "after_pause"):
        (change,) = table.crossings(context)
        assert (change.before, change.after) == ("loop", "numba")
        assert change.batch == pytest.approx(100)
    assert "loop until about 100 rows, numba beyond." in words.story(table, "program")


def test_a_tie_is_no_change_of_the_winner(tmp_path: Path) -> None:
    records = made.crossing()
    records[1]["tie"] = records[3]["tie"] = True
    (table,) = tables(read(tmp_path, made.document(records)).rows)
    assert table.crossings("program") == []
    assert "(= loop)" in words.story(table, "program")[0].replace("\xa0", " ")


def test_each_context_has_a_winner_of_its_own(tmp_path: Path) -> None:
    records = made.crossing()
    for each in records:
        if each["kernel"] == "loop":
            each["after_blas_s"] = 1.0
            each["after_blas_low_s"] = each["after_blas_high_s"] = 1.0
    (table,) = tables(read(tmp_path, made.document(records)).rows)
    winners = {c: [cell.winner["kernel"] for cell in table.wins[c].values()] for c in table.wins}
    assert winners["program"] == winners["alone"] == ["loop", "numba"]
    assert winners["after_blas"] == ["numba", "numba"]


def test_compiling_is_paid_back_by_what_each_call_saves(tmp_path: Path) -> None:
    known = read(tmp_path, made.document(made.crossing()))
    facts = rows.facts(tables(known.rows), {id(row): n for n, row in enumerate(known.rows)})
    paid = {known.rows[f["i"]]["batch"]: f["paid"] for f in facts if "paid" in f}
    assert paid == {10_000: pytest.approx(0.5 / (1e-2 - 1e-3))}


def test_the_floor_is_the_part_of_the_roofline_of_the_time(tmp_path: Path) -> None:
    known = read(tmp_path, made.document(made.crossing()))
    facts = rows.facts(tables(known.rows), {id(row): n for n, row in enumerate(known.rows)})
    floors = {fact["x"]: fact["floor_s"] for fact in facts}
    assert floors == {1: pytest.approx(1e-9), 10_000: pytest.approx(1e-5)}


def test_a_race_counts_refusals_and_wrong_answers_beside_the_mean(tmp_path: Path) -> None:
    (found,) = race.races(read(tmp_path, made.race()).races)
    said = {mean["library"]: mean["word"] for mean in found.means}
    assert said["einbench.einsum"] == "1.41x in the mean"
    assert said["torch"] == "4x in the mean · WRONG in 1"
    assert said["sparse"] == "1x in the mean · refuses 1 of 2"
    words_of = {(row["library"], row["name"]): row["word"] for row in found.rows}
    assert words_of["torch", "second"] == "WRONG"
    assert words_of["sparse", "first"] == "refuses"


def test_a_commit_that_takes_longer_is_marked_and_noise_is_not(tmp_path: Path) -> None:
    for day, (commit, s) in enumerate((("a" * 8, 1e-6), ("b" * 8, 1.05e-6), ("c" * 8, 2e-6))):
        made.asv(tmp_path, commit, day, s)
    (history,) = commits.histories(material([str(tmp_path)]).rows)
    assert {(row["commit"], row["batch"]) for row in history.regressed} == {
        ("c" * 8, 1), ("c" * 8, 128),
    }  # fmt: skip
    assert "+90 %" in words.regressions([history])


def test_the_command_repeats_what_was_asked(tmp_path: Path) -> None:
    settings = {
        "with": ["torch"], "layout": "F", "context": "alone", "batches": [1, 7], "isolate": True,
        "data": "other images", "time_limit_s": 5.0, "memory_bytes": 2_000_000_000,
        "sizes": {"classes": 7},
    }  # fmt: skip
    known = read(tmp_path, made.document(made.crossing(), **settings))
    assert words.command(known.runs[0]) == (
        "einbench compare softmax --batch 1,7 --dtype float32 --with torch --layout F --budget 2 "
        "--context alone --time-limit 5 --data 'other images' --memory 2 --isolate "
        "--size classes=7 --threads 2"
    )


def test_the_text_in_a_cell_has_contrast_enough_on_every_colour() -> None:
    from einbench.report.vega import COLOURS

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        lin = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]

    for colour in COLOURS:
        low, high = sorted((light(colour), light(ink(colour))))
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour


def test_the_first_sixty_kernels_each_look_their_own_way() -> None:
    from einbench.report.vega import looks

    seen = [(colour, shape) for colour, _, shape in map(looks, range(60))]
    assert len(set(seen)) == 60
