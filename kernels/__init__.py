"""einbench: alternative kernels for the same mathematics, checked, timed and chosen from."""

# ruff: noqa: F401, I001 - imported because that registers their operations, in reading order
import kernels.forward.linear
import kernels.forward.activations
import kernels.forward.activation_vjps
import kernels.forward.softmax
import kernels.forward.mlp
import kernels.jacobian.softmax_jacobian
import kernels.jacobian.softmax_vjp
import kernels.gradient.weights
import kernels.gradient.bias
import kernels.gradient.inputs
import kernels.gradient.cross_entropy
import kernels.gradient.cross_entropy_gradient
import kernels.gradient.mlp
from kernels.registry import operation, operations

__all__ = ["operation", "operations"]
