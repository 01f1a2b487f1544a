"""einbench: alternative kernels for the same mathematics, checked, timed and chosen from."""

# ruff: noqa: I001, E402 - operations register when imported: the order is the reading order
if __name__ != "einbench":  # the folder itself, found in a checkout's root
    raise ImportError("this package is imported as einbench: write `import einbench`")

from einbench.host.early import end_command_on_interrupt

end_command_on_interrupt()

from typing import TYPE_CHECKING, Any

import einbench.check
import einbench.einsum
import einbench.forward
import einbench.jacobian
import einbench.gradient
import einbench.pickling  # noqa: F401 - as those above
from einbench.choose.auto import auto
from einbench.inputs import Input
from einbench.kernel import Kernel
from einbench.operation import Operation
from einbench.problem import Problem
from einbench.registry import forget, keep, operation, operations, register

if TYPE_CHECKING:
    from einbench import mnist, network
    from einbench.verbs.fastest import Choice, fastest
    from einbench.verbs.check import check
    from einbench.check.judging import Verdict
    from einbench.einsum.calls import einsum
    from einbench.einsum.expression import expression
    from einbench.verbs.compare import compare
    from einbench.plugins import load_plugins
    from einbench.record import Record
    from einbench.verbs.comparison import Comparison
    from einbench.verbs.race import race

__version__ = "0.2.0"

__all__ = [
    "Choice",
    "Comparison",
    "Input",
    "Kernel",
    "Operation",
    "Problem",
    "Record",
    "Verdict",
    "auto",
    "check",
    "compare",
    "einsum",
    "expression",
    "fastest",
    "forget",
    "load_plugins",
    "mnist",
    "network",
    "operation",
    "operations",
    "race",
    "register",
]

#: where the rest of the public names live: measuring imports more than calling a kernel needs
_LATER = {
    "Choice": "einbench.verbs.fastest",
    "Comparison": "einbench.verbs.comparison",
    "Record": "einbench.record",
    "Verdict": "einbench.check.judging",
    "check": "einbench.verbs.check",
    "compare": "einbench.verbs.compare",
    "einsum": "einbench.einsum.calls",
    "expression": "einbench.einsum.expression",
    "fastest": "einbench.verbs.fastest",
    "load_ipython_extension": "einbench.verbs.race_cell",
    "load_plugins": "einbench.plugins",
    "race": "einbench.verbs.race",
}

# the subpackages of these names are imported above, so that nothing sets the attributes again: from
# here on they are functions
globals().pop("check")
globals().pop("einsum")
globals().pop("end_command_on_interrupt")

globals().pop("pickling")

keep()  # all that are registered by now
globals().pop("keep")


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in ("mnist", "network"):
        return import_module(f"einbench.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'einbench' has no attribute {name!r}")
    found = getattr(import_module(_LATER[name]), name)
    if name == "einsum":
        globals()[name] = found  # a call takes microseconds, and looking here is one of them
    return found


def __dir__() -> list[str]:
    special = (name for name in globals() if name.startswith("__"))
    return sorted({*special, *__all__, "inputs"})
