"""Bounds that kernels keep within, each a command of its own."""

import blas_timeout

blas_timeout.here()
