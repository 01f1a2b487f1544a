"""Which kernel is chosen while one other process keeps a core busy.

    cd benchmarks && python -m choice.disturbed [OPERATION] [--batch 10000] [--times 5] [--quiet]

Every choice is made in a fresh process with an empty memory of choices. Printed are the kernel, its
median and the mean beside it, how often the cores were others', and whether the choice is kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

_BUSY = "while True: pass"
_RUN = """
import sys, einbench
from einbench.choose.wisdom import wisdom
name, batch = sys.argv[1], int(sys.argv[2])
op = einbench.operation(name)
choice = einbench.fastest(op, **op.draw(batch=batch))
(kept,) = wisdom().book(name).choices
seen = choice.decision.measured.disturbance
times = [f"{r.kernel} {1e6 * r.median_s:.0f} us (mean "
         f"{1e6 * sum(s for s in r.samples_s if s) / r.samples:.0f})"
         for r in choice.records if r.median_s]
print(f"{choice.kernel.method:16} other cores {seen.other_cores:.2f}  kept "
      f"{'for now' if kept.disturbed else 'for good'}  {', '.join(times)}")
"""


def main() -> None:
    """Print a line for each choice."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("operation", nargs="?", default="tanh")
    arguments.add_argument("--batch", type=int, default=10_000)
    arguments.add_argument("--times", type=int, default=5)
    arguments.add_argument("--quiet", action="store_true", help="without the busy process")
    given = arguments.parse_args()
    busy = None if given.quiet else subprocess.Popen([sys.executable, "-c", _BUSY])  # noqa: S603
    try:
        for _ in range(given.times):
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run(  # noqa: S603 - this interpreter and the script above
                    [sys.executable, "-c", _RUN, given.operation, str(given.batch)],
                    env={**os.environ, "EINBENCH_WISDOM": folder}, check=True,
                )  # fmt: skip
    finally:
        if busy is not None:
            busy.kill()
            busy.wait()


if __name__ == "__main__":
    main()
