"""Kernels of 2 x that are right, and do to their process what a kernel must not."""

from __future__ import annotations

import ctypes
import faulthandler
import locale
import mmap
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

#: what a kernel has kept between calls
KEPT: list[Any] = []


def good(x):
    return 2 * x


def also_good(x):
    return x + x


def raises(x):
    raise IndexError("no such row")


def raises_keyboard_interrupt(x):
    raise KeyboardInterrupt


def none(x):
    return None


def listed(x):
    return [2 * x]


def wrong_shape(x):
    return (2 * x)[None]


def wrong_dtype(x):
    return (2 * x).astype(np.float16)


def view(x):
    return np.broadcast_to(x[..., :1], x.shape)


def segfaults(x):
    faulthandler.disable()
    faulthandler.enable()
    ctypes.string_at(0)


def exits_at_once(x):
    os._exit(7)


def exits(x):
    sys.exit(3)


def aborts(x):
    os.abort()


def hangs(x):
    while True:
        time.sleep(1)


def reads(x):
    return input() and 2 * x


def allocates_100_gb(x):
    return 2 * np.ones(100 * 10**9, np.uint8)[: x.size].reshape(x.shape)


def allocates_bit_by_bit(x):
    while True:  # a page of it is never touched
        KEPT.append(np.empty(1 << 30, np.uint8))


def forks_and_returns(x):
    os.fork()
    return 2 * x


def forks_and_stays(x):
    if not os.fork():
        time.sleep(1000)
    return 2 * x


def leaves_an_orphan(x):
    if not os.fork():
        os.setsid()
        if not os.fork():
            time.sleep(1000)
        os._exit(0)
    os.wait()
    return 2 * x


def writes_to_its_input(x):
    y = 2 * x
    if x.flags.writeable:
        x[...] = 0
    return y


def _write(array):
    ctypes.memset(array.ctypes.data, 255, array.nbytes)


def writes_whatever_flags_say(x):
    y = 2 * x
    if x.size and not x.flags.writeable:
        _write(x)
    return y


def writes_to_anothers_input(x):
    # every array of its process, among them those that others are timed with
    import gc

    y = 2 * x
    for each in gc.get_objects():
        for array in vars(each).values() if type(each).__name__ == "Worker" else ():
            if isinstance(array, tuple) and len(array) == 3:
                for given in array[1]:
                    if given.size and given.base is not None:
                        _write(given)
    return y


def changes_blas_threads(x):
    import threadpoolctl

    for pool in threadpoolctl.ThreadpoolController().lib_controllers:
        pool.set_num_threads(1)
    return 2 * x


def changes_numba_threads(x):
    import numba

    numba.set_num_threads(1)
    return 2 * x


def changes_seterr(x):
    np.seterr(over="raise")
    return 2 * x


def flushes_to_zero(x):
    y = 2 * x
    # ldmxcsr [rdi]; ret
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\x0f\xae\x17\xc3")
    KEPT.append(page)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(page))
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(begin)(ctypes.byref(ctypes.c_uint32(0x9FC0)))
    return y


def draws(x):
    random.random()  # noqa: S311
    return 2 * x


def draws_from_numpy(x):
    np.random.rand()  # noqa: NPY002
    return 2 * x


def changes_locale(x):
    locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")
    return 2 * x


def changes_directory(x):
    os.chdir("/")
    return 2 * x


def changes_warnings(x):
    warnings.simplefilter("error")
    return 2 * x


def changes_environment(x):
    os.environ["MAX_NUM_THREADS_SESUM"] = "64"
    return 2 * x


def unbinds(x):
    # what there is beyond the worker's own cores, or fewer where there is none
    wanted = {next(iter(os.sched_getaffinity(0)))}
    os.sched_setaffinity(0, wanted)
    return 2 * x


def prints_a_gigabyte(x):
    line = b"x" * (1 << 20)
    for _ in range(1000):
        os.write(1, line)
    return 2 * x


def leaves_threads_running(x):
    def run():
        while True:
            pass

    if len(x) == 77:
        threading.Thread(target=run).start()
    return 2 * x


def raises_on_the_thousandth(x):
    KEPT.append(None)
    if len(KEPT) >= 1000:
        raise RuntimeError(f"call {len(KEPT)}")
    return 2 * x


def needs_a_compiler(x):
    subprocess.run([sys.executable, "-c", "raise SystemExit('no cc1')"], check=True)
    return 2 * x


def needs_a_compiler_that_is_missing(x):
    subprocess.run(["/no/such/compiler"], check=True)
    return 2 * x


def is_killed(x):
    # as the kernel of the system does when memory runs out
    os.kill(os.getpid(), signal.SIGKILL)


def closes_everything(x):
    os.closerange(0, 4096)
    time.sleep(1000)


def segfaults_when_timed(x):
    if len(x) == 77:
        KEPT.append(None)
    if len(KEPT) > 20:
        ctypes.string_at(0)
    return 2 * x


def many_threads(x):
    # ignores every limit of threads but the cores that its process is bound to; where it is timed
    # only: beside other processes what one row takes would foretell too much for many
    if len(x) != 77:
        return 2 * x
    threads = [threading.Thread(target=np.sort, args=(x.ravel(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 2 * x


#: kernel -> status, part of the reason
KINDS: dict[Callable[..., Any], tuple[str, str]] = {
    raises: ("rejected", "raises IndexError: no such row"),
    raises_keyboard_interrupt: ("rejected", "raises KeyboardInterrupt"),
    none: ("rejected", "returns nothing for y"),
    listed: ("rejected", "returns list for y"),
    wrong_shape: ("rejected", "wrong shape"),
    wrong_dtype: ("rejected", "wrong dtype: y is float16"),
    view: ("rejected", "returns a view"),
    segfaults: ("crashed", "ended its process with SIGSEGV (asked to call): File "),
    exits_at_once: ("crashed", "ended its process with exit code 7"),
    exits: ("rejected", "raises SystemExit: 3"),
    aborts: ("crashed", "ended its process with SIGABRT"),
    hangs: ("hung", "no answer within 8 s (asked to call)"),
    reads: ("rejected", "raises EOFError"),
    allocates_100_gb: ("unchecked", "MemoryError: Unable to allocate 93.1 GiB"),
    allocates_bit_by_bit: ("unchecked", "MemoryError: Unable to allocate 1.00 GiB"),
    forks_and_returns: ("rejected", "leaves a child process"),
    forks_and_stays: ("rejected", "leaves a child process"),
    leaves_an_orphan: ("rejected", "leaves a child process"),
    writes_to_its_input: ("rejected", "changes its input x"),
    writes_whatever_flags_say: ("rejected", "writes to a read-only array"),
    writes_to_anothers_input: ("crashed", "SIGSEGV"),
    changes_blas_threads: ("rejected", "changes the threads of openblas (2 -> 1)"),
    changes_numba_threads: ("rejected", "changes the threads of numba (2 -> 1)"),
    changes_seterr: ("rejected", "changes NumPy's error state (np.seterr) (over)"),
    flushes_to_zero: ("rejected", "changes whether denormal numbers are flushed to zero"),
    draws: ("rejected", "changes which numbers random draws next"),
    draws_from_numpy: ("rejected", "changes which numbers np.random draws next"),
    changes_locale: ("rejected", "changes the locale"),
    changes_directory: ("rejected", "changes the working directory"),
    changes_warnings: ("rejected", "changes which warnings are shown"),
    changes_environment: ("rejected", "changes the environment (MAX_NUM_THREADS_SESUM)"),
    unbinds: ("rejected", "changes the cores it runs on"),
    prints_a_gigabyte: ("rejected", "prints 1.0"),
    leaves_threads_running: ("rejected", "leaves threads running"),
    raises_on_the_thousandth: ("failed", "RuntimeError: call 1000"),
    needs_a_compiler: ("rejected", "raises CalledProcessError"),
    needs_a_compiler_that_is_missing: ("unchecked", "FileNotFoundError"),
    is_killed: ("unchecked", "ended by SIGKILL, from outside or as memory ran out"),
    closes_everything: ("crashed", "closed the pipes of its process"),
    segfaults_when_timed: ("crashed", "ended its process with SIGSEGV"),
    many_threads: ("ok", ""),
    good: ("ok", ""),
    also_good: ("ok", ""),
}
