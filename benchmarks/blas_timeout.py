"""How long OpenBLAS's threads look for work after a call, said before NumPy is imported.

OpenBLAS 0.3.34 no longer exports the function by which `einbench.jit.spinning` ends them: there
they are told to look no longer than they must. Nothing but Python's own is imported here, for the
suites of benchmarks/ have this as their first import.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path

#: the first version without the function
_WITHOUT = (0, 3, 34)


def wanted() -> Mapping[str, str]:
    """What to add to the environment of a process that measures, under the NumPy of this one."""
    found = importlib.util.find_spec("numpy")
    if found is None or found.origin is None:
        return {}
    try:
        built = Path(found.origin).with_name("__config__.py").read_text(encoding="utf-8")
    except OSError:
        return {}
    version = re.search(r"OpenBLAS (\d+)\.(\d+)\.(\d+)", built)
    if version is None or tuple(map(int, version.groups())) < _WITHOUT:
        return {}
    return {"OPENBLAS_THREAD_TIMEOUT": "4"}


def here() -> None:
    """Have it in this process, whose own word counts where it has said something."""
    for name, value in wanted().items():
        os.environ.setdefault(name, value)
