"""torch.compile: one function for each operation, whole graphs of fixed sizes.

``torch_compile`` returns new memory; where outputs are large, ``torch_compile_out`` writes to
memory that is there already, which its compiler does without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from einbench.libraries.torch_given import Call, Tensors, way
from einbench.problem import Problem

#: bytes of outputs from which new memory may come from the system, page by page
_LARGE_BYTES = 1 << 20


def large(problem: Problem) -> bool:
    """Whether its outputs are."""
    written = problem.operation.traffic_bytes(dict(problem.sizes), problem.dtype)[1]
    return written >= _LARGE_BYTES


def _compiled(given: Tensors, function: Callable[..., Any]) -> Callable[..., Any]:
    whole: Callable[..., Any] = given.torch.compile(function, fullgraph=True, dynamic=False)
    return whole


def compiled(given: Tensors) -> Call:
    """New memory."""
    from einbench.libraries.torch_functions import FUNCTIONS

    return partial(_compiled(given, FUNCTIONS[given.given.operation.name]), *given.tensors)


def compiled_into(given: Tensors) -> Call:
    """Memory that is there."""
    from einbench.libraries.torch_functions import FUNCTIONS

    into = partial(_into, FUNCTIONS[given.given.operation.name])
    return partial(_compiled(given, into), given.outs(), given.tensors)


@way("mlp_sgd_step", "compile_grad_and_value", mode="no_grad")
def step_by_autograd(given: Tensors) -> Call:
    """Its own gradients, compiled with loss and update."""
    from einbench.libraries.torch_functions import step_by_autograd

    return partial(_compiled(given, step_by_autograd), *given.tensors)


def _into(function: Callable[..., Any], outs: Sequence[Any], tensors: Sequence[Any]) -> Any:
    result = function(*tensors)
    several = isinstance(result, tuple | list)
    for out, found in zip(outs, result if several else [result], strict=True):
        out.copy_(found)
    return outs if several else outs[0]


for _name in (
    "linear", "relu", "tanh", "sigmoid", "relu_vjp", "tanh_vjp", "sigmoid_vjp", "softmax",
    "mlp_forward", "mlp_intermediates", "softmax_jacobian", "softmax_vjp", "weight_gradient",
    "bias_gradient", "input_gradient", "cross_entropy", "cross_entropy_gradient",
    "negative_log_likelihood", "negative_log_likelihood_gradient", "mean_squared_error",
    "mean_squared_error_gradient", "mlp_logits_gradients", "mlp_gradients", "mlp_sgd_step",
):  # fmt: skip
    way(_name, "compile", mode="no_grad")(compiled)
    way(_name, "compile_out", mode="no_grad", applies=large)(compiled_into)
