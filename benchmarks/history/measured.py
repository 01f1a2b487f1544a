"""The package of the commit that is measured: `einbench`, or `kernels` before version 0.2."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

_FINDER = Path(__file__).resolve().parents[2] / "kernels" / "gate" / "installed.py"

#: the public names of that commit's environment, and of no checkout beside it
einbench: Any = runpy.run_path(str(_FINDER))["import_installed"]()
