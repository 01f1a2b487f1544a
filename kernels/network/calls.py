"""Which kernel computes which operation of a network, looked up once, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy.typing as npt

from einbench.arguments import Bound
from einbench.body import Function
from einbench.choose.deciding import decide
from einbench.choose.dispatch import renewed
from einbench.choose.environment import threads
from einbench.choose.serving import serve
from einbench.kernel import Kernel
from einbench.network.families import Families
from einbench.network.ledger import Account, Ledger
from einbench.operation import Operation
from einbench.registry import operations

Array = npt.NDArray[Any]
Choose = Callable[[Operation, Bound], Kernel | None]


class Calls:
    """``calls("linear", inputs, weights, bias)``: the operation, by its kernel, on the ledger.

    Arrays are the network's own or a kernel's results: their shapes and dtypes were checked
    where they came in, and are not checked again. Those between the first and the last are
    parameters, in C order; so the options, and shape and order of the first and the last, say
    all that in one network a choice may depend on. Where the fastest is requested ``choose`` may
    know which that is.
    """

    def __init__(
        self, kernels: str | Mapping[str, str] = "auto", choose: Choose | None = None
    ) -> None:
        self.families = Families(kernels)
        self._choose = choose
        self.ledger = Ledger()
        self._dispatch = renewed()

    def __call__(self, name: str, *arrays: Array, **options: str) -> Any:
        """The operation's result, new memory that is the caller's to write to."""
        first, last = arrays[0], arrays[-1]
        key = (
            name, *options.values(), first.shape, first.flags.c_contiguous,
            last.shape, last.flags.c_contiguous,
        )  # fmt: skip
        found = self._dispatch.decided.get(key)
        if found is None:
            op = operations[name]
            found = self._dispatch.find(key, None, self._prepare, op, arrays, options)
        function, account = found
        start_s = perf_counter()
        result = function(*arrays)
        account.seconds_s += perf_counter() - start_s
        account.calls += 1
        return result

    def __getstate__(self) -> dict[str, Any]:
        """Compiled functions stay behind: another process looks its kernels up itself."""
        state = self.__dict__.copy()
        del state["_dispatch"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._dispatch = renewed()

    def renew(self) -> None:
        """Decide on every kernel again: others may have been measured since."""
        self._dispatch.clear()

    def _prepare(
        self, op: Operation, arrays: tuple[Array, ...], options: dict[str, Any]
    ) -> tuple[Function, Account]:
        """Choose, and compile, before the clock of the first call starts."""
        start_s = perf_counter()
        bound = op.bind(*arrays, **options)

        def begin(kernel: Kernel) -> Function:
            return kernel.entry(bound.arrays, bound.options)

        kernel = self.families.kernel(op)
        if kernel is None and self._choose is not None:
            kernel = self._choose(op, bound)
        if kernel is None:
            kernel, function = serve(decide(op, bound, threads()), begin)
        else:
            function = begin(kernel)
        self.ledger.preparing_s += perf_counter() - start_s
        return function, self.ledger.account(op.name, kernel.method)
