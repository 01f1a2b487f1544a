"""Kernels that are right, for wrong ones to start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import einbench

_METHODS = {
    "linear": "matmul", "weight_gradient": "matmul", "input_gradient": "matmul",
    "bias_gradient": "sum", "softmax_jacobian": "broadcast", "cross_entropy": "indexed",
    "cross_entropy_gradient": "indexed", "negative_log_likelihood": "indexed",
    "negative_log_likelihood_gradient": "indexed", "mlp_forward": "matmul",
    "mlp_intermediates": "matmul", "mlp_gradients": "matmul", "mlp_logits_gradients": "matmul",
    "mlp_sgd_step": "matmul",
}  # fmt: skip


def right(name: str) -> Callable[..., Any]:
    """A right kernel of an operation, in NumPy."""
    return einbench.operation(name)[_METHODS.get(name, "ufunc")].function
