"""JAX: value_and_grad and the update in one jitted function that is given its parameters' memory.

Weights are (features, units), as JAX's users have them: XLA then need not turn them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .problem import Parameters, Problem


class Jitted:
    """``parameters, loss = step(parameters, inputs, labels)``, done when both are there."""

    def __init__(self, problem: Problem) -> None:
        if problem.inputs.dtype == np.float64:
            jax.config.update("jax_enable_x64", True)
        self.inputs, self.labels = jnp.asarray(problem.inputs), jnp.asarray(problem.labels)
        rate = problem.rate

        def step(parameters: Any, inputs: Any, labels: Any) -> Any:
            loss, gradients = jax.value_and_grad(mean_loss)(parameters, inputs, labels)
            return [p - rate * g for p, g in zip(parameters, gradients, strict=True)], loss

        self.jitted = jax.jit(step, donate_argnums=0)
        self.start(problem.parameters)

    def start(self, parameters: Parameters) -> None:
        """New buffers: donated ones are gone."""
        self.held = [jnp.array(p.T, copy=True) for p in parameters]
        jax.block_until_ready(self.held)

    def step(self) -> Any:
        """A call returns before its work is done: the wait for it is part of the step."""
        self.held, loss = self.jitted(self.held, self.inputs, self.labels)
        jax.block_until_ready(self.held)
        return loss.block_until_ready()

    def parameters(self) -> Parameters:
        """Turned back to (units, features)."""
        return tuple(np.array(p).T.copy() for p in self.held)

    def facts(self) -> Mapping[str, Any]:
        """XLA's pool has as many threads as the environment says there are processors."""
        threads = os.environ.get("NPROC")
        platform = jax.devices()[0].platform
        return {"jax": jax.__version__, "threads": int(threads or 0), "platform": platform}


def mean_loss(parameters: Any, inputs: Any, labels: Any) -> Any:
    """-mean_b log_softmax(logits)[b, labels[b]]."""
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = jax.nn.relu(inputs @ w1 + b1)
    hidden = jax.nn.relu(hidden @ w2 + b2)
    log_probs = jax.nn.log_softmax(hidden @ w3 + b3)
    return -jnp.mean(jnp.take_along_axis(log_probs, labels[:, None], axis=1))


def jitted(problem: Problem, threads: int) -> Jitted:
    """Threads are the environment's, set before JAX is imported."""
    return Jitted(problem)
