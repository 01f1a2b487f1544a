"""Other wrong kernels of the same kinds, which no probe was made for."""

from wrong_kernels.second import inputs, labels, layouts, sizes, state, values

__all__ = ["inputs", "labels", "layouts", "sizes", "state", "values"]
