"""Kernels of PyTorch, JAX and scikit-learn: ``library_kernels("torch")``, by operation."""

from einbench.libraries.library_kernels import Given, Way, library_kernel, library_kernels
from einbench.libraries.runtimes import LIBRARIES, Runtime

__all__ = [
    "LIBRARIES",
    "Given",
    "Runtime",
    "Way",
    "library_kernel",
    "library_kernels",
]
