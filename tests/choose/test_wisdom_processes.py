"""Sixteen processes at once: they lose nothing, and every one gets right results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from choose_support import OPERATION, batches

from einbench.choose.wisdom import Wisdom

COUNT = 16

REMEMBER = (
    OPERATION
    + """
number = int(sys.argv[1])
kept = wisdom()
here = environment(op)
print("ready", flush=True)
sys.stdin.readline()
warnings.simplefilter("error")
for step in range(6):
    kept.remember("doubled", choice(100 * number + step),
                  passed={(here, "float32"): {f"kernel {number}.{step}": 0.5}})
    found = {c.signature.sizes[0][1] for c in kept.book("doubled").choices}
    assert {100 * number + s for s in range(step + 1)} <= found
"""
)

ASK = (
    OPERATION
    + """
calls = []
real = measuring.measure
measuring.measure = lambda *args, **more: calls.append(1) or real(*args, **more)
x = np.arange(15, dtype="float32").reshape(5, 3)
print("ready", flush=True)
sys.stdin.readline()
warnings.simplefilter("error")
for _ in range(20):
    assert (einbench.auto.doubled(x) == 2 * x).all()
print(len(calls))
"""
)


def at_once(script: str) -> list[str]:
    """What so many processes say that start their work together."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(COUNT)
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * COUNT, said
    return [out for out, _ in said]


@pytest.mark.long
def test_what_sixteen_remember_at_once_is_all_there(folder: Path) -> None:
    at_once(REMEMBER)
    kept = Wisdom(str(folder)).book("doubled")
    expected = {100 * number + step for number in range(COUNT) for step in range(6)}
    assert set(batches(kept)) == expected
    (check,) = kept.checks
    assert len(check.errors) == len(expected)
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []


@pytest.mark.long
def test_sixteen_that_ask_for_the_same_at_once_get_right_results_and_measure_once(
    folder: Path,
) -> None:
    measured = [int(out) for out in at_once(ASK)]
    assert sum(measured) == 1
    assert batches(Wisdom(str(folder)).book("doubled")) == [5]
