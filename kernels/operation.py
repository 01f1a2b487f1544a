"""Operation: the mathematics, and what is needed to judge kernels of it.

An operation is the mathematics, a kernel is one way to compute it, the reference is the
slow, obvious, wide-precision truth, and the baseline is the denominator of speed-ups.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.arguments import Bound, bind, choose_options
from einbench.body import Body, Function, Plain
from einbench.inputs import Input
from einbench.jit.compiled import Compiled
from einbench.kernel import Array, Kernel, Origin, Sizes
from einbench.names import check_dtype, normalise, unknown
from einbench.possible import refuse_impossible
from einbench.prepared import Prepared

_INT64 = np.dtype(np.int64)

#: called with every operation that gets or loses a kernel, or that is forgotten
listeners: list[Callable[[Operation], object]] = []


def notify(op: Operation) -> None:
    """Notify the listeners of a change."""
    for listener in listeners:
        listener(op)


@dataclass(frozen=True, eq=False)
class Operation:
    """The mathematics that several kernels compute, and what is needed to judge them.

    Shapes are written as axis names in one string, ``"batch features"``; ``""`` is a scalar.
    Everything that can be derived from them (shape checks, default draws, compulsory
    traffic in bytes) is derived and never written out. To be found by its name an operation is
    registered: ``register(Operation(...))``.
    """

    name: str
    formula: str
    #: name -> `Input`, in order; axes alone where any numbers may come, ``{"x": "batch features"}``
    inputs: Mapping[str, Input]
    outputs: Mapping[str, str]
    #: default size of every axis but the leading one
    sizes: Mapping[str, int]
    #: wide-precision truth: reference(*wide_inputs, **options) -> array or tuple
    reference: Function
    #: what rounding could do: scale(outputs, *wide_inputs, **options), shaped like outputs
    scale: Function
    #: floating-point operations at these sizes; exp, log and tanh count EXP_FLOPS each
    flops: Callable[[Sizes], float]
    #: whether ``scale`` takes eps= too (where masks may flip, say)
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
    #: axes of the entries that the mathematics reads of an input, where it does not read them all
    reads: Mapping[str, str] = field(default_factory=dict)
    #: keyword-only choices, first is the default, {"reduction": ("mean", "sum")}
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: outputs that are whole numbers, int64, and must be equal
    integer_outputs: Sequence[str] = ()
    #: the axis of rows, which may be 0 and is given as ``batch``; None where there is none
    leading: str | None = "batch"
    #: the kernel that speed-ups are measured against
    baseline: str = "loop"
    _kernels: dict[str, Kernel] = field(default_factory=dict, init=False, repr=False)
    _places: dict[str, tuple[bool, bool, int]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        given = {n: i if isinstance(i, Input) else Input(i) for n, i in self.inputs.items()}
        object.__setattr__(self, "name", normalise(self.name))
        object.__setattr__(self, "inputs", MappingProxyType(given))
        if self.leading == "batch" and "batch" not in self.axes:
            object.__setattr__(self, "leading", None)
        refuse_impossible(self)

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """Method -> Kernel, simplest first: interpreted, compiled, compiled for threads."""
        return MappingProxyType(self._kernels)

    def kernel(
        self,
        method: str,
        *,
        compile: bool = False,  # noqa: A002 - the word the interface fixes
        prepare: bool = False,
        parallel: bool = False,
        fastmath: frozenset[str] | None = None,
        extra_elements: Callable[[Sizes], float] | None = None,
        requires: Sequence[str] = (),
        family: str = "",
        runtime: str = "",
    ) -> Callable[[Function], Function]:
        """Register the decorated function as one more way to compute this operation.

        A function with a parameter ``out`` can be given memory for its result; a compiled one
        always is, and returns nothing. The function itself is returned unchanged, so decorators
        can be stacked.

        Args:
            method: the kernel's name, which says how it computes.
            compile: numba compiles the body on its first call.
            prepare: the function takes the `Problem` and returns what is called with its arrays;
                that is made once a problem, and never timed.
            parallel: the body's ``prange`` loops get threads.
            fastmath: LLVM flags.
            extra_elements: temporaries at given sizes: a size that needs too much is skipped.
            requires: optional imports, without which it is unavailable.
            family: what kind of way it is, where its name is no family's; see `Kernel.family`.
            runtime: the library whose arrays it takes, where neither NumPy nor numba: it then runs
                in a process of its own.

        Raises:
            TypeError: no function, ``requires`` is no tuple, or what is True or False is neither.
            ValueError: the operation has a kernel of that name already, or ``compile`` and
                ``prepare`` come together.
        """
        key = normalise(method)
        module = str(sys._getframe(1).f_globals.get("__name__", ""))
        if isinstance(requires, str):
            raise TypeError(f"requires={requires!r}: expected a tuple of names, ({requires!r},)")
        for flag, value in (("compile", compile), ("prepare", prepare), ("parallel", parallel)):
            if not isinstance(value, bool):
                raise TypeError(
                    f"operation {self.name}: kernel {key!r} has {flag}={value!r}; expected True or "
                    "False, and the function is decorated: @op.kernel(name, ...)"
                )
        if compile and prepare:
            raise ValueError(
                f"operation {self.name}: kernel {key!r} has compile=True and prepare=True; choose "
                "one: a function of the problem may compile what it returns"
            )
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
            body: Body
            if compile:
                body = Compiled(
                    function,
                    method=key,
                    parallel=parallel,
                    fastmath=fastmath,
                    results=self._results,
                )
            elif prepare:
                body = Prepared(function, self)
            else:
                body = Plain(function)
            self._kernels[key] = Kernel(
                self, key, body, extra_elements, tuple(requires), normalise(family or key),
                runtime or ("numba" if compile else "numpy"),
                Origin(module, compile, prepare, parallel, fastmath),
            )  # fmt: skip
            in_order = sorted(self._kernels.items(), key=lambda item: self._places[item[0]])
            self._kernels.clear()
            self._kernels.update(in_order)
            notify(self)
            return function

        return register

    def remove(self, method: str) -> None:
        """Remove a kernel that was added at run time."""
        key = self[method].method
        del self._kernels[key], self._places[key]
        notify(self)

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
        if len(self.outputs) == 1:
            return None
        # a type has a name that Python can spell, also where the operation's is ab,bc->ac
        spelt = "".join(letter if letter.isalnum() else "_" for letter in self.name)
        return namedtuple(spelt if spelt.isidentifier() else f"_{spelt}", tuple(self.outputs))

    def output_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Shape of every output at these sizes."""
        return {n: tuple(sizes[a] for a in axes.split()) for n, axes in self.outputs.items()}

    def output_dtype(self, name: str, dtype: npt.DTypeLike) -> np.dtype[Any]:
        """Of an output, where the floating inputs have that dtype."""
        return np.dtype(np.int64 if name in self.integer_outputs else dtype)

    def _results(self, arrays: Sequence[Array]) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of every output, of arrays that fit; every call of a kernel asks."""
        floating, plan = self._result_plan
        dtype = arrays[floating].dtype
        found = []
        for whole, places, integer in plan:
            if whole is None:
                shape = tuple([arrays[place].shape[axis] for place, axis in places])
            else:
                shape = arrays[whole].shape
            found.append((shape, _INT64 if integer else dtype))
        return found

    @cached_property
    def _result_plan(self) -> tuple[int, list[tuple[int | None, list[tuple[int, int]], bool]]]:
        """The first floating input; of every output where its axes are, and whether it is integer.

        Where an output has just the axes of an input, that input's number comes first.
        """
        named = {each.names: number for number, each in enumerate(self.inputs.values())}
        held = {
            axis: (place, number)
            for place, each in enumerate(self.inputs.values())
            for number, axis in enumerate(each.names)
        }
        plan = [
            (
                named.get(tuple(axes.split())),
                [held[axis] for axis in axes.split()],
                name in self.integer_outputs,
            )
            for name, axes in self.outputs.items()
        ]
        floating = next(n for n, each in enumerate(self.inputs.values()) if not each.integer)
        return floating, plan

    def traffic_bytes(self, sizes: Sizes, dtype: npt.DTypeLike) -> tuple[int, int]:
        """Compulsory traffic (read, written): what is read of every input, and every output."""
        itemsize = np.dtype(dtype).itemsize

        def moved(axes: str, integer: bool) -> int:
            elements = int(np.prod([sizes[a] for a in axes.split()], dtype=np.int64))
            return elements * (8 if integer else itemsize)

        read = sum(
            moved(self.reads.get(name, each.axes), each.integer)
            for name, each in self.inputs.items()
        )
        written = (moved(axes, n in self.integer_outputs) for n, axes in self.outputs.items())
        return read, sum(written)

    @property
    def axes(self) -> tuple[str, ...]:
        """Axis names in order of appearance."""
        return tuple(dict.fromkeys(a for each in self.inputs.values() for a in each.names))

    @property
    def integers(self) -> tuple[str, ...]:
        """Names of the inputs that hold whole numbers."""
        return tuple(name for name, each in self.inputs.items() if each.integer)

    def all_sizes(self, batch: int | None, sizes: Mapping[str, int]) -> dict[str, int]:
        """Every axis with its size: the caller's where given, else the defaults.

        ``batch`` is the size of the leading axis, which may stand in ``sizes`` by its name too.
        """
        known = {*self.sizes, self.leading}
        if extra := [axis for axis in sizes if axis not in known]:
            raise ValueError(
                f"{self.name} has no axis {extra[0]!r}; its axes: {', '.join(self.axes)}"
            )
        chosen = {**self.sizes, **sizes}
        if self.leading is not None:
            rows = sizes.get(self.leading, 128 if batch is None else batch)
            if batch is not None and rows != batch:
                raise ValueError(
                    f"{self.name}: batch={batch!r} and {self.leading}={rows!r} are both its "
                    "number of rows; give one of them"
                )
            chosen[self.leading] = rows
        for axis, size in chosen.items():
            least = 0 if axis == self.leading else 1
            if int(size) != size or size < least:
                raise ValueError(
                    f"{self.name}: {axis}={size!r} is no size; expected a whole number from {least}"
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
        each = self.inputs[name]
        with np.errstate(all="ignore"):
            return each.kind.draw(rng, each.shape(sizes), dtype, sizes)

    def __repr__(self) -> str:
        return f"<Operation {self.name}: {self.formula} [{', '.join(self._kernels)}]>"
