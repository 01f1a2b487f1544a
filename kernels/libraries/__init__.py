"""Kernels of PyTorch, JAX and scikit-learn: ``library_kernels("torch")``, by operation."""

from einbench.libraries.library_kernels import Given, Way, library_kernel, library_kernels
from einbench.libraries.runtimes import LIBRARIES, Runtime

#: the name that `einbench.measure.transfer` imports
guests = library_kernels

__all__ = [
    "LIBRARIES",
    "Given",
    "Runtime",
    "Way",
    "guests",
    "library_kernel",
    "library_kernels",
]
