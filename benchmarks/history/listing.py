"""The names in the suite: operations and kernels of the checkout that the suite lies in.

asv hands a cell to its process as the number of a parameter combination, which only means the
same in every commit if the list is the same. So the list never comes from the commit that is
measured: there, a kernel the commit lacks would shift all after it to another one's place.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

#: the checkout's folder kernels/ under the package's name, whatever is installed
_PRINT_NAMES = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("einbench", sys.argv[1])
einbench = sys.modules["einbench"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(einbench)
asked = json.loads(sys.argv[2])
found = [einbench.expression(text, **sizes) for text, sizes in asked]
print(json.dumps([[o.name, o.leading is not None, list(o.kernels)]
                  for o in found or einbench.operations.values()]))
"""


@dataclass(frozen=True)
class Listed:
    """One operation by name, with the names of its kernels, simplest first."""

    operation: str
    #: whether it takes batches; one that does not is measured at one size
    batched: bool
    kernels: tuple[str, ...]


@cache
def listed(checkout: Path = CHECKOUT, expressions: str = "[]") -> tuple[Listed, ...]:
    """Every operation of a checkout, in reading order; or what it makes of expressions.

    Another process imports it: this one measures the installed package.

    Args:
        checkout: its folder.
        expressions: in place of its operations: text and sizes of each, as JSON.

    Raises:
        RuntimeError: the checkout's package cannot be imported; the message says why.
    """
    finished = subprocess.run(  # noqa: S603 - this interpreter and a fixed program
        [sys.executable, "-I", "-c", _PRINT_NAMES, str(checkout / "kernels" / "__init__.py"),
         expressions],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["no reason given"]
        raise RuntimeError(f"the kernels of the checkout cannot be listed: {lines[-1]}")
    return tuple(
        Listed(operation, batched, tuple(kernels))
        for operation, batched, kernels in json.loads(finished.stdout)
    )
