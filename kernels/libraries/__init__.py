"""Kernels of other libraries: ``library_kernels("torch")``, by operation.

Of an einsum expression `contestants` has more of them, made from its letters.
"""

from einbench.libraries.library_kernels import Given, Way, library_kernel, library_kernels
from einbench.libraries.runtime import Runtime
from einbench.libraries.runtimes import LIBRARIES

__all__ = [
    "LIBRARIES",
    "Given",
    "Runtime",
    "Way",
    "library_kernel",
    "library_kernels",
]
