"""einbench: alternative kernels for the same mathematics, checked, timed and chosen from."""

# ruff: noqa: I001, E402 - operations register when imported: the order is the reading order
if __name__ != "einbench":  # the folder itself, found in a checkout's root
    raise ImportError("this package is imported as einbench: write `import einbench`")

from einbench.host.early import end_command_on_interrupt

end_command_on_interrupt()

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from einbench.deferred import defer

if TYPE_CHECKING:
    from einbench import mnist, network
    from einbench.check.judging import Verdict
    from einbench.choose.auto import auto
    from einbench.choose.policy import choosing
    from einbench.cluster.mapped import mapped
    from einbench.dropin.calls import einsum
    from einbench.einsum.expression import expression
    from einbench.inputs import Input
    from einbench.jit.sharing import share_threads
    from einbench.kernel import Kernel
    from einbench.operation import Operation
    from einbench.plugins import load_plugins
    from einbench.problem import Problem
    from einbench.record import Record
    from einbench.registry import forget, operation, operations, register
    from einbench.verbs.check import check
    from einbench.verbs.compare import compare
    from einbench.verbs.comparison import Comparison
    from einbench.verbs.fastest import Choice, fastest
    from einbench.verbs.race import race
    from einbench.verbs.tune import tune, wisdom

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
    "choosing",
    "compare",
    "einsum",
    "expression",
    "fastest",
    "forget",
    "load_plugins",
    "mapped",
    "mnist",
    "network",
    "operation",
    "operations",
    "race",
    "register",
    "share_threads",
    "tune",
    "wisdom",
]

#: where the public names live
_PLACES = {
    "Choice": "einbench.verbs.fastest",
    "Comparison": "einbench.verbs.comparison",
    "Input": "einbench.inputs",
    "Kernel": "einbench.kernel",
    "Operation": "einbench.operation",
    "Problem": "einbench.problem",
    "Record": "einbench.record",
    "Verdict": "einbench.check.judging",
    "auto": "einbench.choose.auto",
    "check": "einbench.verbs.check",
    "choosing": "einbench.choose.policy",
    "compare": "einbench.verbs.compare",
    "einsum": "einbench.dropin.calls",
    "expression": "einbench.einsum.expression",
    "fastest": "einbench.verbs.fastest",
    "forget": "einbench.registry",
    "load_ipython_extension": "einbench.verbs.race_cell",
    "load_plugins": "einbench.plugins",
    "mapped": "einbench.cluster.mapped",
    "operation": "einbench.registry",
    "operations": "einbench.registry",
    "race": "einbench.verbs.race",
    "register": "einbench.registry",
    "share_threads": "einbench.jit.sharing",
    "tune": "einbench.verbs.tune",
    "wisdom": "einbench.verbs.tune",
}


def _load() -> None:
    """Import the operations, which register themselves in reading order."""
    import einbench.einsum.by_name
    import einbench.forward
    import einbench.jacobian
    import einbench.gradient
    import einbench.pickling  # noqa: F401 - as those above
    from einbench.registry import keep

    keep()


class _Package(ModuleType):
    """The package itself, in which no module hides a function of its name, such as `check`."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in _PLACES):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """By name, as cloudpickle has it of other modules: functions of a notebook refer to it."""
        from importlib import import_module

        return import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package
# what calls `einbench.einsum` alone waits for none of them
defer(_load)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    from einbench.host.forking import importing

    if name in ("mnist", "network"):
        with importing():
            return import_module(f"einbench.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'einbench' has no attribute {name!r}")
    if name != "einsum":
        from einbench.deferred import load

        load()
    with importing():
        found = getattr(import_module(_PLACES[name]), name)
    if not _PLACES[name].startswith("einbench.verbs."):
        globals()[name] = found  # a call takes microseconds, and looking here is one of them
    return found


def __dir__() -> list[str]:
    special = (name for name in globals() if name.startswith("__"))
    return sorted({*special, *__all__, "inputs"})
