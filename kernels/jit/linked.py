"""Functions compiled once for a dtype, to a symbol that compiled bodies call.

A helper that is linked into a body as code is optimised again with it, and again with each of its
parallel loops: a second of compiling becomes ten. A call of a symbol costs a body no time to
compile. Only pointers and numbers pass it, so a linked function is written on those:

    @linked()
    def fill(c: Pointer, count: int, value: Scalar) -> None:
        for k in range(count):
            c[k] = value

It is called with arrays, which must be in C order, or with pointers; ``at(array, offset)`` is the
pointer to an element. Where there are many, their addresses go along in one array of int64:
``table[W1] = address(w1)`` before the call, ``pointer(c, table, W1)`` inside. A pointer keeps no
memory alive: the caller of the outermost linked function must hold the array.

One whose work can be divided says so, and which items are to be done is what it begins with:

    @linked(divided=True)
    def fill_pieces(first: int, count: int, c: Pointer, value: Scalar) -> None:
        fill(at(c, first), count, value)

The caller says instead how many items there are, and how many are a piece: where they are more
than one piece the threads of the pool share them. ``fill_pieces(c.size, 4096, c, 1.0)``
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from einbench.host import background
from einbench.jit import pool, pool_code
from einbench.jit.bodies import (
    Intrinsic,
    callback_of,
    copy_for_numba,
    digest_of,
    prepare,
    sources_of,
)

#: kinds of arguments, by the names that annotations must use: elements of the dtype and of int64
Pointer = Any
Integers = Any
#: one number of the dtype
Scalar = Any

#: bytes of a cache line
_LINE = 64
#: symbols added to the linker, each with the object that keeps its code alive
_LINKED: dict[str, Any] = {}


def linked(
    *, fastmath: frozenset[str] | None = None, divided: bool = False
) -> Callable[[Callable[..., Any]], Intrinsic]:
    """Let compiled bodies call the decorated function by a symbol.

    Its parameters are annotated with `Pointer`, `Integers`, `Scalar` or ``int``, its result with
    one of the last two or None; one parameter at least is a Pointer, whose dtype counts. The first
    two of one that is divided are ``int``, and it has no result.
    """

    def decorate(function: Callable[..., Any]) -> Intrinsic:
        if not isinstance(function, FunctionType):
            raise TypeError(f"linked() needs a plain Python function, got {function!r}")
        named = function.__annotations__
        if missing := [name for name in (*_parameters(function), "return") if name not in named]:
            raise TypeError(f"linked {function.__name__}: annotate {', '.join(missing)}")
        kinds = [named[name] for name in _parameters(function)]
        if unknown := set(kinds) - {"Pointer", "Integers", "Scalar", "int"}:
            raise TypeError(f"linked {function.__name__}: no parameter can be {sorted(unknown)}")
        if "Pointer" not in kinds:
            raise TypeError(f"linked {function.__name__}: one parameter at least is a Pointer")
        result = named["return"]
        if result not in ("Scalar", "int", "None"):
            raise TypeError(f"linked {function.__name__}: no result can be {result}")
        if divided and (kinds[:2] != ["int", "int"] or result != "None"):
            raise TypeError(
                f"linked {function.__name__}: divided means (first: int, count: int, ...) -> None"
            )

        @functools.cache
        def symbol(bits: int) -> str:
            sources = sources_of(function) | {function.__code__.co_filename}
            digest = digest_of(sources)
            return f"einbench_{function.__name__.strip('_')}_{bits}_{digest}"

        def compiled(dtype: np.dtype[Any]) -> None:
            if divided:
                pool.start()
            _compile(function, symbol(8 * dtype.itemsize), kinds, result, fastmath, dtype)

        source = function.__code__.co_filename
        call = functools.partial(_build_call, symbol, kinds, result, divided)
        also = pool_code.SOURCES if divided else ()
        return Intrinsic(call, source, compiled, calls=function, also=also)

    return decorate


def _parameters(function: FunctionType) -> tuple[str, ...]:
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def _types(dtype: Any) -> dict[str, Any]:
    """numba's type of each kind, for a numba dtype."""
    from numba import types

    return {
        "Pointer": types.CPointer(dtype),
        "Integers": types.CPointer(types.int64),
        "Scalar": dtype,
        "int": types.int64,
        "None": types.void,
    }


def _compile(
    function: FunctionType,
    symbol: str,
    kinds: list[str],
    result: str,
    fastmath: frozenset[str] | None,
    dtype: np.dtype[Any],
) -> None:
    """Compile it and add its symbol to the linker, before code is loaded that calls it."""
    if symbol in _LINKED:
        return
    background.go_on()
    import numba
    from llvmlite.binding import add_symbol

    prepare(function, dtype)
    known = _types(numba.from_dtype(dtype))
    signature = known[result](*(known[kind] for kind in kinds))
    body = copy_for_numba(function, symbol, fastmath)
    compiled = callback_of(body, signature, fastmath=fastmath)
    add_symbol(symbol, compiled.address)
    _LINKED[symbol] = compiled


def _build_call(symbol: Callable[[int], str], kinds: list[str], result: str, divided: bool) -> Any:
    """numba's intrinsic that calls the symbol."""
    from llvmlite import ir
    from numba.core import cgutils
    from numba.extending import intrinsic

    def call(typing: Any, *arguments: Any) -> Any:
        if len(arguments) != len(kinds):
            return None
        dtype = next(a.dtype for a, kind in zip(arguments, kinds, strict=True) if kind == "Pointer")
        known = _types(dtype)
        # arrays and pointers as they come, numbers converted
        taken = [
            a if kind in ("Pointer", "Integers") else known[kind]
            for a, kind in zip(arguments, kinds, strict=True)
        ]

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            pairs = zip(signature.args, values, strict=True)
            given = [_data_of(context, builder, kind, value) for kind, value in pairs]
            returned = ir.VoidType() if result == "None" else context.get_value_type(known[result])
            kind = ir.FunctionType(returned, [value.type for value in given])
            function = cgutils.get_or_insert_function(builder.module, kind, symbol(dtype.bitwidth))
            if divided:
                pool_code.share(builder, function, given)
                return context.get_dummy_value()
            value = builder.call(function, given)
            return context.get_dummy_value() if result == "None" else value

        return known[result](*taken), generate

    return intrinsic(of_so_many(call, len(kinds)))


def of_so_many(call: Any, count: int) -> Any:
    """``call(typing, *arguments)`` for so many arguments, as numba's intrinsics need to be."""
    import inspect

    # numba takes its arguments one by one, which it must see before it calls it
    names = ["typing", *(f"argument{n}" for n in range(count))]
    one = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature([inspect.Parameter(name, one) for name in names])
    return call


def _build_at() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def at(typing: Any, array: Any, offset: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            base = _data_of(context, builder, array, arguments[0])
            return builder.gep(base, [arguments[1]])

        return types.CPointer(array.dtype)(array, types.int64), generate

    return intrinsic(at)


def _build_fresh() -> Any:
    from numba import types
    from numba.extending import intrinsic
    from numba.np.numpy_support import as_dtype

    def fresh(typing: Any, like: Any, count: Any) -> Any:
        made = types.Array(like.dtype, 1, "C")
        dtype = as_dtype(like.dtype)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def new(count: int) -> Any:
                return np.empty(count, dtype)

            return context.compile_internal(builder, new, made(types.int64), arguments[1:])

        return made(like, types.int64), generate

    return intrinsic(fresh)


def _build_number() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def number(typing: Any, like: Any, value: Any) -> Any:
        if not isinstance(value, types.IntegerLiteral):
            return None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            # made here: numba has been seen to convert the argument to another dtype
            return context.get_constant(like.dtype, value.literal_value)

        return like.dtype(like, value), generate

    return intrinsic(prefer_literal=True)(number)


def _data_of(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """The pointer to the first element of an array; a pointer as it is."""
    from numba import types

    array = isinstance(kind, types.Array)
    return context.make_array(kind)(context, builder, value).data if array else value


def _build_address() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def address(typing: Any, array: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = _data_of(context, builder, array, arguments[0])
            return builder.ptrtoint(data, ir.IntType(64))

        return types.int64(array), generate

    return intrinsic(address)


def _build_pointer() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def pointer(typing: Any, like: Any, addresses: Any, place: Any) -> Any:
        found = types.CPointer(like.dtype)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            table = _data_of(context, builder, addresses, arguments[1])
            address = builder.load(builder.gep(table, [arguments[2]]))
            return builder.inttoptr(address, context.get_value_type(found))

        return found(like, addresses, types.int64), generate

    return intrinsic(pointer)


def _build_elements_to_line() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def elements_to_line(typing: Any, array: Any) -> Any:
        size = array.dtype.bitwidth // 8

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = _data_of(context, builder, array, arguments[0])
            address = builder.ptrtoint(data, ir.IntType(64))
            beyond = builder.and_(builder.neg(address), ir.Constant(address.type, _LINE - 1))
            return builder.udiv(beyond, ir.Constant(address.type, size))

        return types.int64(array), generate

    return intrinsic(elements_to_line)


#: ``at(array or pointer, offset)``: the pointer to an element, counted in C order
at = Intrinsic(_build_at, __file__)
#: ``address(array or pointer)``: of its first element, as a number
address = Intrinsic(_build_address, __file__)
#: ``pointer(like, addresses, place)``: to elements of that dtype, from one of many addresses
pointer = Intrinsic(_build_pointer, __file__)
#: ``elements_to_line(array or pointer)``: elements from its beginning to the next cache line's
elements_to_line = Intrinsic(_build_elements_to_line, __file__)
#: ``fresh(array or pointer, count)``: a new flat array of its dtype
fresh = Intrinsic(_build_fresh, __file__)
#: ``number(array or pointer, 1)``: a whole number that stands there, in the dtype
number = Intrinsic(_build_number, __file__)
