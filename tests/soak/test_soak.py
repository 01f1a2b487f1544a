"""The soak and the count of bookkeeping say when something is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(code: str) -> subprocess.CompletedProcess[str]:
    """A script of this folder with something changed in it, as a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=False
    )


SOAK = """
import os, sys, tempfile, threading, numpy as np, soak
soak.CHOOSING_THREADS, soak._SAMPLE_S, soak._COMPILED_MB = 1, 0.05, 32.0
soak.compare = lambda run, rng: None
kept = []
{change}
with tempfile.TemporaryDirectory() as os.environ["EINBENCH_WISDOM"]:
    sys.exit(soak.main(["3"]))
"""
THREAD = """
def choose(run, rng):
    if not run.done["idle"]:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    run.done["idle"] += 1
    threading.Event().wait(0.05)
soak.choose = choose
"""
MEMORY = """
def choose(run, rng):
    kept.append(np.ones(1 << 21))
    threading.Event().wait(0.05)
soak.choose = choose
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("soak.is_right = lambda *given: False", "is wrong at sizes"),
        ("soak.drawn = None", "choose: TypeError"),
        (THREAD, "1 more threads of Python than before"),
        (MEMORY, "memory grew by"),
    ],
    ids=["wrong", "raises", "thread", "memory"],
)
def test_the_soak_finds(change, said):
    found = run(SOAK.format(change=change))
    assert found.returncode == 1
    assert said in found.stderr


SIGNATURES = """
import os, sys, tempfile, numpy as np, signatures
signatures._WARM = 1
kept = []
{change}
with tempfile.TemporaryDirectory() as os.environ["EINBENCH_WISDOM"]:
    sys.exit(signatures.main(["4"]))
"""
KEPT = """
real = signatures.drawn
def drawn(*given):
    kept.append(np.ones(1 << 22))
    return real(*given)
signatures.drawn = drawn
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "said"),
    [(KEPT, "MB kept"), ("signatures.is_right = lambda *given: False", "is wrong at sizes")],
    ids=["kept", "wrong"],
)
def test_the_count_of_bookkeeping_finds(change, said):
    found = run(SIGNATURES.format(change=change))
    assert found.returncode == 1
    assert said in found.stdout
