"""Writers that are killed in the middle: the file is always whole, and nothing disappears."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from choose_support import OPERATION, batches

from einbench.choose.book_on_disk import book
from einbench.choose.wisdom import Wisdom

WRITER = (
    OPERATION
    + """
import einbench.choose.book
# a full book forgets its oldest choices, and here nothing may be missing
einbench.choose.book.MOST_CHOICES = 1_000_000
first = int(sys.argv[1])
kept = wisdom()
print("ready", flush=True)
for batch in range(first, first + 1000):
    kept.remember("doubled", choice(batch))
    print(batch, flush=True)
"""
)

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")


@pytest.fixture
def start_writer() -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Starts a process that writes from some batch on; none outlives the test."""
    with contextlib.ExitStack() as started:

        def start(first: int) -> subprocess.Popen[str]:
            writer = started.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WRITER, str(first)], stdout=subprocess.PIPE, text=True
                )
            )
            started.callback(writer.kill)
            return writer

        yield start


@pytest.mark.long
def test_a_writer_killed_at_any_moment_leaves_a_whole_file_with_all_it_said_it_wrote(
    folder: Path, start_writer: Callable[[int], subprocess.Popen[str]]
) -> None:
    rng = np.random.default_rng(4)
    path = folder / "doubled.json"
    said: set[int] = set()
    started = [start_writer(first) for first in (0, 1000)]
    for round_number in range(2, 14):
        writer = started.pop(0)
        started.append(start_writer(1000 * round_number))
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        if round_number % 2:
            # on a slow disk, too, some have written before they are killed
            said.add(int(writer.stdout.readline()))
        said_before = set(said)
        time.sleep(rng.uniform(0.0, 0.05))
        while not path.exists():
            time.sleep(0.001)
        # while it is written it is whole, whenever one looks
        for _ in range(10):
            found = book(json.loads(path.read_bytes()), "doubled")
            assert said_before <= set(batches(found))
        writer.kill()
        rest, _ = writer.communicate()
        assert writer.returncode == -signal.SIGKILL
        # the last line may have been cut off with the writer
        said |= {int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")}
        found = book(json.loads(path.read_bytes()), "doubled")
        assert said <= set(batches(found))
    assert len(said) >= 6
    assert list(folder.glob("*.damaged-*")) == []
    # what killed processes left behind disturbs no other
    again = Wisdom(str(folder))
    assert again.operations() == ["doubled"]
    assert said <= set(batches(again.book("doubled")))


#: killed by its own hand at one step of writing, the second time it gets there
AT_STEP = (
    OPERATION
    + """
import signal, tempfile, fcntl
kept = wisdom()
kept.remember("doubled", choice(1))
place, name = {"mkstemp": (tempfile, "mkstemp"), "fsync": (os, "fsync"), "chmod": (os, "chmod"),
               "replace": (os, "replace"), "makedirs": (os, "makedirs")}[sys.argv[1]]
real = getattr(place, name)

def die(*args, **more):
    if sys.argv[2] == "after":
        real(*args, **more)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(place, name, die)
kept.remember("doubled", choice(2))
"""
)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["makedirs", "mkstemp", "fsync", "chmod", "replace"])
def test_death_at_every_step_of_a_write_leaves_the_old_file_or_the_new(
    step: str, when: str, folder: Path
) -> None:
    died = subprocess.run(
        [sys.executable, "-c", AT_STEP, step, when], capture_output=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    found = book(json.loads((folder / "doubled.json").read_bytes()), "doubled")
    assert batches(found) == ([1, 2] if (step, when) == ("replace", "after") else [1])
    left = [name for name in os.listdir(folder) if name.startswith(".")]  # noqa: PTH208
    assert len(left) == (
        (step, when) in {(s, w) for s in ("fsync", "chmod") for w in ("before", "after")}
        or (step, when) in {("mkstemp", "after"), ("replace", "before")}
    )
    # the lock died with its holder, and what was left behind is not in the way
    again = Wisdom(str(folder))
    again.remember("doubled", found.choices[0]._replace(date="2027-01-02T03:04:05Z"))
    assert batches(Wisdom(str(folder)).book("doubled"))[-1:] == [1]
