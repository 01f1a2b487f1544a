"""The race of expressions: its sets, its ratios, its table, and one tiny run of the command."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import einbench

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "einsum"
MODULES = ("thirty", "more", "ratios", "rounds", "table", "race", "emitted")


@pytest.fixture(scope="module")
def module():
    """``module("ratios")`` is benchmarks/einsum/ratios.py."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))
    for name in MODULES:
        sys.modules.pop(name, None)


def timed(*seconds):
    return {"status": "ok", "reason": "", "samples_s": [*seconds]}


def test_two_sets_of_thirty_have_sizes_and_a_class_and_no_expression_in_common(module):
    sets = module("thirty").THIRTY, module("more").MORE
    assert [len(each) for each in sets] == [30, 30]
    for name, text, sizes, decides in (*sets[0], *sets[1]):
        op = einbench.expression(text, **sizes)
        assert set(op.axes) == set(sizes), name
        assert decides in ("product", "memory", "other")
    forms = [
        {einbench.expression(text).name.translate(_in_order(text)) for _, text, *_ in each}
        for each in sets
    ]
    assert forms[0].isdisjoint(forms[1])


def _in_order(text):
    letters = dict.fromkeys(c for c in text if c.isalpha())
    return str.maketrans({letter: chr(97 + n) for n, letter in enumerate(letters)})


def test_the_best_is_found_in_one_half_of_the_rounds_and_the_ratio_taken_in_the_other(module):
    own = timed(*[2.0] * 12)
    # the best of even rounds only, and four times slower in the others
    lucky = timed(*[1.0, 4.0] * 6)
    steady = timed(*[3.0] * 12)
    found = module("ratios").ratio({"einbench_einsum": own, "a": lucky, "b": steady})
    assert found.best == "a"
    assert found.ratio == pytest.approx(0.5)
    assert found.best_s == 4.0
    assert found.low == found.high == pytest.approx(0.5)


def test_a_miss_is_beyond_noise_a_tenth_and_three_microseconds(module):
    ratio = module("ratios").ratio

    def against(own, best):
        return ratio({"einbench_einsum": timed(*own), "a": timed(*best)}).missed

    assert against([1.2] * 20, [1.0] * 20)
    assert not against([1.05] * 20, [1.0] * 20)
    assert not against([3e-6] * 20, [1e-6] * 20)
    assert against([5e-6] * 20, [1e-6] * 20)
    noisy = [0.5, 0.5, 2.0, 2.0] * 5
    assert not against(noisy, [1.0] * 20)


def test_rounds_without_a_turn_and_contestants_without_times_are_left_out(module):
    ratios = module("ratios")
    slow = timed(9.0, 9.0, *[None] * 10)
    facts = {
        "einbench_einsum": timed(*[1.0] * 12), "a": timed(*[2.0] * 12), "slow": slow,
        "wrong": {"status": "rejected", "reason": "zeros"},
    }  # fmt: skip
    assert ratios.ratio(facts).best == "a"
    assert ratios.over_own(facts) == {"a": 2.0, "slow": 9.0}
    assert ratios.ratio({"einbench_einsum": timed(1.0)}) is None
    assert ratios.mean([2.0, 8.0]) == pytest.approx(4.0)


def test_results_are_judged_against_float64_and_zeros_fail(module):
    rounds = module("rounds")
    arrays = rounds._drawn("ij,jk->ik", {"i": 40, "j": 50, "k": 60}, "float32")
    truth, rounding = rounds._truth("ij,jk->ik", arrays)
    right = np.einsum("ij,jk->ik", *arrays)
    assert rounds.wrong_in(right, truth, rounding) == ""
    assert "units of rounding" in rounds.wrong_in(np.zeros_like(right), truth, rounding)
    assert "units of rounding" in rounds.wrong_in(right * np.nan, truth, rounding)
    assert "shape (60, 40)" in rounds.wrong_in(right.T, truth, rounding)


def test_after_an_interrupt_what_was_measured_is_kept_and_printed(module, monkeypatch, capsys):
    race = module("race")
    facts = {"einbench_einsum": timed(*[1.0] * 12), "jax": timed(*[2.0] * 12)}

    def measured(each, *_):
        if each[0] != "bmm 3x3":
            raise KeyboardInterrupt
        return {"name": each[0], "expression": each[1], "class": each[3], "contestants": facts}

    monkeypatch.setattr(race, "measured", measured)
    monkeypatch.setenv("EINBENCH_WISDOM", "off")  # restored afterwards
    assert race.main(["--set", "thirty"]) == 130
    printed = capsys.readouterr().out
    assert "bmm 3x3" in printed
    assert "geometric mean over all (1): 0.500" in printed
    assert "interrupted: the rest was not measured" in printed


@pytest.mark.long
def test_a_race_is_run_saved_and_printed_again(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, str(FOLDER / "race.py"), *arguments], capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    path = tmp_path / "race.json"
    done = run("--set", "more", "--only", "blending", "--seconds", "0.1", "--with", "cupy",
               "--json", str(path))  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(path.read_text())
    (each,) = document["races"][0]["expressions"]
    assert each["class"] == "memory"
    assert each["contestants"]["einbench_einsum"]["status"] == "ok"
    assert len(each["contestants"]["numpy_einsum"]["samples_s"]) >= 12
    assert "geometric mean over memory (1)" in done.stdout
    assert run("--from", str(path)).stdout == done.stdout
    done = run("--with", "torsh")
    assert done.returncode == 2
    assert "no einsum library 'torsh'; known: " in done.stderr


@pytest.mark.long
def test_emitted_source_is_raced_with_the_winner_it_stands_for(module):
    emitted = module("emitted")
    found = emitted.timed("product", "ij,jk->ik", {"i": 5, "j": 4, "k": 3}, "float64", 0.05)
    assert {name: r.status for name, r in found.records.items()} == {
        "winner": "ok", "emitted": "ok",
    }  # fmt: skip
    (row,) = emitted.lines(found)
    assert row.startswith("product")
    assert f" {found.emitted} " in row
    assert {name for name, *_ in module("thirty").THIRTY} >= set(emitted.SOME)


def test_emitted_source_that_imports_more_is_not_run(module):
    with pytest.raises(ValueError, match="emitted source imports os"):
        module("emitted").contract_of("import os\nimport numpy as np\ncontract = os.getcwd")


def test_words_that_name_no_expression_emit_nothing(module, capsys):
    assert module("emitted").main(["--only", "nothing"]) == 2
    assert "no expression has 'nothing' in its name" in capsys.readouterr().err
