"""Operation: the mathematics, and what is needed to judge kernels of it.

An operation is the mathematics, a kernel is one way to compute it, the reference is the
slow, obvious, wide-precision truth, and the baseline is the denominator of speed-ups.
"""

from __future__ import annotations

import math
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
from einbench.collection import Collection
from einbench.inputs import Input
from einbench.jit.compiled import Compiled
from einbench.kernel import Array, Kernel, Origin, Sizes
from einbench.names import check_dtype, normalise, shortened, unknown
from einbench.possible import refuse_impossible, refuse_wrong_types
from einbench.prepared import Prepared
from einbench.result_shapes import Results, results_of

#: called with every operation that gets or loses a kernel, or that is forgotten
listeners: list[Callable[[Operation], object]] = []


def notify(op: Operation) -> None:
    """Notify the listeners of a change."""
    for listener in listeners:
        listener(op)


@dataclass(frozen=True, eq=False)
class Operation:
    """The mathematics that several kernels compute, and what is needed to judge them.

    Everything that can be derived from the names of axes (shape checks, default draws, compulsory
    traffic in bytes) is derived and never written out. To be found by its name an operation is
    registered: ``register(Operation(...))``. ``sizes`` given to functions below are the size of
    every axis by name; "wide" is float64 for float32 inputs, and longdouble for float64.

    Args:
        name: in lower case with underscores, or an einsum expression.
        formula: one line, shown and not computed.
        inputs: name -> `Input`, in the order of calls: axes in one string, ``"batch features"``,
            ``""`` for a scalar, and a kind. Axes alone where any numbers may come. Every call gives
            all of them: there are no optional inputs.
        outputs: name -> axes, each of which an input has: from the inputs' shapes the outputs' must
            follow. Several are returned as a tuple in this order; one without axes is an array
            without axes, ``np.asarray(total)``, and no number.
        sizes: default size of every axis but the leading one.
        reference: wide-precision truth: ``reference(*wide_inputs, **options)`` -> array, or a tuple
            of as many as outputs. Slow and obvious; what NumPy has no longdouble of (``np.linalg``,
            ``np.bincount`` with weights) is written out.
        scale: what rounding could do to the outputs: ``scale(outputs, *wide_inputs, **options)``,
            shaped like ``outputs``, which is one array or a tuple. An error of one unit of rounding
            is eps times this. A sum of terms has the sum of their magnitudes.
        flops: ``flops(sizes)``: floating-point operations; exp, log and tanh count EXP_FLOPS each.
        scale_takes_eps: whether ``scale`` takes ``eps=`` too (where masks may flip, say).
        terms: ``terms(sizes)``: length of the longest sum, for limits.
        limit: ``limit(terms)``: most units of rounding a right kernel may be off, on continuous
            draws.
        tied_limit: the same on constant, tied or few-valued draws.
        independent: axes along which a slice of the inputs gives that slice of the output.
        independent_options: options under which those axes are independent, where not under all: a
            mean rescales.
        added: axes along which results of slices of the inputs are parts of the whole: outputs that
            have the axis are put side by side, those without are added up.
        added_options: options under which they are, where not under all: a sum, no mean.
        averaged: of the option that stands in ``added_options`` or ``independent_options``, the
            choices that divide the results under that option by sizes of axes:
            ``{"mean": "batch"}``.
        exact: ``exact(rng, dtype, sizes)`` -> inputs for which every order of summation gives the
            same bits.
        exact_options: options for which ``exact`` holds, where not for all.
        reads: axes of the entries that the mathematics reads of an input, where it does not read
            them all.
        options: keyword-only choices, first is the default: ``{"reduction": ("mean", "sum")}``.
            Reference, scale and kernels get each by its name.
        integer_outputs: outputs that are whole numbers, int64, and must be equal: ``("counts",)``.
        leading: the axis of rows, which may be 0 and is given as ``batch``; None where there is
            none.
        baseline: the kernel that speed-ups are measured against; empty: ``loop``, or the simplest
            where there is none of that name.

    Raises:
        TypeError: an argument is of another type.
        ValueError: axes, sizes, kinds or names do not fit together; the message says what to do.
    """

    name: str
    formula: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, str]
    sizes: Mapping[str, int]
    reference: Function
    scale: Function
    flops: Callable[[Sizes], float]
    scale_takes_eps: bool = False
    terms: Callable[[Sizes], float] = lambda sizes: 0.0
    limit: Callable[[float], float] = lambda terms: 4 + 2 * terms**0.5
    tied_limit: Callable[[float], float] = lambda terms: 4 + 2 * terms**0.5
    independent: Sequence[str] = ()
    independent_options: Mapping[str, str] = field(default_factory=dict)
    added: Sequence[str] = ()
    added_options: Mapping[str, str] = field(default_factory=dict)
    averaged: Mapping[str, str] = field(default_factory=dict)
    exact: Callable[..., Mapping[str, Array]] | None = None
    exact_options: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    integer_outputs: Sequence[str] = ()
    leading: str | None = "batch"
    baseline: str = ""
    _kernels: Collection = field(default_factory=Collection, init=False, repr=False)
    _simplest: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", normalise(self.name))
        refuse_wrong_types(self)
        given = {n: i if isinstance(i, Input) else Input(i) for n, i in self.inputs.items()}
        object.__setattr__(self, "inputs", MappingProxyType(given))
        if self.leading == "batch" and "batch" not in self.axes:
            object.__setattr__(self, "leading", None)
        refuse_impossible(self)
        object.__setattr__(self, "_simplest", not self.baseline)
        self._settle()

    def _settle(self) -> None:
        if self._simplest:
            object.__setattr__(self, "baseline", self._kernels.simplest)

    @property
    def kernels(self) -> Mapping[str, Kernel]:
        """Method -> Kernel, simplest first: interpreted, compiled, compiled for threads."""
        return self._kernels.in_order

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
        varies: str = "",
    ) -> Callable[[Function], Function]:
        """Register the decorated function as one more way to compute this operation.

        A function with a parameter ``out`` can be given memory for its result; a compiled one
        always is, and returns nothing. The function itself is returned unchanged, so decorators
        can be stacked. A name that the same module gave a kernel before now stands for this one:
        a cell of a notebook may run again, and nothing known of the earlier function is believed.

        Args:
            method: the kernel's name, which says how it computes.
            compile: numba compiles the body on its first call.
            prepare: the function takes the `Problem` and returns what is called with its arrays;
                that is made once a problem, and never timed.
            parallel: the body's ``prange`` loops get threads.
            fastmath: LLVM flags.
            extra_elements: temporaries at given sizes: a size that needs too much is skipped.
            requires: optional imports, without which it is unavailable; with numba also where numba
                is switched off.
            family: what kind of way it is, where its name is no family's; see `Kernel.family`.
            runtime: the library whose arrays it takes, where neither NumPy nor numba: it then runs
                in a process of its own.
            varies: why its last bits may be others on another number of threads; one that says
                nothing gives the same on any, and a test holds those of the suite to it.

        Raises:
            TypeError: no function, ``requires`` is no tuple, or what is True or False is neither.
            ValueError: another module, or another function of the same file, registered a kernel
                of that name, or ``compile`` and ``prepare`` come together.
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
        # order is taken now, so that stacked ones read as they stand
        self._kernels.reserve(key)
        origin = Origin(module, compile, prepare, parallel, fastmath)

        def register(function: Function) -> Function:
            if not callable(function):
                raise TypeError(
                    f"operation {self.name}: kernel {key!r} must be a function, got {function!r}"
                )
            self._kernels.refuse_taken(self.name, key, module, function)
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
            self._kernels.add(Kernel(
                self, key, body, extra_elements, tuple(requires), normalise(family or key),
                runtime or ("numba" if compile else "numpy"), origin, varies=varies,
            ))  # fmt: skip
            self._settle()
            notify(self)
            return function

        return register

    def remove(self, method: str) -> None:
        """Remove a kernel, one that was added at run time say.

        Raises:
            ValueError: there is none of that name.
        """
        self._kernels.remove(self[method].method)
        self._settle()
        notify(self)

    def __getitem__(self, method: str) -> Kernel:
        key = normalise(method)
        if key not in self.kernels:
            raise ValueError(unknown("kernel", method, self.kernels, f" of {self.name}"))
        return self.kernels[key]

    def __contains__(self, method: object) -> bool:
        return isinstance(method, str) and normalise(method) in self.kernels

    def __iter__(self) -> Iterator[Kernel]:
        return iter(self.kernels.values())

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

    @cached_property
    def _results(self) -> Results:
        return results_of(self)

    def traffic_bytes(self, sizes: Sizes, dtype: npt.DTypeLike) -> tuple[int, int]:
        """Compulsory traffic (read, written): what is read of every input, and every output."""
        itemsize = np.dtype(dtype).itemsize

        def moved(axes: str, integer: bool) -> int:
            elements = math.prod(int(sizes[a]) for a in axes.split())
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

    def __copy__(self) -> Operation:
        """Itself: operations are told apart by identity; `dataclasses.replace` makes another."""
        return self

    def __deepcopy__(self, memo: object) -> Operation:
        """Itself, as of a function."""
        return self

    def __repr__(self) -> str:
        kernels = shortened(", ".join(self.kernels), 100)
        return f"<Operation {self.name}: {shortened(self.formula, 100)} [{kernels}]>"
