"""Kernels of an einsum expression that other libraries provide, made from its letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod

import numpy as np

from einbench.einsum.expression import text_of
from einbench.kernel import Kernel
from einbench.libraries.einsum_runtimes import OWN
from einbench.libraries.einsum_ways import WAYS, Plan
from einbench.libraries.library_kernels import SLACK, Given, LibraryBody, Way, varies
from einbench.libraries.runtime import Runtime
from einbench.libraries.runtimes import runtime
from einbench.operation import Operation

#: libraries that ``einbench einsum --with`` takes
CONTESTANTS = tuple(name for name in WAYS if name not in OWN)
#: entered around turns
_MODES = {"torch": "inference_mode"}


def check_contestants(names: Sequence[str]) -> tuple[str, ...]:
    """The names, if libraries are called so.

    Raises:
        ValueError: one is not; the message lists those that are.
    """
    for name in names:
        if name not in CONTESTANTS:
            raise ValueError(
                f"no einsum library {name!r}; known: {', '.join(CONTESTANTS)}; numpy is there "
                "without being named"
            )
    return tuple(names)


def contestants(op: Operation, libraries: Sequence[str]) -> list[Kernel]:
    """Kernels of these libraries, whether they can run here or not; none where ``op`` is no
    expression.
    """
    text = text_of(op)
    found = []
    for name in libraries if text else ():
        owner = runtime(name)
        for method, plan in WAYS.get(name, {}).items():
            make = _made(text, plan, owner)
            mode = _MODES.get(name, "")
            body = LibraryBody(make, op, owner, mode, lambda problem: True, ())
            found.append(Kernel(
                op, method, body, requires=owner.requires, family=name, runtime=name, slack=SLACK,
                extra_elements=partial(_stored, op) if name == "sparse" else None,
                varies=varies(owner),
            ))  # fmt: skip
    return found


def _made(text: str, plan: Plan, owner: Runtime) -> Callable[[Given], Way]:
    """Of a result without axes, which NumPy's users get as a scalar, an array."""

    def make(given: Given) -> Way:
        return Way(plan(text, given.inputs), lambda result: [np.asarray(owner.unwrap(result))])

    make.__doc__ = plan.__doc__
    return make


def _stored(op: Operation, sizes: Mapping[str, int]) -> float:
    """Of `sparse`: all products at once, each with an index of 8 bytes along every axis."""
    return float(prod(sizes.values()) * (1 + 2 * len(op.axes)))
