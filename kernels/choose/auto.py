"""einbench.auto: the fastest kernel, decided once per signature and then looked up.

The per-call key is type, shape, dtype and strides of each array, and the options; nothing else
is looked at. A function that looks it up in the operation's `Dispatch` is
generated for each operation: a loop over the arguments would cost more than the look-up may. Two
shortcuts save a third of it: the strides of C order, which follow from the rest, stand as True; and
the key that an array of the first one's shape came with before is compared first, for hashing a key
takes longer. Of what should have one axis the length is requested, and the number of axes: a shape
takes twice as long to make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from keyword import iskeyword
from typing import Any

from einbench.arguments import Bound, check_out
from einbench.choose import environment
from einbench.choose.book import RIGORS
from einbench.choose.deciding import Decision, decide
from einbench.choose.dispatch import Dispatch
from einbench.choose.serving import serve
from einbench.jit import sharing
from einbench.kernel import Kernel
from einbench.names import unknown
from einbench.operation import Operation, listeners
from einbench.registry import operations

#: last in the key of calls with memory for their result
_INTO = "out"
#: what looking up a key raises that was never decided, or of something that is no array
_MISSES = (KeyError, AttributeError, TypeError, ValueError)


class Auto:
    """``auto.softmax_vjp(probs, cotangent)`` calls the fastest checked kernel for its arguments.

    A signature that was never seen is answered from remembered choices, and measured where there
    are none; every later call of it is a look-up. Threads and machine are read once: call
    `refresh` when they have changed. Safe to use from many threads.
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
        dispatch = self._dispatchers.setdefault(op, Dispatch(op))
        function = look_up(
            op,
            dispatch,
            partial(self._decide_and_call, op, dispatch),
            partial(self._decide_and_write, op, dispatch),
        )
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
        """A call with memory for its result, which is checked every time."""
        if operations.get(op.name) is not op:
            return self._present(op)(*arrays, **options, out=out)
        bound = op.bind(*arrays, **options)
        memory = check_out(op, bound, out)
        key = (*key_of(op, bound.arrays, bound.options), _INTO)
        first: list[Any] = []
        kernel = dispatch.find(key, None, self._written, op, bound, memory, first)
        if not first:
            kernel.into(bound.arrays, bound.options, memory)
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

        _, (call, result) = serve(self._decision(op, bound), begin)
        first.append(result)
        return call

    def _written(self, op: Operation, bound: Bound, memory: Any, first: list[Any]) -> Kernel:
        """The kernel to call from now on; what it wrote to is appended to ``first``."""

        def write(kernel: Kernel) -> None:
            kernel.into(bound.arrays, bound.options, memory)

        kernel, _ = serve(self._decision(op, bound), write)
        first.append(memory)
        return kernel

    def _decision(self, op: Operation, bound: Bound) -> Decision:
        threads = self._threads
        if threads is None:
            threads = self._threads = environment.threads()
        return decide(op, bound, threads, self._rigor)


def key_of(op: Operation, arrays: tuple[Any, ...], options: Mapping[str, str]) -> tuple[Any, ...]:
    """The key of a call, as the generated function computes it."""
    parts: list[Any] = []
    for number, (a, short) in enumerate(zip(arrays, _short(op), strict=True)):
        shape = (len(a), a.ndim) if short and number else (a.shape,)
        parts += [type(a), *shape, a.dtype, a.flags.c_contiguous or a.strides]
    return (*options.values(), *parts)


def _short(op: Operation) -> list[bool]:
    """Which inputs have one axis."""
    return [len(each.names) == 1 for each in op.inputs.values()]


def look_up(
    op: Operation,
    dispatch: Dispatch,
    otherwise: Callable[..., Any],
    into: Callable[..., Any],
) -> Callable[..., Any]:
    """``def softmax_vjp(probs, cotangent): ...``, the look-up and the call and nothing else.

    ``otherwise(arrays, options)`` answers a key that is new, and ``into(arrays, options, out)`` a
    call with memory for its result.
    """
    names = list(op.inputs)
    # an input's name may be no name of Python's
    plain = all(name.isidentifier() and not iskeyword(name) for name in names)
    arrays = names if plain else [f"array{n}" for n in range(len(names))]
    # what begins the names of everything else, and none of the caller's
    own = "_"
    while any(name.startswith(own) for name in (*arrays, *op.options)):
        own += "_"
    shapes = [
        f"{own}len({a}), {a}.ndim" if short else f"{a}.shape"
        for a, short in zip(arrays, _short(op), strict=True)
    ]
    shapes[0] = f"{own}shape"
    key = [
        *op.options,
        *(
            f"{own}type({a}), {shape}, {a}.dtype, {a}.flags.c_contiguous or {a}.strides"
            for a, shape in zip(arrays, shapes, strict=True)
        ),
    ]
    defaults = [f"{name}={choices[0]!r}" for name, choices in op.options.items()]
    # an input of that name cannot be distinguished from memory for the result
    written = [] if "out" in (*arrays, *op.options) else ["out=None"]
    named = [*defaults, *written]
    # made-up names that stand for the inputs' own are taken by position only
    parameters = [*arrays, *([] if plain else ["/"]), *(["*", *named] if named else [])]
    call = f"{own}call({', '.join(arrays)})"
    result = f"{own}new({own}result_type, {call})" if op.result_type else call
    options = ", ".join(f"{name!r}: {name}" for name in op.options)
    write = f"""
    if out is not None:
        return {own}into(({", ".join(arrays)},), {{{options}}}, out)
"""
    source = f"""
def dispatch({", ".join(parameters)}):{write if written else ""}
    try:
        {own}shape = {arrays[0]}.shape
        {own}key = ({", ".join(key)})
        {own}decided = {own}dispatch.decided
        {own}last = {own}decided[{own}shape]
        if {own}key == {own}last[0]:
            {own}call = {own}last[1]
        else:
            {own}call = {own}decided[{own}key]
            {own}decided[{own}shape] = {own}key, {own}call
    except {own}MISSES:
        {own}call = None
    if {own}call is None:
        return {own}otherwise(({", ".join(arrays)},), {{{options}}})
    return {result}
"""
    scope: dict[str, Any] = {
        "dispatch": dispatch, "MISSES": _MISSES, "otherwise": otherwise, "into": into,
        "type": type, "len": len, "new": tuple.__new__, "result_type": op.result_type,
    }  # fmt: skip
    scope = {own + name: value for name, value in scope.items()}
    exec(source, scope)  # noqa: S102 - made of names that the registry has checked
    function: Callable[..., Any] = scope["dispatch"]
    function.__name__ = op.name
    # where pickle finds it
    function.__module__, function.__qualname__ = "einbench", f"auto.{op.name}"
    function.__doc__ = described(op)
    return function


def described(op: Operation) -> str:
    """What a call takes and gives, for ``help``."""
    lines = [op.formula, "", "By the fastest checked kernel for these arguments.", "", "Args:"]
    for name, each in op.inputs.items():
        dtype = "integers" if each.integer else "float32 or float64"
        lines.append(f"    {name}: ({', '.join(each.names)}), {dtype}.")
    for name, choices in op.options.items():
        lines.append(f"    {name}: {' or '.join(map(repr, choices))}.")
    lines += [
        "    out: memory for the result: an array like it, or a tuple of them.",
        "",
        "Returns:",
    ]
    for name, axes in op.outputs.items():
        dtype = ", int64" if name in op.integer_outputs else ""
        lines.append(f"    {name}: ({', '.join(axes.split())}){dtype}.")
    return "\n".join(lines)


auto = Auto()
"""The one of this process."""

listeners.append(auto._drop)
sharing.on_change.append(auto.refresh)
