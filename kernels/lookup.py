"""arguments -> what to call: checked and decided where their kind is new, then looked up.

The key of a call is type, shape, dtype and strides of each array, and the options; nothing else
is looked at. A function that looks it up is generated for each operation: a loop over the arguments
would cost more than the look-up may. Two shortcuts save a third of it: the strides of C order,
which follow from the rest, stand as True; and the key that an array of the first one's shape came
with before is compared first, for hashing a key takes longer. Of what should have one axis the
length is requested, and the number of axes: a shape takes twice as long to make.

Memory for a result is in the key too: its type, shape and dtype, and whether it can be written to
as kernels need it. Where it lies is looked at in every call (`apart`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from einbench.operation import Operation

#: with more than so many keys all of them are decided anew
MOST_KEYS = 4096
#: bits of an array's ``flags.num``, as NumPy's C interface has them: C order, and memory of its own
_CONTIGUOUS, _OWNED = 1, 4
#: what looking up a key raises that was never decided, or of something that is no array
_MISSES = (KeyError, AttributeError, TypeError, ValueError)


class Dispatch:
    """``find(key, ...)`` is what was decided when that key was new.

    Safe to use from many threads; of two that ask for one new key at once both decide.
    """

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        #: key -> what was decided, for look-ups that save the call of `find`; what is read from one
        #: such dict is written to none but that: after `clear` there is another
        self.decided: dict[Hashable, Any] = {}

    def find(self, key: Hashable, short: Hashable, decide: Callable[..., Any], *given: Any) -> Any:
        """What was decided for the key, or ``decide(*given)`` now, which is never None.

        Where ``short`` is not None, (key, found) stands under that too, unless another key does.
        """
        decided = self.decided
        found = decided.get(key)
        if found is None:
            found = decided[key] = decide(*given)
        if short is not None:
            decided.setdefault(short, (key, found))
        if len(decided) > 2 * self._most:
            self.clear()
        return found

    def clear(self) -> None:
        """Decide every key anew; what is being decided now is not kept."""
        self.decided = {}


def key_of(op: Operation, arrays: Sequence[Any], options: Mapping[str, str]) -> tuple[Any, ...]:
    """The key of a call, as the generated function computes it."""
    parts: list[Any] = []
    for number, (a, short) in enumerate(zip(arrays, _short(op), strict=True)):
        shape = (len(a), a.ndim) if short and number else (a.shape,)
        parts += [type(a), *shape, a.dtype, a.flags.c_contiguous or a.strides]
    return (*options.values(), *parts)


def key_into(
    op: Operation, arrays: Sequence[Any], options: Mapping[str, str], out: Any
) -> tuple[tuple[Any, ...], Hashable]:
    """The key of a call with memory for its result, which has been checked, and the short one."""
    held = (out,) if op.result_type is None else out
    parts: list[Any] = [type(out)]
    for each in held:
        parts += [type(each), each.shape, each.dtype, each.flags.num]
    return (*key_of(op, arrays, options), *parts), (arrays[0].shape,)


def apart(arrays: Iterable[Any], outs: Sequence[Any]) -> bool:
    """Whether no memory for a result is shared with an input or with another.

    Two arrays that both own what they hold do not share it, which is seen faster.
    """
    others = list(arrays)
    for out in outs:
        owned = out.flags.owndata
        for other in others:
            distinct = owned and other.flags.owndata and other is not out
            if not distinct and np.may_share_memory(other, out):
                return False
        others.append(out)
    return True


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
    call with new memory for its result; what that keeps under `key_into` is called with the arrays
    and the memory.
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
    parts = [
        (f"{own}type({a}), {shape}, {a}.dtype", f"{a}.strides")
        for a, shape in zip(arrays, shapes, strict=True)
    ]
    key = [
        *op.options,
        *(
            f"{part}, {a}.flags.c_contiguous or {strides}"
            for a, (part, strides) in zip(arrays, parts, strict=True)
        ),
    ]
    # 1 is equal to True, and the same numbers say whether an array owns its memory
    key_into = [
        *op.options,
        *(
            f"{part}, ({own}held{n} := {arrays[n]}.flags.num) & {_CONTIGUOUS} or {strides}"
            for n, (part, strides) in enumerate(parts)
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
    source = f"""
def dispatch({", ".join(parameters)}):{_writing(op, own, arrays, key_into) if written else ""}
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
        "share": np.may_share_memory, "apart": apart,
    }  # fmt: skip
    scope = {own + name: value for name, value in scope.items()}
    exec(source, scope)  # noqa: S102 - made of names that the registry has checked
    function: Callable[..., Any] = scope["dispatch"]
    function.__name__ = op.name
    function.__doc__ = described(op)
    return function


def _writing(op: Operation, own: str, arrays: Sequence[str], key: Sequence[str]) -> str:
    """The part of `look_up` that answers a call with memory for its result."""
    options = ", ".join(f"{name!r}: {name}" for name in op.options)
    given = ", ".join(arrays)
    several = op.result_type is not None
    outs = [f"{own}out{n}" for n in range(len(op.outputs))] if several else ["out"]
    unpack = f"{', '.join(outs)}, = out" if several else "pass"
    parts = [
        f"{own}type({o}), {o}.shape, {o}.dtype, ({own}flags{n} := {o}.flags.num)"
        for n, o in enumerate(outs)
    ]
    if several:
        every = [f"{own}flags{n}" for n in range(len(outs))]
        every += [f"{own}held{n}" for n in range(len(arrays))]
        # two with different numbers of axes are not one array
        ndims = [len(each.names) for each in op.inputs.values()]
        ndims += [len(axes.split()) for axes in op.outputs.values()]
        named = list(zip([*arrays, *outs], ndims, strict=True))
        distinct = [
            f"{one} is not {other}"
            for n, (other, ndim) in enumerate(named)
            if n >= len(arrays)
            for one, of in named[:n]
            if of == ndim
        ]
        holds = (
            f"{' & '.join([*every, str(_OWNED)])} and {' and '.join(distinct) or 'True'}"
            f" or {own}apart(({given},), ({', '.join(outs)},))"
        )
        memory, result = f"({', '.join(outs)},)", f"{own}new({own}result_type, out)"
    else:
        holds = " and ".join(
            f"({own}flags0 & {own}held{n} & {_OWNED} and {a} is not out"
            f" or not {own}share({a}, out))"
            for n, a in enumerate(arrays)
        )
        memory, result = "out", "out"
    return f"""
    if out is not None:
        try:
            {own}shape = {arrays[0]}.shape
            {unpack}
            {own}key = ({", ".join(key)}, {own}type(out), {", ".join(parts)})
            {own}short, {own}decided = ({own}shape,), {own}dispatch.decided
            {own}last = {own}decided[{own}short]
            if {own}key == {own}last[0]:
                {own}call = {own}last[1]
            else:
                {own}call = {own}decided[{own}key]
                {own}decided[{own}short] = {own}key, {own}call
            if not ({holds}):
                {own}call = None
        except {own}MISSES:
            {own}call = None
        if {own}call is None:
            return {own}into(({given},), {{{options}}}, out)
        {own}call({given}, {memory})
        return {result}
"""


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
