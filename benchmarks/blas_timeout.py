"""The spin time of OpenBLAS's threads after a call, set before NumPy is imported.

OpenBLAS 0.3.34 no longer exports the function by which `einbench.jit.spinning` ends them: there
their spin time is set to the minimum. Only the standard library is imported here, since the suites
of benchmarks/ import this first.
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
    """Environment variables for a process that measures with the NumPy installed here."""
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
    """Set them in this process, unless they are set already."""
    for name, value in wanted().items():
        os.environ.setdefault(name, value)
