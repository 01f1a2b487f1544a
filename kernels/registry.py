"""Operation, and how one is found: the one interface.

An operation is the mathematics, a kernel is one way to compute it, the reference is the
slow, obvious, wide-precision truth, and the baseline is the denominator of speed-ups.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.arguments import Bound, bind, choose_options
from einbench.jit.compiled import Compiled
from einbench.kernel import Array, Function, Kernel, Sizes
from einbench.names import check_dtype, normalise, unknown


@dataclass(frozen=True, eq=False)
class Operation:
    """The mathematics that several kernels compute, and what is needed to judge them.

    Shapes are written as axis names in one string, ``"batch features"``; ``""`` is a scalar.
    Everything that can be derived from them (shape checks, default draws, compulsory
    traffic in bytes) is derived and never typed by hand.
    """

    name: str
    formula: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    #: default size of every axis but batch
    sizes: Mapping[str, int]
    #: wide-precision truth: reference(*wide_inputs, **options) -> array or tuple
    reference: Function
    #: what rounding could do: scale(outputs, *wide_inputs, **options), shaped like outputs
    scale: Function
    #: floating-point operations at these sizes; exp, log and tanh count EXP_FLOPS each
    flops: Callable[[Sizes], float]
    #: whether ``scale`` asks for eps= too (where masks may flip, say)
    scale_takes_eps: bool = False
    #: length of the longest sum, for limits
    terms: Callable[[Sizes], float] = lambda sizes: 0.0
    #: most units of rounding a right kernel may be off, on continuous draws
    limit: Callable[[float], float] = lambda terms: 4 + 2 * terms**0.5
    #: the same on constant, tied or few-valued draws
    tied_limit: Callable[[float], float] = lambda terms: 4 + 2 * terms**0.5
    #: axes along which a slice of the inputs gives that slice of the output
    independent: Sequence[str] = ()
    #: options under which those axes are independent, where not under all: a mean rescales
    independent_options: Mapping[str, str] = field(default_factory=dict)
    #: inputs for which every order of summation gives the same bits: exact(rng, dtype, sizes)
    exact: Callable[..., Mapping[str, Array]] | None = None
    #: options for which ``exact`` holds, where not for all
    exact_options: Mapping[str, str] = field(default_factory=dict)
    #: how an input is drawn where it is not standard normal: draw(rng, shape, dtype, sizes)
    draw_input: Mapping[str, draws.Distribution] = field(default_factory=dict)
    #: kinds of inputs that are not floating, {"labels": "integer"}
    dtypes: Mapping[str, str] = field(default_factory=dict)
    #: axes of the entries that the mathematics reads of an input, where it does not read them all
    reads: Mapping[str, str] = field(default_factory=dict)
    #: keyword-only choices, first is the default, {"reduction": ("mean", "sum")}
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: non-finite values an input must carry to where the mathematics puts them
    nonfinite: Mapping[str, Sequence[float]] = field(default_factory=dict)
    #: the kernel that speed-ups are measured against
    baseline: str = "loop"
    _kernels: dict[str, Kernel] = field(default_factory=dict, init=False, repr=False)
    _places: dict[str, tuple[bool, bool, int]] = field(default_factory=dict, init=False, repr=False)
    #: what `einbench.auto` decided: argument types and shapes -> what to call; another set of
    #: kernels has other winners, so it is emptied when one comes or goes
    decided: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        known = {axis for axes in self.inputs.values() for axis in axes.split()}
        for axes in self.outputs.values():
            if unknown := set(axes.split()) - known:
                raise ValueError(
                    f"operation {self.name}: output axes {sorted(unknown)} are in no input; "
                    f"known axes: {', '.join(sorted(known))}"
                )
        if missing := known - {"batch"} - set(self.sizes):
            raise ValueError(
                f"operation {self.name}: no default size for axes {sorted(missing)}; "
                "name them in sizes={...}"
            )
        if not set(self.inputs) - set(self.dtypes):
            raise ValueError(f"operation {self.name}: one input at least must be floating")
        object.__setattr__(self, "name", normalise(self.name))
        if self.name in _OPERATIONS:
            raise ValueError(f"operation {self.name!r} exists already: choose another name")
        _OPERATIONS[self.name] = self

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """Method -> Kernel, simplest first: interpreted, compiled, compiled for threads."""
        return MappingProxyType(self._kernels)

    def kernel(
        self,
        method: str,
        *,
        compile: bool = False,  # noqa: A002 - the word the interface fixes
        parallel: bool = False,
        fastmath: frozenset[str] | None = None,
        extra_elements: Callable[[Sizes], float] | None = None,
        requires: Sequence[str] = (),
    ) -> Callable[[Function], Function]:
        """Register the decorated function as one more way to compute this operation.

        ``compile=True`` has numba compile the body on its first call, ``parallel=True`` gives
        its ``prange`` loops threads, ``fastmath`` names LLVM flags, ``extra_elements`` declares
        temporaries so that a hopeless size is skipped, ``requires`` names optional imports.
        A function with a parameter ``out`` can be given memory for its result; a compiled one
        always is, and returns nothing.
        The function itself is returned unchanged, so decorators can be stacked.

        Raises:
            ValueError: the operation has a kernel of that name already.
        """
        key = normalise(method)
        if isinstance(requires, str):
            raise TypeError(f"requires={requires!r}: expected a tuple of names, ({requires!r},)")
        # decorators are evaluated from the top and applied from the bottom: the place in the
        # order is taken now, so that stacked ones read as they stand; compiled ones come last
        last = max((place[2] for place in self._places.values()), default=-1)
        place = (compile, parallel, last + 1)
        if key not in self._kernels:
            self._places[key] = place

        def register(function: Function) -> Function:
            if not callable(function):
                raise TypeError(
                    f"operation {self.name}: kernel {key!r} must be a function, got {function!r}"
                )
            if key in self._kernels:
                raise ValueError(
                    f"operation {self.name} has a kernel {key!r} already: choose another name, "
                    f"taken are {', '.join(self._kernels)}"
                )
            body = (
                Compiled(
                    function, method=key, parallel=parallel, fastmath=fastmath, shapes=self._shapes
                )
                if compile
                else function
            )
            self._kernels[key] = Kernel(self, key, body, extra_elements, tuple(requires))
            in_order = sorted(self._kernels.items(), key=lambda item: self._places[item[0]])
            self._kernels.clear()
            self._kernels.update(in_order)
            self.decided.clear()
            return function

        return register

    def remove(self, method: str) -> None:
        """Take a kernel out again, one added by hand that did not earn its place."""
        key = self[method].method
        del self._kernels[key], self._places[key]
        self.decided.clear()

    def __getitem__(self, method: str) -> Kernel:
        key = normalise(method)
        if key not in self._kernels:
            raise ValueError(unknown("kernel", method, self._kernels, f" of {self.name}"))
        return self._kernels[key]

    def __contains__(self, method: object) -> bool:
        return isinstance(method, str) and normalise(method) in self._kernels

    def __iter__(self) -> Iterator[Kernel]:
        return iter(self._kernels.values())

    def bind(self, *arrays: Any, **named: Any) -> Bound:
        """The arguments of a call by position or by name, checked; see ``einbench.arguments``."""
        return bind(self, arrays, named)

    def choose_options(self, given: Mapping[str, str]) -> dict[str, str]:
        """Options with defaults filled in, each checked against its choices."""
        return choose_options(self, given)

    def named(self, result: Any) -> Any:
        """One output as it is; several as a named tuple in the declared order."""
        return result if self.result_type is None else self.result_type(*result)

    @cached_property
    def result_type(self) -> Callable[..., Any] | None:
        """The named tuple of several outputs; None where there is one."""
        return namedtuple(self.name, tuple(self.outputs)) if len(self.outputs) > 1 else None

    def output_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Shape of every output at these sizes."""
        return {n: tuple(sizes[a] for a in axes.split()) for n, axes in self.outputs.items()}

    def _shapes(self, arrays: Sequence[Array]) -> list[tuple[int, ...]]:
        """Shapes of the outputs, of arrays that fit."""
        return [
            tuple(arrays[place].shape[axis] for place, axis in places)
            for places in self._output_places
        ]

    @cached_property
    def _output_places(self) -> list[list[tuple[int, int]]]:
        """For every axis of every output, an input that has it and which of its axes it is."""
        held = {
            axis: (place, number)
            for place, axes in enumerate(self.inputs.values())
            for number, axis in enumerate(axes.split())
        }
        return [[held[axis] for axis in axes.split()] for axes in self.outputs.values()]

    def traffic_bytes(self, sizes: Sizes, dtype: npt.DTypeLike) -> tuple[int, int]:
        """Compulsory traffic (read, written): what is read of every input, and every output."""
        itemsize = np.dtype(dtype).itemsize

        def elements(axes: str) -> int:
            return int(np.prod([sizes[a] for a in axes.split()], dtype=np.int64))

        read = sum(
            elements(self.reads.get(name, axes)) * (8 if name in self.dtypes else itemsize)
            for name, axes in self.inputs.items()
        )
        return read, sum(elements(axes) for axes in self.outputs.values()) * itemsize

    @property
    def axes(self) -> tuple[str, ...]:
        """Axis names in order of appearance."""
        return tuple(dict.fromkeys(a for axes in self.inputs.values() for a in axes.split()))

    def all_sizes(self, batch: int | None, sizes: Mapping[str, int]) -> dict[str, int]:
        """Every axis with its size: the caller's where given, the defaults elsewhere."""
        if extra := [axis for axis in sizes if axis not in self.sizes]:
            raise ValueError(
                f"{self.name} has no axis {extra[0]!r}; its axes: {', '.join(self.axes)}"
            )
        chosen = {**self.sizes, **sizes}
        if "batch" in self.axes:
            chosen["batch"] = 128 if batch is None else batch
        for axis, size in chosen.items():
            if int(size) != size or size < (0 if axis == "batch" else 1):
                raise ValueError(
                    f"{self.name}: {axis}={size!r} is no size; expected a whole number from "
                    f"{0 if axis == 'batch' else 1}"
                )
        return {axis: int(chosen[axis]) for axis in self.axes}

    def draw(
        self,
        batch: int | None = None,
        dtype: npt.DTypeLike = "float32",
        seed: int = 0,
        **sizes: int,
    ) -> dict[str, Array]:
        """Random inputs by name, continuous and harmless, the same for the same seed."""
        checked_dtype = check_dtype(dtype)
        chosen = self.all_sizes(batch, sizes)
        rng = np.random.default_rng(seed)
        return {name: self.draw_one(name, rng, checked_dtype, chosen) for name in self.inputs}

    def draw_one(
        self, name: str, rng: np.random.Generator, dtype: np.dtype[Any], sizes: Sizes
    ) -> Array:
        """One input, drawn from its distribution at these sizes."""
        shape = tuple(sizes[axis] for axis in self.inputs[name].split())
        return self.draw_input.get(name, draws.normal)(rng, shape, dtype, sizes)

    def __repr__(self) -> str:
        return f"<Operation {self.name}: {self.formula} [{', '.join(self._kernels)}]>"


_OPERATIONS: dict[str, Operation] = {}
operations: Mapping[str, Operation] = MappingProxyType(_OPERATIONS)
"""Every operation by name, in reading order."""


def operation(name: str | Operation) -> Operation:
    """The operation of that name.

    Raises:
        ValueError: no operation is called so; the message lists the nearest names.
    """
    if isinstance(name, Operation):
        return name
    key = normalise(name)
    if key not in _OPERATIONS:
        raise ValueError(unknown("operation", name, _OPERATIONS))
    return _OPERATIONS[key]


def forget(name: str) -> None:
    """Take an operation out of the registry (one made for a test, say)."""
    op = _OPERATIONS.pop(operation(name).name)
    op.decided.clear()
