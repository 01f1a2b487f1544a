"""`einbench.einsum` chooses among checked kernels by measuring, and remembers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.choose import environment, policy
from einbench.cli import main
from einbench.dropin import chosen, measured, near
from einbench.dropin.judged import Judge, Wrong
from einbench.einsum import kernels, rule
from einbench.einsum.language import parse
from einbench.einsum.shapes import bind
from einbench.einsum.task import Task, in_order

RNG = np.random.default_rng(0)
A, B = RNG.random((2, 60, 60))


def only_document(memory: Path) -> dict:
    (file,) = memory.glob("*.json")
    return json.loads(file.read_text())


def wrong_in_the_last_row(task):
    right = kernels.KERNELS["einsum"](task)

    def run(arrays, out):
        right(arrays, out)
        out[-1] *= 1.001

    return run


def test_a_choice_is_remembered_under_its_canonical_form(memory):
    np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B)
    found = only_document(memory)
    (choice,) = found["choices"]
    assert found["operation"] == "ab,bc->ac"
    assert choice["sizes"] == {"a": 60, "b": 60, "c": 60}
    assert choice["kernel"] in choice["times"]
    assert all(time[4] < 100 for time in choice["times"].values())  # errors: they were compared


def test_equal_expressions_share_a_choice(memory, monkeypatch):
    einbench.einsum("ij,jk->ik", A, B)
    monkeypatch.setattr(measured, "measured", None)  # measuring again would raise
    for text in ("xy,yz->xz", "ab , bc -> ac", "AB,BC"):
        np.testing.assert_allclose(einbench.einsum(text, A, B), A @ B)
    np.testing.assert_allclose(einbench.einsum(A, [0, 1], B, [1, 2], [0, 2]), A @ B)


def test_other_sizes_dtypes_and_strides_are_chosen_for_anew(memory):
    einbench.einsum("ij,jk->ik", A, B)
    einbench.einsum("ij,jk->ik", A[:50], B)
    einbench.einsum("ij,jk->ik", A.astype("f4"), B.astype("f4"))
    einbench.einsum("ij,jk->ik", A.T, B)
    einbench.einsum("ij,jk->ik", A[::2], B)
    choices = only_document(memory)["choices"]
    assert len(choices) == 5
    assert {choice["dtype"] for choice in choices} == {"float32", "float64"}
    assert [choice["layout"] for choice in choices] == ["CC", "CC", "CC", "FC", "SC"]


def test_a_wrong_kernel_is_left_out_and_never_served(memory, monkeypatch):
    monkeypatch.setitem(kernels.KERNELS, "matmul", wrong_in_the_last_row)
    np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B, rtol=1e-12)
    (choice,) = only_document(memory)["choices"]
    assert choice["kernel"] != "matmul"
    assert choice["left_out"]["matmul"].startswith("rejected: wrong at [59, ")
    np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B, rtol=1e-12)


def test_loops_expected_to_be_the_fastest_are_not_left_out_for_paths_that_compile(
    memory, monkeypatch
):
    known = {"einsum": 3e-4, "path": 2e-4, "path_second": 2e-4, "numba_parallel": 1e-4}
    monkeypatch.setattr(rule, "costs", lambda task: known)
    chosen.costs_of.cache_clear()
    path = kernels.KERNELS["path"]

    def slow(task):
        time.sleep(measured._COMPILING_S)  # as its steps are compiled
        return path(task)

    monkeypatch.setitem(kernels.KERNELS, "path", slow)
    a = RNG.random((20_000, 3, 3))
    einbench.einsum("nij,njk,nkl->nil", a, a, a)
    (choice,) = only_document(memory)["choices"]
    seen = {*choice["times"], *choice["left_out"]}
    assert seen == set(known)
    late = {name for name, why in choice["left_out"].items() if why == measured._NO_TIME}
    assert "path_second" in late
    assert not late & {"numba_parallel", "path"}
    chosen.costs_of.cache_clear()


def nothing_written(task):
    return lambda arrays, out: None


def raising(task):
    def run(arrays, out):
        raise FloatingPointError("no")

    return run


@pytest.mark.parametrize("kernel", [nothing_written, raising])
@pytest.mark.parametrize("dtype", ["f4", "c16", "i4", "?"])
def test_a_kernel_that_fails_or_writes_nothing_is_left_out(memory, monkeypatch, kernel, dtype):
    monkeypatch.setattr(rule, "costs", lambda task: {"matmul": 1e-5, "einsum": 1e-5})
    chosen.costs_of.cache_clear()
    monkeypatch.setitem(kernels.KERNELS, "matmul", kernel)
    ones = np.ones((4, 4), dtype)
    found = einbench.einsum("ij,jk->ik", ones, ones)
    np.testing.assert_array_equal(found, np.einsum("ij,jk->ik", ones, ones))
    (choice,) = only_document(memory)["choices"]
    assert choice["kernel"] == "einsum"
    assert "matmul" in choice["left_out"]
    chosen.costs_of.cache_clear()


def test_where_every_kernel_is_wrong_numpy_serves_and_nothing_is_remembered(memory, monkeypatch):
    costs = dict.fromkeys(("matmul", "broadcast"), 1e-05)
    monkeypatch.setattr(rule, "costs", lambda task: costs)
    chosen.costs_of.cache_clear()
    for name in costs:
        monkeypatch.setitem(kernels.KERNELS, name, wrong_in_the_last_row)
    np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B, rtol=1e-12)
    assert not list(memory.glob("*.json"))
    chosen.costs_of.cache_clear()


def test_infinity_and_nan_do_not_decide(memory):
    a = A.copy()
    a[0, 0], a[1, 1] = np.inf, np.nan
    found = einbench.einsum("ij,jk->ik", a, B)
    assert np.isinf(found[0]).all()
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[2:], (A @ B)[2:])
    (choice,) = only_document(memory)["choices"]
    assert all(time[4] < 100 for time in choice["times"].values())


def sized(rows):
    return RNG.random((rows, 7)), RNG.random((7, 5))


def test_small_operands_of_ever_new_sizes_are_compared_and_not_timed(memory, monkeypatch):
    monkeypatch.setattr(near, "_AGREE", 1)
    einbench.einsum("ij,jk->ik", *sized(20))
    (choice,) = only_document(memory)["choices"]
    monkeypatch.setattr(measured, "measured", None)  # measuring would raise
    for rows in range(15, 35):
        a, b = sized(rows)
        np.testing.assert_allclose(einbench.einsum("ij,jk->ik", a, b), a @ b)
    # a kernel that is wrong at the new size is not served: it would be measured
    monkeypatch.setitem(kernels.KERNELS, choice["kernel"], wrong_in_the_last_row)
    with pytest.raises(TypeError, match="not callable"):
        einbench.einsum("ij,jk->ik", *sized(36))
    # and others, of other strides, dtypes or much larger, are
    a, b = sized(20)
    for other in ((a.T, a), sized(41), (a.astype("f4"), b.astype("f4"))):
        with pytest.raises(TypeError, match="not callable"):
            einbench.einsum("ij,jk->ik", *other)


def test_sizes_whose_winners_differ_are_measured(memory, monkeypatch):
    monkeypatch.setattr(near, "_AGREE", 2)
    for rows, name in ((20, "einsum"), (22, "matmul")):
        near.won(task_of("ij,jk->ik", (rows, 7), (7, 5)), name)
    assert near.winner(task_of("ij,jk->ik", (21, 7), (7, 5)), 0.0) is None
    near.forget()
    for rows in (20, 22):
        near.won(task_of("ij,jk->ik", (rows, 7), (7, 5)), "matmul")
    assert near.winner(task_of("ij,jk->ik", (21, 7), (7, 5)), 0.0) == "matmul"
    assert near.winner(task_of("ij,jk->ik", (21, 7), (7, 5)), 1.0) is None


def test_operands_and_others_memory_stay_as_they_were(memory):
    a, b = A.copy(), B.copy()
    out = np.full((62, 60), 7.0)
    einbench.einsum("ij,jk->ik", a, b, out=out[1:-1])
    assert np.array_equal(a, A)
    assert np.array_equal(b, B)
    assert (out[[0, -1]] == 7).all()
    np.testing.assert_allclose(out[1:-1], A @ B)


def test_off_times_and_remembers_nothing(memory, monkeypatch):
    monkeypatch.setenv("EINBENCH_WISDOM", "off")
    monkeypatch.setattr(measured, "measured", None)
    np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B)
    assert not memory.exists()


def test_what_is_off_is_off_for_operations_too(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    drawn = einbench.operation("relu").draw(4)
    assert einbench.fastest("relu", **drawn, budget_s=1e-3).origin == "measured"
    assert einbench.fastest("relu", **drawn, budget_s=1e-3).origin == "remembered"
    assert not list(tmp_path.iterdir())


def test_commands_say_that_memory_is_off(monkeypatch):
    monkeypatch.setenv("EINBENCH_WISDOM", "off")
    shown = CliRunner().invoke(main, ["wisdom", "show"])
    assert shown.output.splitlines()[0] == "EINBENCH_WISDOM=off"
    tuned = CliRunner().invoke(main, ["tune", "relu", "--batch", "8"])
    assert tuned.exit_code == 2
    assert "EINBENCH_WISDOM=off: choices are not kept on disk" in tuned.output


def test_memory_that_cannot_be_written_warns_once_and_works(memory, monkeypatch):
    memory.parent.joinpath("file").write_text("")
    monkeypatch.setenv("EINBENCH_WISDOM", str(memory.parent / "file" / "wisdom"))
    with pytest.warns(RuntimeWarning, match="in memory only"):
        einbench.einsum("ij,jk->ik", A, B)
    einbench.einsum("ij,jk->ik", A[:40], B)  # warnings are errors here


def test_a_damaged_book_is_set_aside(memory):
    einbench.einsum("ij,jk->ik", A, B)
    (file,) = memory.glob("*.json")
    file.write_text(file.read_text()[:200])
    environment.refresh()
    with pytest.warns(RuntimeWarning, match="moved to"):
        np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B)
    assert only_document(memory)["choices"]


def test_a_remembered_kernel_that_is_not_there_any_more_is_chosen_anew(memory):
    einbench.einsum("ij,jk->ik", A, B)
    (file,) = memory.glob("*.json")
    document = json.loads(file.read_text())
    kernel = document["choices"][0]["kernel"]
    document["choices"][0]["times"]["gone"] = document["choices"][0]["times"].pop(kernel)
    document["choices"][0] |= {"kernel": "gone", "tie": ["gone"]}
    file.write_text(json.dumps(document))
    environment.refresh()
    np.testing.assert_allclose(einbench.einsum("ij,jk->ik", A, B), A @ B)
    assert only_document(memory)["choices"][0]["kernel"] in kernels.KERNELS


def test_wisdom_verbs_know_expressions_by_any_letters(memory):
    einbench.einsum("ij,jk->ik", A, B)
    shown = CliRunner().invoke(main, ["wisdom", "show", "xy,yz->xz"])
    assert shown.exit_code == 0, shown.output
    assert "ab,bc->ac" in shown.output
    assert "1 answer," in shown.output
    strided = A[::2]
    einbench.einsum("ij,jk->ik", strided, B)
    shown = CliRunner().invoke(main, ["wisdom", "show"])
    assert "x0 strides 960 8" in " ".join(shown.output.split())
    exported = CliRunner().invoke(main, ["wisdom", "export", "-"])
    assert '"ab,bc->ac"' in exported.output
    forgotten = CliRunner().invoke(main, ["wisdom", "forget", "ij,jk->ik"])
    assert forgotten.output == "ab,bc->ac: 2 choices forgotten\n"
    assert not list(memory.glob("*.json"))


def test_threads_that_call_at_once_choose_once(memory, monkeypatch):
    calls: list[str] = []
    real = measured.measured

    def counted(*given):
        calls.append("")
        return real(*given)

    monkeypatch.setattr(measured, "measured", counted)
    results: dict[int, np.ndarray] = {}
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait()
        results[number] = einbench.einsum("ij,jk->ik", A, B)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(results) == 8
    assert all(np.array_equal(results[0], each) for each in results.values())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_forked_while_another_thread_chooses_chooses_itself(memory, monkeypatch):
    choosing, go_on = threading.Event(), threading.Event()
    real = measured.measured

    def slow(*given):
        choosing.set()
        go_on.wait(30)
        return real(*given)

    monkeypatch.setattr(measured, "measured", slow)
    thread = threading.Thread(target=einbench.einsum, args=("ij,jk->ik", A, B))
    thread.start()
    assert choosing.wait(30)
    # what is chosen there is for other sizes, without the lock of the thread that it does not have
    monkeypatch.setattr(measured, "measured", real)
    child = os.fork()
    if child == 0:
        right = False
        try:
            monkeypatch.setenv("EINBENCH_WISDOM", str(memory) + "-of-child")
            right = np.allclose(einbench.einsum("ij,jk->ik", A[:9], B), A[:9] @ B)
        finally:
            os._exit(0 if right else 1)
    go_on.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


NEXT = """
import sys
import numpy as np
import einbench
a = np.random.default_rng(0).random((300, 300))
assert np.allclose(einbench.einsum("ij,jk->ik", a, a), a @ a)
print([m for m in ("numba", "llvmlite", "scipy", "psutil", "threadpoolctl", "filelock",
                   "einbench.operation", "einbench.forward", "einbench.measure.timing",
                   "einbench.dropin.measured", "einbench.dropin.judged") if m in sys.modules])
"""


def test_the_next_process_imports_what_its_winner_needs(memory):
    # not chosen here, where other tests have set how many threads there are
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", NEXT], capture_output=True, text=True, check=True
        )
    (choice,) = only_document(memory)["choices"]
    if choice["kernel"] != "blocked" and not choice["kernel"].startswith("numba"):
        assert done.stdout == "[]\n"
    assert "measured" not in done.stdout


def task_of(text, *shapes, dtype="f8"):
    contraction = bind(parse(text), shapes)
    kind = np.dtype(dtype)
    strides = tuple(in_order(shape, kind.itemsize) for shape in shapes)
    return Task(contraction, kind, strides, in_order(contraction.out_shape, kind.itemsize))


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "i8", "u1", "?"])
@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("ij,jk->ik", [(300, 200), (200, 150)]), ("i,i->", [(5000,)] * 2),
        ("bi,ij,bj->b", [(200, 30), (30, 30), (200, 30)]), ("ij->j", [(40, 50)]),
    ],
)  # fmt: skip
def test_zeros_are_wrong_and_numpy_is_right(text, shapes, dtype):
    rng = np.random.default_rng(0)
    operands = [(rng.random(shape) * 3 + 1).astype(dtype) for shape in shapes]
    judge = Judge(task_of(text, *shapes, dtype=dtype), operands)
    right = np.asarray(np.einsum(text, *operands))
    assert judge.error(right) < 1000
    for wrong in (np.zeros_like(right), right[::-1] if right.ndim else right * 0):
        if dtype == "?" and wrong.all():
            continue
        with pytest.raises(Wrong, match="wrong at"):
            judge.error(wrong)


def test_a_sum_of_a_million_equal_numbers_does_not_let_zeros_pass():
    ones = np.full(1 << 22, 0.1, np.float32)
    judge = Judge(task_of("i,i->", ones.shape, ones.shape, dtype="f4"), [ones, ones])
    judge.error(np.asarray(np.einsum("i,i->", ones, ones)))
    for wrong in (0.0, 0.9 * ones.size * 0.01):
        with pytest.raises(Wrong):
            judge.error(np.asarray(wrong, np.float32))


def test_off_and_frozen_take_the_rule_that_needs_no_compiled_machine(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    a, b, c = (rng.random((90, 90), np.float32) for _ in range(3))
    made: list[str] = []
    for name, kernel in chosen.KERNELS.items():
        monkeypatch.setitem(
            chosen.KERNELS, name, lambda task, n=name, k=kernel: made.append(n) or k(task)
        )
    for still in ("off", "frozen"):
        with policy.choosing(still):
            first = einbench.einsum("ij,jk->ik", a, b)
            np.testing.assert_array_equal(first, einbench.einsum("ij,jk->ik", a, b))
            three = einbench.einsum("ij,jk,kl->il", a, b, c)
    np.testing.assert_allclose(three, first @ c, rtol=1e-4)
    assert "blocked" not in made
    assert not memory.exists()


def test_frozen_takes_what_is_remembered(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a = np.random.default_rng(0).random((300, 40), np.float32)
    einbench.einsum("ij,kj->ik", a, a)
    (file,) = memory.glob("*.json")
    found = only_document(memory)
    (kept,) = found["choices"]
    other = next(name for name in ("einsum", "matmul") if name != kept["kernel"])
    kept["times"][other] = kept["times"][kept["kernel"]]
    kept["kernel"], kept["tie"] = other, [other]
    file.write_text(json.dumps(found))
    before = {p.name: p.read_bytes() for p in memory.iterdir() if p.is_file()}
    made: list[str] = []
    for name, kernel in chosen.KERNELS.items():
        monkeypatch.setitem(
            chosen.KERNELS, name, lambda task, n=name, k=kernel: made.append(n) or k(task)
        )
    with policy.choosing("frozen"):
        einbench.einsum("ij,kj->ik", a, a)
    assert set(made) == {other}
    assert {p.name: p.read_bytes() for p in memory.iterdir() if p.is_file()} == before
