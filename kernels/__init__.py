"""einbench: alternative kernels for the same mathematics, checked, timed and chosen from."""

# ruff: noqa: I001 - operations register when imported: the order is the reading order
from typing import TYPE_CHECKING, Any

import kernels.forward.linear
import kernels.forward.activations
import kernels.forward.activation_vjps
import kernels.forward.softmax
import kernels.forward.mlp
import kernels.forward.mlp_intermediates
import kernels.jacobian.softmax_jacobian
import kernels.jacobian.softmax_vjp
import kernels.gradient.weights
import kernels.gradient.bias
import kernels.gradient.inputs
import kernels.gradient.cross_entropy
import kernels.gradient.cross_entropy_gradient
import kernels.gradient.negative_log_likelihood
import kernels.gradient.negative_log_likelihood_gradient
import kernels.gradient.mean_squared_error
import kernels.gradient.mean_squared_error_gradient
import kernels.gradient.mlp_logits
import kernels.gradient.mlp
import kernels.gradient.mlp_step  # noqa: F401 - as those above
from kernels.choose.auto import auto
from kernels.kernel import Kernel
from kernels.registry import Operation, operation, operations

if TYPE_CHECKING:
    from kernels import mnist, network
    from kernels.choose.fastest import Choice, fastest
    from kernels.measure.check import check
    from kernels.measure.judging import Verdict
    from kernels.pipeline import compare
    from kernels.plugins import load_plugins
    from kernels.report.comparison import Comparison

__version__ = "0.1.0"

__all__ = [
    "Choice",
    "Comparison",
    "Kernel",
    "Operation",
    "Verdict",
    "auto",
    "check",
    "compare",
    "fastest",
    "load_plugins",
    "mnist",
    "network",
    "operation",
    "operations",
]

#: where the rest of the public names live: measuring imports more than calling a kernel needs
_LATER = {
    "Choice": "kernels.choose.fastest",
    "Comparison": "kernels.report.comparison",
    "Verdict": "kernels.measure.judging",
    "check": "kernels.measure.check",
    "compare": "kernels.pipeline",
    "fastest": "kernels.choose.fastest",
    "load_plugins": "kernels.plugins",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in ("mnist", "network"):
        return import_module(f"kernels.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'kernels' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
