"""Slices of time that a thread asks Linux for, read back from it."""

import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from einbench.host.slices import shorten

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has them")


def slice_of(thread):
    """In nanoseconds; None where this Linux does not say."""
    try:
        facts = Path(f"/proc/self/task/{thread}/sched").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    lines = [line.split(":") for line in facts if line.startswith("se.slice")]
    return int(lines[0][1]) if lines else None


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function(threading.get_native_id())))
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_gets_shorter_slices_and_keeps_its_priority():
    def look(thread):
        before = slice_of(thread), os.getpriority(os.PRIO_PROCESS, thread)
        return before, shorten(thread), slice_of(thread), os.getpriority(os.PRIO_PROCESS, thread)

    (slice_ns, nice), done, now_ns, now_nice = in_a_thread(look)
    assert nice == now_nice
    if slice_ns is None or tuple(map(int, platform.release().split(".")[:2])) < (6, 12):
        pytest.skip("this Linux has one length of slices, or does not say")
    assert (done, now_ns) == (True, 100_000)
    assert in_a_thread(slice_of) == slice_ns  # of the others nothing is changed


def test_a_thread_of_another_policy_is_left_alone():
    def look(thread):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        return shorten(thread), os.sched_getscheduler(0)

    assert in_a_thread(look) == (False, os.SCHED_BATCH)


@pytest.mark.parametrize("thread", [0, -1, 2**22 + 1])
def test_of_no_thread_nothing_is_changed(thread):
    assert not shorten(thread)


def test_threads_of_the_pool_have_them():
    script = """
import threading
from einbench.jit import pool
from einbench.host import slices
asked = []
pool.shorten = lambda thread: asked.append(thread)
pool.start(3)
names = {each.native_id for each in threading.enumerate() if each.name.startswith("einbench-")}
assert names and set(asked) == names, (asked, names)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
