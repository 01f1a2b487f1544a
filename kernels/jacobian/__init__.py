"""The Jacobian of softmax, whole and times a cotangent: one file an operation, named after it."""

import einbench.forward
import einbench.jacobian.softmax_jacobian
import einbench.jacobian.softmax_vjp  # noqa: F401 - as the one above: to be registered
