"""einbench: alternative kernels for the same mathematics, checked, timed and chosen from."""

from kernels.forward import linear as _linear  # noqa: F401 - registers its operation
from kernels.forward import softmax as _softmax  # noqa: F401
from kernels.registry import operation, operations

__all__ = ["operation", "operations"]
