"""einbench.auto: the fastest kernel, decided once per signature and then looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from einbench.arguments import Bound, check_out
from einbench.choose import allowance, environment
from einbench.choose.book import RIGORS
from einbench.choose.deciding import decide, may_measure
from einbench.choose.decision import Decision
from einbench.choose.dispatch import empty, renewed
from einbench.choose.serving import serve
from einbench.chunked import any_chunked, cluster, refuse_out
from einbench.jit import sharing
from einbench.kernel import Kernel
from einbench.lookup import Dispatch, key_into, key_of, look_up
from einbench.names import unknown
from einbench.operation import Operation, listeners
from einbench.registry import operations


class Auto:
    """``auto.softmax_vjp(probs, cotangent)`` calls the fastest checked kernel for its arguments.

    A signature that was never seen is answered from remembered choices, and measured where there
    are none; every later call of it is a look-up. While kernels are compiled beside the program the
    best of those that are ready, and that pass the check, answers. Of an operation that comes with
    ever new sizes what is measured beyond 1.5 s may take a tenth of the program's time; until there
    is more an estimate from remembered times answers. `einbench.choosing` and
    ``EINBENCH_CHOICE`` say in which context it is to be the fastest, and whether anything is
    measured: options of operations are all that a call takes. Threads and machine are read once:
    call `refresh` when they have changed. Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._rigor = "measure"
        self._threads: environment.Threads | None = None
        self._dispatchers: dict[Operation, Dispatch] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        op = operations.get(name)
        if op is None:
            raise AttributeError(unknown("operation", name, operations))
        dispatch = self._dispatchers.setdefault(op, renewed(op))
        function = look_up(
            op,
            dispatch,
            partial(self._decide_and_call, op, dispatch),
            partial(self._decide_and_write, op, dispatch),
        )
        # where pickle finds it
        function.__module__, function.__qualname__ = "einbench", f"auto.{op.name}"
        # found without this method from now on
        self.__dict__[name] = function
        return function

    def refresh(self, rigor: str | None = None) -> None:
        """Read threads and machine again, and decide every signature anew, from memory first.

        Args:
            rigor: from now on ``estimate``, ``measure`` or ``patient``; None leaves it as it is.

        Raises:
            ValueError: no rigor is called so.
        """
        if rigor is not None and rigor not in RIGORS:
            raise ValueError(unknown("rigor", rigor, RIGORS))
        self._rigor = rigor or self._rigor
        self._threads = None
        allowance.forget()
        environment.refresh()
        for dispatch in tuple(self._dispatchers.values()):
            dispatch.clear()

    def __reduce__(self) -> str:
        # by name: the one of the other process
        return "auto"

    def __dir__(self) -> list[str]:
        return ["refresh", *operations]

    def __repr__(self) -> str:
        tables = [
            tuple(dispatch.decided.values()) for dispatch in tuple(self._dispatchers.values())
        ]
        decided = sum(callable(found) for table in tables for found in table)
        return f"<einbench.auto: {len(operations)} operations, {decided} signatures decided>"

    def _decide_and_call(
        self,
        op: Operation,
        dispatch: Dispatch,
        arrays: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> Any:
        """A call with a key that is new, or with something else than NumPy arrays."""
        if operations.get(op.name) is not op:
            return self._present(op)(*arrays, **options)
        if any_chunked(arrays):
            return cluster("calls").call(op, arrays, options)
        bound = op.bind(*arrays, **options)
        key = key_of(op, bound.arrays, bound.options)
        first: list[Any] = []
        call = dispatch.find(key, bound.arrays[0].shape, self._entry, op, bound, first)
        return op.named(first[0] if first else call(*bound.arrays))

    def _decide_and_write(
        self,
        op: Operation,
        dispatch: Dispatch,
        arrays: tuple[Any, ...],
        options: Mapping[str, Any],
        out: Any,
    ) -> Any:
        """A call with memory of a new kind for its result, or with memory that is refused."""
        if operations.get(op.name) is not op:
            return self._present(op)(*arrays, **options, out=out)
        if any_chunked((*arrays, out)):
            refuse_out(op.name)
        bound = op.bind(*arrays, **options)
        memory = check_out(op, bound, out)
        key = key_into(op, bound.arrays, bound.options, out)
        first: list[Any] = []
        call = dispatch.find(*key, self._written, op, bound, memory, first)
        if not first:
            call(*bound.arrays, memory)
        return op.named(out) if isinstance(memory, tuple) else out

    def _drop(self, changed: Operation) -> None:
        """Make the function anew for an operation that has lost its name, to another say."""
        if operations.get(changed.name) is not changed:
            self._dispatchers.pop(changed, None)
            self.__dict__.pop(changed.name, None)

    def _present(self, forgotten: Operation) -> Callable[..., Any]:
        """The function of the operation that now has the name of a forgotten one."""
        self._drop(forgotten)
        function: Callable[..., Any] = getattr(self, forgotten.name)
        return function

    def _entry(self, op: Operation, bound: Bound, first: list[Any]) -> Callable[..., Any]:
        """What to call from now on; its first result is appended to ``first``."""

        def begin(kernel: Kernel) -> tuple[Callable[..., Any], Any]:
            call = kernel.entry(bound.arrays, bound.options)
            return call, call(*bound.arrays)

        decision = self._decision(op, bound)
        _, (call, result) = serve(decision, begin)
        first.append(result)
        return self._for_now(op, bound, decision, call)

    def _written(
        self, op: Operation, bound: Bound, memory: Any, first: list[Any]
    ) -> Callable[..., Any]:
        """What to call from now on; what it wrote to is appended to ``first``."""

        def begin(kernel: Kernel) -> Callable[..., Any]:
            call = kernel.entry(bound.arrays, bound.options, memory)
            call(*bound.arrays, memory)
            return call

        decision = self._decision(op, bound)
        _, call = serve(decision, begin)
        first.append(memory)
        return self._for_now(op, bound, decision, call)

    def _for_now(
        self, op: Operation, bound: Bound, decision: Decision, call: Callable[..., Any]
    ) -> Callable[..., Any]:
        """The call; one that was estimated to save time has its operation decided anew later."""
        if decision.estimate is None or self._rigor == "estimate":
            return call
        if may_measure(op, bound.arrays):
            return call

        def until_allowed(*arrays: Any) -> Any:
            if may_measure(op, arrays[: len(op.inputs)]):
                empty(op)
            return call(*arrays)

        return until_allowed

    def _decision(self, op: Operation, bound: Bound) -> Decision:
        threads = self._threads
        if threads is None:
            threads = self._threads = environment.threads()
        return decide(op, bound, threads, self._rigor, waits=False)


auto = Auto()
"""The one of this process."""

listeners.append(auto._drop)
sharing.on_change.append(auto.refresh)
