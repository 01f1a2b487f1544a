"""A remembered kernel that raises by now is left out, and the next best one serves."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from choose_support import Bench

import einbench
import einbench.choose.recall as recalling
from einbench.choose.book import Remembered
from einbench.choose.first_use import why_wrong
from einbench.choose.serving import serve
from einbench.choose.wisdom import wisdom
from einbench.host import warned
from einbench.problem import Problem

X = np.ones((4, 3), np.float32)


class Broken:
    """Makes kernels raise once they have been measured."""

    def __init__(self) -> None:
        self.raised: dict[str, Exception] = {}

    def compute(self, method: str) -> Any:
        def double(inputs: Any) -> Any:
            if method in self.raised:
                raise self.raised[method]
            return 2 * inputs

        return double


@pytest.fixture
def broken(start: Any, auto: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three kernels, measured and remembered; what was decided in this process is forgotten."""
    monkeypatch.setattr(warned, "_SAID", set())
    bench, broken = start(), Broken()
    for method, repeats in (("slow", 3000), ("middle", 300), ("quick", 1)):
        compute = broken.compute(method)

        def kernel(inputs: Any, compute: Any = compute, repeats: int = repeats) -> Any:
            for _ in range(repeats):
                result = compute(inputs)
            return result

        bench.op.kernel(method)(lambda inputs, kernel=kernel: kernel(inputs))
    assert einbench.fastest(bench.op, X).kernel.method == "quick"
    auto.refresh()
    broken.op = bench.op
    broken.auto = getattr(auto, bench.op.name)
    return broken


def out_of(broken: Any, way: str) -> Any:
    if way == "auto":
        return broken.auto(X)
    if way == "auto, out":
        return broken.auto(X, out=np.empty_like(X))
    choice = einbench.fastest(broken.op, X)
    assert choice.origin == "remembered"
    return choice(X) if way == "fastest" else choice(X, out=np.empty_like(X))


@pytest.mark.parametrize("way", ["auto", "auto, out", "fastest", "fastest, out"])
def test_the_next_best_serves_and_one_line_says_so(broken: Any, way: str) -> None:
    broken.raised["quick"] = TypeError("No matching definition")
    with pytest.warns(RuntimeWarning) as said:
        found = [out_of(broken, way) for _ in range(2)]
    assert np.all(np.array(found) == 2)
    (line,) = [str(warning.message) for warning in said]
    assert f"{broken.op.name}[quick] was remembered as the fastest and raises TypeError" in line
    assert line.endswith("it is left out, and middle serves")


def test_where_two_are_broken_the_third_serves(broken: Any) -> None:
    broken.raised |= {"quick": OSError("no disk"), "middle": TypeError("no form")}
    with pytest.warns(RuntimeWarning, match="and slow serves"):
        assert (broken.auto(X) == 2).all()


@pytest.mark.parametrize("way", ["auto", "auto, out", "fastest", "fastest, out"])
def test_what_two_kernels_refuse_is_the_callers_error(broken: Any, way: str) -> None:
    for method in ("quick", "middle", "slow"):
        broken.raised[method] = ValueError(f"label 9, says {method}")
    with pytest.raises(ValueError, match="label 9, says quick"):
        out_of(broken, way)


def test_where_all_raise_the_chosen_ones_error_is_told(broken: Any) -> None:
    broken.raised |= {m: MemoryError(f"of {m}") for m in ("quick", "middle", "slow")}
    with pytest.raises(MemoryError, match="of quick"):
        broken.auto(X)


def test_of_what_nothing_is_known_the_last_registered_serves_next() -> None:
    bench = Bench()
    for method in ("loop", "einsum", "simd", "broken"):
        bench.kernel(method, 1e-6)
    decision = bench.decide(8, "estimate")
    assert (decision.origin, decision.kernel.method) == ("estimated", "broken")

    def first(kernel: Any) -> str:
        if kernel.method == "broken":
            raise TypeError("No matching definition")
        return str(kernel.method)

    with pytest.warns(RuntimeWarning, match="and simd serves"):
        assert serve(decision, first)[1] == "simd"


@pytest.mark.parametrize(("wrong_row", "reason"), [(0, "wrong"), (99, "wrong"), (50, "")])
def test_where_a_truth_takes_long_no_call_of_the_look_is_as_large(
    wrong_row: int, reason: str
) -> None:
    bench = Bench(independent=(), flops=lambda sizes: 1e8 * sizes["batch"])

    def nearly(inputs: Any) -> Any:
        outputs = 2 * inputs
        outputs[inputs[:, 0] == wrong_row] = 7
        return outputs

    bench.kernel("nearly", 1e-6, nearly)
    rows = np.arange(100, dtype=np.float32)[:, None] + np.zeros(3, np.float32)
    problem = Problem.of(bench.op, (rows,), {})
    assert why_wrong(bench.op["nearly"], problem).startswith(reason)
    assert bench.log
    assert all(3e8 * batch <= 1.5e9 for _, batch in bench.log)


def test_what_a_healthy_process_remembers_stays(broken: Any) -> None:
    broken.raised["quick"] = TypeError("No matching definition")
    with pytest.warns(RuntimeWarning):
        broken.auto(X)
    broken.raised.clear()
    assert einbench.fastest(broken.op, X).kernel.method == "quick"


def hungry(inputs: Any) -> Any:
    raise MemoryError("Unable to allocate 1 TiB")


def test_a_kernel_that_could_not_be_checked_is_remembered_as_that_and_for_a_day(
    start: Any, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start()
    bench.op.kernel("good")(lambda inputs: 2 * inputs)
    bench.op.kernel("hungry")(hungry)
    choice = einbench.fastest(bench.op, X, budget_s=0.001)
    (kept,) = wisdom().book(bench.op.name).choices
    expected = "unchecked: could not be checked here: MemoryError: Unable to allocate 1 TiB"
    assert kept.left_out == {"hungry": expected}
    assert {r.kernel: r.status for r in choice.records} == {"good": "ok", "hungry": "unchecked"}
    again = einbench.fastest(bench.op, X, budget_s=0.001)
    assert (again.origin, [r.status for r in again.records]) == ("remembered", ["ok", "unchecked"])
    now_s = recalling.time.time() + recalling._UNCHECKED_S + 60
    monkeypatch.setattr(recalling.time, "time", lambda: now_s)
    assert einbench.fastest(bench.op, X, budget_s=0.001).origin == "measured"
    # nor for longer where the clock was ahead by then
    before_s = now_s - 3 * recalling._UNCHECKED_S
    monkeypatch.setattr(recalling.time, "time", lambda: before_s)
    assert einbench.fastest(bench.op, X, budget_s=0.001).origin == "measured"


def test_of_choices_only_those_with_an_unchecked_kernel_are_incomplete() -> None:
    def made(**left_out: str) -> Any:
        return Remembered(None, None, "measure", "", "good", ("good",), {}, left_out)  # type: ignore[arg-type]

    assert made(loop="skipped: about 40 s", other="rejected: wrong").complete
    assert not made(simd="unchecked: could not be checked here: OSError").complete


def test_labels_that_all_kernels_refuse_are_told_in_one_line_at_the_first_call_too(
    start: Any, auto: Any
) -> None:
    start()
    logits = np.zeros((41, 10), np.float32)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^labels must lie in \[0, classes\)") as refused:
            auto.cross_entropy(logits, np.full(41, 11))
        assert "no kernel" not in str(refused.value)


def test_looking_at_a_kernel_imports_nothing_of_workers_and_libraries() -> None:
    code = "import sys, einbench.choose.first_use; print([*sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = ast.literal_eval(done.stdout)
    assert "einbench.measure.look" in imported
    for name in ("einbench.measure.remote", "einbench.libraries", "multiprocessing", "socket"):
        assert name not in imported
