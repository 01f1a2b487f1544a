"""BLAS on the pool's threads: as right as on its own, in threads, forks and pieces, and undone."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

from einbench.host import openblas
from einbench.host.cores import usable_threads

ABLE = openblas.loaded()[0] if os.name == "posix" else []

pytestmark = pytest.mark.skipif(
    usable_threads() < 2 or not ABLE,
    reason="there is one core, or no OpenBLAS that can be given threads",
)

BEGIN = """
import os, sys, threading, ctypes
import numpy as np, threadpoolctl
import einbench
rng = np.random.default_rng(0)

def drawn(size, dtype=np.float64):
    a = rng.standard_normal((size, size))
    return (a @ a.T / size + np.eye(size)).astype(dtype)

def wide(a):
    # einsum's own loop, no BLAS
    return np.einsum("ij,jk->ik", a.astype(np.float64), a.astype(np.float64))

def close(found, truth, dtype, of=1.0):
    worst = float(np.abs(found - truth).max() / np.abs(truth).max())
    assert worst < 200 * of * np.finfo(dtype).eps, worst

A = drawn(300, np.float32)
TRUTH = wide(A)

def product():
    close(A @ A, TRUTH, np.float32)

def at_once(*calls, times=60):
    wrong = []
    def repeat(call):
        try:
            for _ in range(times):
                call()
        except BaseException as problem:
            wrong.append(problem)
    threads = [threading.Thread(target=repeat, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
"""


def run(source: str, said: str = "", timeout_s: float = 120) -> None:
    """In a process of its own: where threads wait for each other for ever, it is ended."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + source],
        capture_output=True, text=True, check=False, timeout=timeout_s,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, said), done.stderr


@pytest.mark.long
def test_results_are_as_right_as_on_threads_of_its_own() -> None:
    run("""
def judge(size, dtype):
    a = drawn(size, dtype)
    w = a.astype(np.float64)
    close(a @ a, wide(a), dtype)
    close(a @ np.linalg.solve(a, a), w, dtype, 20)
    u, s, v = np.linalg.svd(a)
    close(u * s @ v, w, dtype, 20)
    values, vectors = np.linalg.eigh(a)
    close(vectors * values @ vectors.T, w, dtype, 20)
    lower = np.linalg.cholesky(a)
    close(lower @ lower.T, w, dtype, 20)
    close(a @ np.linalg.inv(a), np.eye(size), dtype, 200)
    close(a @ a[0], np.einsum("ij,j->i", w, w[0]), dtype)

for shared in (False, True, False, True):
    on = einbench.share_threads() if shared else None
    for dtype in (np.float32, np.float64):
        for size in (1, 7, 64, 200, 333, 500):
            judge(size, dtype)
    if on:
        on.undo()
""")


def test_products_of_shared_and_of_own_threads_have_the_same_bits() -> None:
    run("""
for dtype in (np.float32, np.float64):
    for size in (100, 256, 401):
        a = drawn(size, dtype)
        own = a @ a
        with einbench.share_threads():
            assert all((a @ a == own).all() for _ in range(20))
""")


@pytest.mark.long
def test_the_pools_threads_do_the_work_and_blas_own_do_none() -> None:
    run("""
import time, psutil

def used_s():
    return {t.id: t.user_time + t.system_time for t in psutil.Process().threads()}

with einbench.share_threads():
    from einbench.jit import pool
    time.sleep(0.5)
    product()
    before_s, began_s = used_s(), time.monotonic()
    big = drawn(900)
    ours = {t.native_id for t in pool.threads()}
    # beside other processes the calling thread may do it all for a while
    while True:
        big @ big
        spent_s = {n: s - before_s.get(n, 0) for n, s in used_s().items()}
        took_s = time.monotonic() - began_s
        if took_s > 1 and sum(s for n, s in spent_s.items() if n in ours) > 0.1:
            break
        assert took_s < 60, spent_s
    # einsum of BEGIN uses none, and what is left is within two ticks of the system's clock
    others = {n: s for n, s in spent_s.items() if n not in ours | {threading.get_native_id()}}
    assert sum(others.values()) < 0.05, spent_s
""")


@pytest.mark.long
@pytest.mark.parametrize("count", [2, 4])
def test_python_threads_may_be_in_products_at_once(count: int) -> None:
    run(f"""
with einbench.share_threads():
    at_once(*[product] * {count}, times=60)
    x = drawn(420)
    def solve():
        close(x @ np.linalg.solve(x, x), x, np.float64, 20)
    at_once(*[product, solve] * ({count} // 2), times=15)
    at_once(*[solve] * {count}, times=10)
""")


def test_kernels_and_products_may_run_at_once() -> None:
    run("""
op = einbench.operation("softmax_vjp")
arrays = list(op.draw(batch=20_000).values())
call = op["simd"].entry(arrays, {})
expected = call(*arrays)

def kernel():
    assert (call(*arrays) == expected).all()

with einbench.share_threads():
    at_once(product, kernel, product, kernel, times=60)
""")


def test_a_piece_of_the_pool_may_call_blas() -> None:
    run("""
from einbench.jit import pool
with einbench.share_threads():
    pool.start()
    word = ctypes.c_int64
    ask = ctypes.CFUNCTYPE(None, word, word, word, word)(pool._known_to_linker()[0].address)
    done = []

    @ctypes.CFUNCTYPE(None, word, word, word)
    def piece(first, count, given):
        product()
        done.extend(range(first, first + count))

    for _ in range(20):
        ask(ctypes.cast(piece, ctypes.c_void_p).value, 0, 8, 1)
    assert sorted(done) == sorted([*range(8)] * 20), done
""")


def test_the_number_of_blas_threads_may_change_meanwhile() -> None:
    run("""
from einbench.host import openblas
with einbench.share_threads() as sharing:
    names = ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_",
             "scipy_openblas_set_num_threads", "openblas_set_num_threads")
    for turn in range(6):
        for count in (1, 2, 5, 9, 2):
            for each in sharing.libraries:
                openblas._function(ctypes.CDLL(each.path), names)(count)
            product()
        with threadpoolctl.threadpool_limits(1):
            product()
        at_once(product, product, times=5)
product()
""")


@pytest.mark.long
def test_it_may_be_undone_and_done_again_during_products() -> None:
    run("""
going = threading.Event()

def products():
    while not going.is_set():
        product()

asking = [threading.Thread(target=products) for _ in range(2)]
for thread in asking:
    thread.start()
for _ in range(40):
    with einbench.share_threads():
        product()
    product()
going.set()
for thread in asking:
    thread.join()
""")


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_children_share_their_own_threads() -> None:
    run(
        """
import multiprocessing, signal
from einbench.jit import pool

def child():
    signal.alarm(60)  # ends it where it hangs
    product()
    assert len(pool.threads()) == before and einbench.operation("tanh")
    at_once(product, product, times=20)
    print("ok", flush=True)

with einbench.share_threads():
    product()
    before = len(pool.threads())
    number = os.fork()
    if number == 0:
        try:
            child()
        finally:
            os._exit(0)
    os.waitpid(number, 0)
    forked = multiprocessing.get_context("fork").Process(target=child)
    forked.start()
    forked.join()
    product()
number = os.fork()
if number == 0:
    try:
        signal.alarm(60)
        with einbench.share_threads():
            product()
        product()
        print("ok", flush=True)
    finally:
        os._exit(0)
os.waitpid(number, 0)
""",
        "ok\nok\nok\n",
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_program_may_fork_in_the_middle_of_another_threads_products() -> None:
    # with threads of its own OpenBLAS may wait for ever then, and in such a child's products it may
    # with either, for a lock that was held
    run("""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
going, wrong = threading.Event(), []

def products():
    try:
        while not going.is_set():
            product()
    except BaseException as problem:
        wrong.append(problem)

with einbench.share_threads():
    asking = threading.Thread(target=products)
    asking.start()
    for _ in range(20):
        number = os.fork()
        if number == 0:
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 3
        product()
    going.set()
    asking.join()
    assert not wrong, wrong
""")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_that_python_does_not_see_leaves_a_child_that_works() -> None:
    run("""
import signal
with einbench.share_threads():
    product()
    number = ctypes.PyDLL(None).fork()
    if number == 0:
        signal.alarm(60)
        code = 1
        try:
            product()
            at_once(product, product, times=5)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 0
    product()
""")


@pytest.mark.long
@pytest.mark.skipif(
    not hasattr(os, "fork") or importlib.util.find_spec("scipy") is None,
    reason="there is no fork here, or SciPy is not installed (pip install scipy)",
)
def test_products_that_hold_pythons_lock_stop_nobody() -> None:
    # SciPy's wrappers of BLAS keep it, unlike NumPy's, while they wait for their turn
    run("""
import warnings
from scipy.linalg.blas import dgemm
warnings.simplefilter("ignore", DeprecationWarning)
going = threading.Event()
b = np.asfortranarray(drawn(200))
expected = wide(b)

def products():
    while not going.is_set():
        close(dgemm(1.0, b, b), expected, np.float64)
        product()

asking = [threading.Thread(target=products) for _ in range(2)]
for turn in range(15):
    with einbench.share_threads():
        if not turn:
            for thread in asking:
                thread.start()
        product()
        number = os.fork()
        if number == 0:
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 3
        product()
going.set()
for thread in asking:
    thread.join()
""")


def test_a_process_ends_in_the_middle_of_products() -> None:
    run(
        """
import atexit
atexit.register(lambda: (product(), print("bye")))
einbench.share_threads()

def products():
    while True:
        product()

threading.Thread(target=products, daemon=True).start()
product()
""",
        "bye\n",
    )
