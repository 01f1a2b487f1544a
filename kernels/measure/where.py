"""Whether a kernel is called in a worker process, asked without importing what workers need.

A first answer calls kernels of this process alone, and importing those modules would take as long
as the rest of it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from einbench.kernel import Kernel

if TYPE_CHECKING:
    from einbench.measure.remote import Remote


def remote(kernel: Kernel) -> Remote | None:
    """The body of a kernel that is called in a worker; None for any other."""
    # there is none before the module is imported that makes them
    module = sys.modules.get("einbench.measure.remote")
    found: Remote | None = module.remote(kernel) if module else None
    return found
