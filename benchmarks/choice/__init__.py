"""Studies of what a choice of kernels is worth, each a command of its own."""

import blas_timeout

blas_timeout.here()
