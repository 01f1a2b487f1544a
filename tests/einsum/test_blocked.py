"""The machine: steps of a path on pieces of an index, in vector registers."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

import einbench
from einbench.choose.environment import limited
from einbench.einsum import blocked, kernels, machine, preparing, program, rates, rule
from einbench.einsum.language import parse
from einbench.einsum.plans import plan
from einbench.einsum.shapes import bind
from einbench.einsum.task import Refusal, Task, in_order
from einbench.jit import code_cache


def task_of(text, arrays, out):
    contraction = bind(parse(text), [a.shape for a in arrays])
    return Task(contraction, out.dtype, tuple(a.strides for a in arrays), out.strides)


def jobs_of(made):
    fields = machine.JOB_FIELDS
    return [made.table[n * fields : (n + 1) * fields].tolist() for n in range(made.jobs)]


def task(text, dtype="f4", **sizes):
    shapes = [tuple(sizes[i] for i in part) for part in text.split("->")[0].split(",")]
    contraction = bind(parse(text), shapes)
    item = np.dtype(dtype).itemsize
    strides = tuple(in_order(shape, item) for shape in shapes)
    return Task(contraction, np.dtype(dtype), strides, in_order(contraction.out_shape, item))


def stepping(array, step):
    return array[(*(slice(None, None, step) for _ in array.shape), ...)]


CASES = (
    ("ij,jk->ik", {"i": 61, "j": 53, "k": 67}),
    ("ij,jk->ki", {"i": 61, "j": 530, "k": 67}),
    ("ji,kj->ik", {"i": 130, "j": 700, "k": 49}),
    ("ij,kj->ik", {"i": 3, "j": 2, "k": 1500}),
    # rows that lie far apart, as few as are read as they are, and fewer and more
    *(("pi,pn->in", {"p": p, "i": 29, "n": 8203}) for p in (15, 16, 48, 49)),
    ("bij,bjk->bik", {"b": 40, "i": 9, "j": 11, "k": 13}),
    ("bqhd,bkhd->bhqk", {"b": 3, "q": 33, "k": 31, "h": 4, "d": 17}),
    ("mbej,imae->ijab", {"m": 5, "b": 24, "e": 24, "j": 12, "i": 12, "a": 24}),
    ("ij,j->i", {"i": 300, "j": 301}),
    ("ij,i->j", {"i": 300, "j": 301}),
    ("bi,bi->b", {"b": 700, "i": 45}),
    ("bi,ib->b", {"b": 70, "i": 45}),
    ("ij,ij->", {"i": 500, "j": 401}),
    ("i,j->ij", {"i": 130, "j": 77}),
    ("ij->", {"i": 500, "j": 401}),
    ("ijk->", {"i": 40, "j": 50, "k": 61}),
    ("ijk->k", {"i": 40, "j": 50, "k": 61}),
    ("ijk->j", {"i": 40, "j": 50, "k": 61}),
    ("ijk->i", {"i": 40, "j": 50, "k": 61}),
    ("ijkl->lj", {"i": 40, "j": 3, "k": 61, "l": 20}),
    ("ijk->kji", {"i": 40, "j": 50, "k": 61}),
    ("i->", {"i": 3}),
    ("i,i->", {"i": 200_001}),
    ("ki,kj->ij", {"k": 9000, "i": 7, "j": 9}),
    ("pqrs,pi->iqrs", {"p": 20, "q": 21, "r": 22, "s": 23, "i": 9}),
    ("bi,ij,bj->b", {"b": 3000, "i": 20, "j": 30}),
    ("ijk,jkl,kli->il", {"i": 21, "j": 22, "k": 23, "l": 24}),
    ("ij,jk,kl,lm->im", {"i": 21, "j": 22, "k": 23, "l": 24, "m": 25}),
    ("ijk,jr,kr->ir", {"i": 50, "j": 51, "k": 52, "r": 5}),
    ("abc,ia,jb,kc->ijk", {"a": 9, "b": 8, "c": 7, "i": 20, "j": 21, "k": 22}),
    ("ni,n,nj->ij", {"n": 9000, "i": 11, "j": 13}),
    # columns that end within each half of a vector, along several panels
    *(("ij,kj->ik", {"i": 21, "j": 5, "k": 96 + end}) for end in range(1, 17)),
    # more panels than are packed at once
    ("nd,md->nm", {"n": 21, "m": 6200, "d": 3}),
    ("qr,qi->ir", {"q": 37, "r": 8300, "i": 19}),
    # rows of A that lie 4096 bytes apart
    ("bqhd,bkhd->bhqk", {"b": 1, "q": 21, "k": 163, "h": 8, "d": 64}),
)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("text", "sizes"), CASES)
def test_the_machine_computes_what_numpy_does(text, sizes, dtype):
    rng = np.random.default_rng(0)
    parts, output = text.split("->")
    arrays = [rng.standard_normal([sizes[i] for i in p]).astype(dtype) for p in parts.split(",")]
    wide = [a.astype("f8") for a in arrays]
    expected = np.einsum(text, *wide, optimize=True)
    scale = np.einsum(text, *map(np.abs, wide), optimize=True)
    shape = [sizes[i] for i in output]
    backwards = tuple(reversed(range(len(shape))))
    for out in (
        np.full(shape, np.nan, dtype),
        stepping(np.full([2 * size for size in shape], np.nan, dtype), 2),
        np.full([sizes[i] for i in reversed(output)], np.nan, dtype).transpose(backwards),
        stepping(np.full(shape, np.nan, dtype), -1),
    ):
        blocked.blocked(task_of(text, arrays, out))(arrays, out)
        assert np.all(np.abs(out - expected) <= 60 * np.finfo(dtype).eps * scale)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("heads", [2, 4, 7, 8, 12, 16, 19])
def test_where_a_stack_is_innermost_in_the_result_products_are_made_apart(dtype, heads):
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 2, 45, heads, 16)).astype(dtype)
    out = np.full((2, 45, 45, heads), np.nan, dtype).transpose(0, 3, 1, 2)
    each = task_of("bqhd,bkhd->bhqk", [a, b], out)
    blocked.blocked(each)([a, b], out)
    np.testing.assert_allclose(out, np.einsum("bqhd,bkhd->bhqk", a, b), rtol=1e-5)
    if heads >= 8:
        (job,) = jobs_of(program.program(each))
        assert job[3] == 2  # the product, and the copy


def test_operands_of_any_strides():
    rng = np.random.default_rng(1)
    a = rng.random((40, 90))[::-1, ::3]
    b = np.broadcast_to(rng.random((30, 1, 50)), (30, 7, 50))[:, 2, ::-1]
    out = np.full((40, 50), np.nan)
    blocked.blocked(task_of("ij,jk->ik", [a, b], out))([a, b], out)
    np.testing.assert_allclose(out, a @ b)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_rows_that_are_summed_together_have_the_sums_that_each_has_alone(dtype):
    rng = np.random.default_rng(2)
    a, b = rng.random((7, 6, 301)).astype(dtype)[:, ::2], rng.random((3, 301)).astype(dtype)
    sums = []
    for given in (a, a[6:]):
        out = np.full(len(given), np.nan, dtype)
        blocked.blocked(task_of("ibj,bj->i", [given, b], out))([given, b], out)
        np.testing.assert_allclose(out, np.einsum("ibj,bj->i", given, b), rtol=1e-5)
        sums.append(out)
    assert sums[0][6] == sums[1][0]


def test_nan_and_infinity_pass_and_lanes_without_elements_add_none():
    a, b = np.ones((9, 5), np.float32), np.ones((5, 17), np.float32)
    a[2, 1], b[3, 16] = np.nan, np.inf
    out = np.zeros((9, 17), np.float32)
    blocked.blocked(task_of("ij,jk->ik", [a, b], out))([a, b], out)
    np.testing.assert_array_equal(out, a @ b)


def test_steps_of_a_path_are_done_together_on_pieces():
    made = program.program(task("bi,ij,bj->b", b=5000, i=64, j=64))
    ((items, length, scratch, steps, _),) = jobs_of(made)
    assert (items, steps) == (5000, 2)
    assert length < 1000
    # what is left in between is of a piece, and not of all
    assert scratch <= 64 * length + 16


def test_what_all_pieces_need_is_computed_once_before():
    made = program.program(task("abc,ia,jb,kc->ijk", a=20, b=20, c=20, i=60, j=60, k=600))
    assert sum(job[3] for job in jobs_of(made)) == 3


def test_a_long_sum_is_divided_and_the_parts_are_added():
    made = program.program(task("ni,n,nj->ij", n=20000, i=40, j=40))
    first, last = jobs_of(made)
    assert first[0] == 20000
    assert made.shared >= 1600 * -(-first[0] // first[1])
    assert last[0] == 1600


WHOLE_SUMS = (
    ("ij->", {"i": 1000, "j": 1000}),
    ("ijk->", {"i": 100, "j": 100, "k": 101}),
    ("i,i->", {"i": 1_000_003}),
    ("ij,ij->", {"i": 1000, "j": 1000}),
    ("ij->j", {"i": 300_001, "j": 5}),
)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("text", "sizes"), WHOLE_SUMS)
def test_sums_without_outer_axes_are_shared_with_the_same_bits_on_any_threads(
    text, sizes, dtype, monkeypatch
):
    each = task(text, dtype, **sizes)
    made = program.program(each)
    first = jobs_of(made)[0]
    assert -(-first[0] // first[1]) >= 8
    rng = np.random.default_rng(0)
    parts = text.split("->")[0].split(",")
    arrays = [rng.standard_normal([sizes[i] for i in p]).astype(dtype) for p in parts]
    outs = []
    for threads in (1, 2):
        monkeypatch.setattr(program.rates, "threads", lambda n=threads: n)
        program.program.cache_clear()
        with limited(threads):
            outs.append(np.full(each.contraction.out_shape, np.nan, dtype))
            blocked.blocked(each)(arrays, outs[-1])
    program.program.cache_clear()
    assert outs[0].tobytes() == outs[1].tobytes()
    wide = [a.astype("f8") for a in arrays]
    scale = np.einsum(text, *map(np.abs, wide))
    assert np.all(np.abs(outs[0] - np.einsum(text, *wide)) <= np.finfo(dtype).eps * scale)


def test_longer_sums_are_divided_into_more_pieces_and_short_ones_stay_whole():
    counts = []
    for size in (1000, 100_000, 10_000_000, 1_000_000_000):
        first, *_ = jobs_of(program.program(task("i->", i=size)))
        counts.append(-(-first[0] // first[1]))
    assert counts[:2] == [1, 1]
    assert 8 <= counts[2] < counts[3] == 64


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("text", ["ij->", "ij->i", "ij->j", "iijj->", "iij->j"])
def test_sums_of_one_operand_of_any_strides(text, dtype):
    rng = np.random.default_rng(0)
    sizes = {"i": 60, "j": 61}
    shape = [sizes[i] for i in text.split("->")[0]]
    whole = rng.standard_normal([2 * size for size in shape]).astype(dtype)
    for array in (stepping(whole, 2), stepping(whole, -2), stepping(whole, 2).copy(order="F")):
        expected = np.einsum(text, array.astype("f8"))
        scale = np.einsum(text, np.abs(array, dtype="f8"))
        made = plan(text, [array], None, "K", "safe", blocked.blocked, views=False)(array)
        assert np.all(np.abs(made - expected) <= 2 * np.finfo(dtype).eps * scale)


def test_a_sum_of_ones_may_overflow_and_nan_and_infinity_pass():
    a = np.ones((700, 701), np.float32)
    for value in (np.nan, np.inf, -np.inf, 3e38):
        a[3, 5] = a[600, 700] = value
        with np.errstate(all="ignore"):
            expected = np.einsum("ij->", a)
        out = np.empty((), np.float32)
        blocked.blocked(task_of("ij->", [a], out))([a], out)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("each", "why"),
    [
        (task("ij,jk->ik", "c8", i=5, j=6, k=7), "floats of 4 or 8 bytes"),
        (task("ij,jk->ik", "i4", i=5, j=6, k=7), "floats of 4 or 8 bytes"),
    ],
)
def test_what_the_machine_refuses(each, why):
    with pytest.raises(Refusal, match=why):
        program.program(each)


def test_memory_beyond_the_limit_is_refused_with_its_bytes(monkeypatch):
    monkeypatch.setattr(program, "_MOST_BYTES", 1000)
    made = task("ni,n,nj->ij", n=20000, i=40, j=40)
    with pytest.raises(Refusal, match=r"what its steps leave takes [1-9][0-9],[0-9]{3} bytes"):
        program.program.__wrapped__(made)


class Clock:
    """Seconds that pass as something is waited for."""

    now_s = 100.0

    def monotonic(self):
        return self.now_s


def test_all_calls_together_wait_as_long_as_loading_takes(monkeypatch):
    clock, asked = Clock(), []
    monkeypatch.setattr(code_cache, "on_miss", [])
    monkeypatch.setattr(preparing, "time", clock)
    monkeypatch.setattr(preparing.Preparing, "_prepare", lambda self: None)
    made = preparing.Preparing(np.dtype("f4"))

    def wait(seconds):
        asked.append(seconds)
        clock.now_s += 0.4

    monkeypatch.setattr(made._known, "wait", wait)
    assert [made.soon() for _ in range(3)] == [False, False, False]
    assert asked == pytest.approx([0.5, 0.1, 0.0])


def test_nobody_waits_for_code_that_is_being_compiled(monkeypatch):
    monkeypatch.setattr(code_cache, "on_miss", [])
    monkeypatch.setattr(preparing, "_PATIENCE_S", 1e6)  # who waited would do so for days
    going_on = threading.Event()

    def compiles(self):
        for listener in code_cache.on_miss:
            listener()
        going_on.wait()

    monkeypatch.setattr(preparing.Preparing, "_prepare", compiles)
    made = preparing.Preparing(np.dtype("f4"))
    try:
        assert not made.soon()
        assert not made.ended
    finally:
        going_on.set()
        made.thread.join()


def test_another_kernel_computes_until_the_machine_is_there(monkeypatch):
    rng = np.random.default_rng(0)
    a = rng.random((60, 60), np.float32)
    each = task("ij,jk,kl->il", i=60, j=60, k=60, l=60)

    class Late:
        ready = False

        def soon(self):
            return self.ready

        def wait(self, seconds):
            assert seconds is None
            return True

    late, others = Late(), []

    def other(task):
        run = kernels.common(task)
        return lambda arrays, out: (others.append(1), run(arrays, out))

    monkeypatch.setattr(blocked, "preparing", lambda dtype: late)
    blocked.machine.execute.prepare(np.dtype("f4"))
    run = blocked.soon_blocked(each, other)
    out = np.empty((60, 60), np.float32)
    for ready, count in ((False, 1), (False, 2), (True, 2), (True, 2)):
        late.ready = ready
        out.fill(np.nan)
        run([a, a, a], out)
        np.testing.assert_allclose(out, a @ a @ a, rtol=1e-5)
        assert len(others) == count


def test_paths_and_stacks_go_to_the_machine():
    for each in (
        task("bi,ij,bj->b", b=5000, i=64, j=64), task("qij,qjk->qik", q=100, i=100, j=100, k=100),
        task("ijk,jr,kr->ir", i=100, j=100, k=100, r=16), task("ij->", i=1000, j=1000),
        task("ij->", "f8", i=1000, j=1000),
    ):  # fmt: skip
        assert rule.choose(each)[0] == "blocked"


@pytest.fixture
def unlike_expected():
    """BLAS on small matrices faster than on a common core, and the machine slower."""
    slow = {"narrow": 0.43, "short": 0.45, "stack": 0.14, "machine": 1.6, "pass": 0.75}
    rates.use(dict.fromkeys(("float32", "float64"), slow))
    yield
    rates.use({})


@pytest.mark.long
@pytest.mark.usefixtures("unlike_expected")
def test_the_machine_is_tried_where_estimates_do_not_say_that_it_is_far():
    for dtype in ("f4", "f8"):
        preparing.preparing(np.dtype(dtype)).wait(None)
    tucker = {"a": 20, "b": 20, "c": 20, "i": 60, "j": 60, "k": 60}
    each = task("abc,ia,jb,kc->ijk", "f8", **tucker)
    assert rule.choose(each)[0] == "path"
    expected = rule.costs(each)
    assert 1 < expected["blocked"] / expected["path"] < 2.5
    far = task("nij,njk,nlk->nil", "f8", n=50_000, i=3, j=3, k=3, l=3)
    assert "blocked" not in rule.costs(far)


def test_a_program_ends_while_the_machine_is_compiled(tmp_path):
    code = (
        "import numpy as np, einbench\n"
        "a = np.ones((40, 40), np.float32)\n"
        "print(einbench.einsum('ij,jk,kl,lm->im', a, a, a, a)[0, 0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PATH": "", "NUMBA_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == "64000.0\n"
    assert done.stderr == ""


def test_the_same_operands_give_the_same_bits_by_the_machine():
    rng = np.random.default_rng(0)
    a, w = rng.random((9000, 11), np.float32), rng.random(9000, np.float32)
    out = np.empty((11, 11), np.float32)
    run = blocked.blocked(task_of("ni,n,nj->ij", [a, w, a], out))
    run([a, w, a], out)
    first = out.copy()
    for _ in range(20):
        run([a, w, a], out)
        assert np.array_equal(first, out)


def test_einsum_of_many_threads_at_once():
    import threading

    rng = np.random.default_rng(0)
    a = rng.random((200, 100, 30), np.float32)
    expected = np.einsum("qij,qkj->qik", a, a, optimize=True)
    wrong = []

    def work():
        found = [einbench.einsum("qij,qkj->qik", a, a) for _ in range(10)]
        wrong.extend(f for f in found if not np.allclose(f, expected, rtol=1e-4))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_entries_of_the_machine_are_held_up_to_a_number(monkeypatch):
    held = {}
    monkeypatch.setattr(blocked, "_ENTRIES", held)
    monkeypatch.setattr(blocked, "_MOST_ENTRIES", 2)
    monkeypatch.setattr(blocked, "_compile", lambda *_, **how: lambda *arrays: None)
    for text in ("ij,jk->ik", "bij,bjk->bik", "ij,jk,kl->il", "ij,j->i", "i,j->ij"):
        blocked.blocked(task(text, b=3, i=40, j=50, k=60, l=20))
        assert 1 <= len(held) <= 2
