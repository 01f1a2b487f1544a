"""JAX: each operation as one jitted function, with weights in both orders of their axes.

``jax_jit`` takes weights (units, features), as the suite has them; ``jax_jit_turned`` takes them
transposed beforehand, (features, units), as JAX's users have them, and returns such gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from einbench.libraries.library_kernels import Given, Way, library_kernel
from einbench.registry import operation

#: inputs and outputs that are transposed
_LAYERS = ("w1", "w2", "w3")
_WEIGHTS = frozenset(
    ("weights", "dweights", *(before + name for name in _LAYERS for before in ("", "d", "new_")))
)


def jitted(given: Given, turned: bool) -> Way:
    """A call is over when its results are there: the wait for them is part of it."""
    import jax
    import jax.numpy as jnp

    from einbench.libraries.jax_functions import FUNCTIONS

    function = FUNCTIONS[given.operation.name]
    names, outputs = list(given.operation.inputs), list(given.operation.outputs)
    single = len(outputs) == 1

    def turn(known: Sequence[str], arrays: Iterable[Any]) -> list[Any]:
        return [
            a.T if turned and name in _WEIGHTS else a for name, a in zip(known, arrays, strict=True)
        ]

    def all_outputs(*arrays: Any) -> list[Any]:
        # weights turned twice lie as they are given: XLA multiplies by them as they lie
        result = function(*turn(names, arrays))
        return turn(outputs, [result] if single else result)

    inputs = [jnp.array(a, copy=True) for a in turn(names, given.inputs)]
    jax.block_until_ready(inputs)
    one = jax.jit(lambda *arrays: all_outputs(*arrays)[0])
    several = jax.jit(all_outputs)
    ready = jax.block_until_ready

    def call_one() -> Any:
        return one(*inputs).block_until_ready()

    def call_several() -> Any:
        return ready(several(*inputs))

    def arrays(result: Any) -> list[Any]:
        return [np.asarray(a) for a in turn(outputs, [result] if single else result)]

    return Way(call_one if single else call_several, arrays)


for _name in (
    "linear", "relu", "tanh", "sigmoid", "relu_vjp", "tanh_vjp", "sigmoid_vjp", "softmax",
    "mlp_forward", "mlp_intermediates", "softmax_jacobian", "softmax_vjp", "weight_gradient",
    "bias_gradient", "input_gradient", "cross_entropy", "cross_entropy_gradient",
    "negative_log_likelihood", "negative_log_likelihood_gradient", "mean_squared_error",
    "mean_squared_error_gradient", "mlp_logits_gradients", "mlp_gradients", "mlp_sgd_step",
):  # fmt: skip
    library_kernel(_name, "jax_jit", library="jax")(partial(jitted, turned=False))
    if _WEIGHTS.intersection(operation(_name).inputs):
        library_kernel(_name, "jax_jit_turned", library="jax")(partial(jitted, turned=True))
