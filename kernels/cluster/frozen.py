"""Which kernel computes the blocks of a graph: chosen when the graph is made, and by name in it.

A task that dies and runs again gives the same bits, for nothing is chosen while it runs. Where the
workers' machines are of several kinds there is a kernel for each. A worker of a kind that joins
later chooses for itself and says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.choose import environment, policy
from einbench.choose.deciding import decide
from einbench.choose.looked_at import passes
from einbench.choose.signature import signature
from einbench.cluster.connect import connected, current_client
from einbench.cluster.waiting import through_deaths
from einbench.cluster.worker import in_worker, machine, prepare
from einbench.kernel import Kernel
from einbench.names import shortened
from einbench.operation import Operation
from einbench.problem import Problem

if TYPE_CHECKING:
    from distributed import Client

Array = npt.NDArray[Any]
#: in place of a machine: whichever computes it
ANY = "any"
#: bytes of the inputs that a kernel is chosen on: more rows change the choice little
_MOST_BYTES = 32 << 20
#: (operation, choices, machine, dtype) -> the kernel that serves here
_SERVING: dict[Any, Kernel] = {}
#: (problem, its code, what was said of choosing) -> what was chosen in this process
_CHOSEN: dict[Any, str] = {}
_MOST_SERVING = 1024


class Frozen(NamedTuple):
    """Kernels by name: a small part of every task."""

    #: (machine, kernel), of every kind of machine that there was; of a network all its kernels
    choices: tuple[tuple[str, Any], ...]

    def here(self) -> str:
        """The kernel of this machine; empty where none was chosen."""
        known = dict(self.choices)
        return known.get(ANY) or known.get(machine(), "")


def always(method: str) -> Frozen:
    """One kernel, whatever the machine."""
    return Frozen(((ANY, method),))


def freeze(label: str, choose: Callable[..., Any], *given: Any) -> Frozen:
    """``choose(*given)`` once on every kind of machine: on workers, or here without a cluster.

    Args:
        label: what it is chosen for, in messages.
        choose: gives the name of a kernel; it is found by name in workers.
        given: what it is called with.
    """
    client = current_client()
    if client is None or not client.nthreads():
        return Frozen(((machine(), choose(*given)),))
    connected(client)
    found = Frozen(tuple(sorted(_on_every_kind(client, label, choose, given).items())))
    if len(found.choices) > 1:
        said = "; ".join(f"{method} on {kind}" for kind, method in found.choices)
        warnings.warn(
            f"{label}: the workers' machines are of {len(found.choices)} kinds, and each uses its "
            f"own kernel, so that last bits may differ ({shortened(said, 300)})",
            stacklevel=4,
        )
    return found


def _on_every_kind(
    client: Client, label: str, choose: Callable[..., Any], given: Sequence[Any]
) -> dict[str, Any]:
    """Machine -> what was chosen there; a worker that dies meanwhile is replaced by another."""
    answers = client.run(machine, on_error="return")
    kinds: dict[str, list[str]] = {}
    for address, kind in sorted(answers.items()):
        if isinstance(kind, str):
            kinds.setdefault(kind, []).append(address)

    def submit(addresses: list[str]) -> Any:
        return client.submit(
            _named, choose, *given, pure=False, priority=1,
            # where one that is restarted has another address, and any may take its place
            workers=addresses if len(kinds) > 1 else None,
            allow_other_workers=len(kinds) > 1,
            key=f"einbench_choose-{label}-{np.random.default_rng().integers(1 << 62):x}",
        )  # fmt: skip

    every = list(kinds.values()) or [[]]
    return dict(through_deaths(partial(submit, addresses)) for addresses in every)


def _named(choose: Callable[..., Any], *given: Any) -> tuple[str, Any]:
    return machine(), choose(*given)


def freeze_operation(problem: Problem) -> Frozen:
    """The kernels for blocks of such sizes."""
    return freeze(problem.operation.name, choose, problem)


def choose(problem: Problem) -> str:
    """The name of the fastest kernel here, on one thread: remembered, else measured now.

    A process that is asked again gives the same answer, whatever was measured meanwhile.
    """
    op = problem.operation
    key = (problem.empty(), environment.environment(op), policy.now())
    if key in _CHOSEN:
        return _CHOSEN[key]
    rows = problem.rows
    while rows > 1 and problem.sized({op.leading or "": rows}).input_bytes > _MOST_BYTES:
        rows //= 2
    sizes = {axis: max(1, size) for axis, size in problem.sizes.items()}
    if op.leading is not None:
        sizes[op.leading] = max(1, rows)
    drawn = problem.sized(sizes).draw(0)
    integers = iter(problem.integers)
    arrays = [
        array.astype(next(integers)) if name in op.integers else array
        for name, array in drawn.arrays.items()
    ]
    with prepare():
        found = _decided(op, arrays, problem.options).method
    if len(_CHOSEN) >= _MOST_SERVING:
        _CHOSEN.clear()
    return _CHOSEN.setdefault(key, found)


def _decided(op: Operation, arrays: Sequence[Array], options: Mapping[str, str]) -> Kernel:
    return decide(op, op.bind(*arrays, **options), environment.threads()).kernel


def serving(
    op: Operation, frozen: Frozen, arrays: Sequence[Array], options: Mapping[str, str]
) -> Kernel:
    """The kernel that computes such a block here, checked; on one thread: see `prepare`."""
    floating = next(n for n, each in enumerate(op.inputs.values()) if not each.integer)
    key = (op, frozen.choices, machine(), arrays[floating].dtype)
    found = _SERVING.get(key)
    if found is None:
        if len(_SERVING) >= _MOST_SERVING:
            _SERVING.clear()
        found = _SERVING[key] = _serving(op, frozen, arrays, options)
    return found


def _serving(
    op: Operation, frozen: Frozen, arrays: Sequence[Array], options: Mapping[str, str]
) -> Kernel:
    method = frozen.here()
    if frozen.choices and frozen.choices[0][0] == ANY:
        return op[method]
    why = "no kernel was chosen for its kind of machine"
    if method:
        why = f"{method} is no kernel of its program"
        if method in op:
            kernel = op[method]
            why = f"{method} cannot run there: {kernel.reason}"
            if kernel.available:
                bound = op.bind(*arrays, **options)
                asked = signature(op, bound, environment.threads())
                if passes(kernel, asked, write=policy.now().choice == policy.ON):
                    return kernel
                why = f"{method} does not pass the check there"
    kernel = _decided(op, arrays, options)
    tell(f"{op.name}: a worker uses {kernel.method}, and last bits may differ: {why} ({machine()})")
    return kernel


def tell(message: str) -> None:
    """A warning that reaches the user's program, from a worker too."""
    if in_worker():
        from distributed.worker import get_worker, warn

        get_worker().log_event("einbench", {"message": message})
        warn(message)
    else:
        warnings.warn(message, stacklevel=2)
