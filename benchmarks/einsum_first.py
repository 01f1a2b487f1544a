"""What the first answer of `einbench.einsum` takes: ``python benchmarks/einsum_first.py [rounds]``.

In processes of their own, in turns: the imports of NumPy and of both NumPy and numba alone; the
first answer ever, with nothing compiled and nothing remembered; and the first one of the next
process. Printed are medians in milliseconds beyond those imports, of numba's where the process
imported it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 5
CASES = {
    "bmm 3x3": ("bij,bjk->bik", [(10_000, 3, 3), (10_000, 3, 3)]),
    "matmul": ("ij,jk->ik", [(200, 200), (200, 200)]),
    "matvec": ("ij,j->i", [(400, 400), (400,)]),
    "row dots": ("bi,bi->b", [(10_000, 3), (10_000, 3)]),
    "chain": ("ij,jk,kl->il", [(40, 40), (40, 40), (40, 40)]),
}
_TAKEN = """
import sys, time
began_s = time.perf_counter()
{work}
print(time.perf_counter() - began_s, "numba" in sys.modules)
"""
_ANSWER = """
import numpy as np
arrays = [np.ones(shape) for shape in {shapes}]
import einbench
einbench.einsum({text!r}, *arrays)
"""


def main(rounds: int) -> int:
    """Measure and print."""
    taken: dict[tuple[str, str], list[tuple[float, bool]]] = {}
    for _ in range(rounds):
        for name, work in (("numpy", "import numpy"), ("numba", "import numpy, numba")):
            taken.setdefault(("imports", name), []).append(_seconds(work, {}))
        for name, (text, shapes) in CASES.items():
            with tempfile.TemporaryDirectory() as folder:
                own = {
                    "EINBENCH_WISDOM": str(Path(folder) / "wisdom"),
                    "NUMBA_CACHE_DIR": str(Path(folder) / "code"),
                }
                work = _ANSWER.format(shapes=shapes, text=text)
                for which in ("first", "next"):
                    taken.setdefault((name, which), []).append(_seconds(work, own))
    imports_s = {name: _median(taken["imports", name]) for name in ("numpy", "numba")}
    print(f"imports: NumPy {imports_s['numpy'] * 1e3:.0f} ms, with numba", end=" ")
    print(f"{imports_s['numba'] * 1e3:.0f} ms")
    print(f"{'':12}{'first ever':>12}{'next process':>14}   beyond the imports, milliseconds")
    for name in CASES:
        cells = []
        for which in ("first", "next"):
            found = taken[name, which]
            loaded = any(numba for _, numba in found)
            beyond_s = _median(found) - imports_s["numba" if loaded else "numpy"]
            cells.append(f"{beyond_s * 1e3:.0f}{' with numba' if loaded else ''}")
        print(f"{name:12}{cells[0]:>15}{cells[1]:>18}")
    return 0


def _seconds(work: str, settings: dict[str, str]) -> tuple[float, bool]:
    # some images set it, and every process would compile the modules anew
    inherited = {n: value for n, value in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(  # noqa: S603 - the text above
        [sys.executable, "-c", _TAKEN.format(work=work)],
        capture_output=True, text=True, check=True, env={**inherited, **settings},
    )  # fmt: skip
    seconds, numba = done.stdout.split()
    return float(seconds), numba == "True"


def _median(found: list[tuple[float, bool]]) -> float:
    return statistics.median(seconds for seconds, _ in found)


def _rounds() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS, help="of processes")
    rounds: int = parser.parse_args().rounds
    return rounds


if __name__ == "__main__":
    sys.exit(main(_rounds()))
