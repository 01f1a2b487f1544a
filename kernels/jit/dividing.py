"""A function compiled for arrays that do not overlap, and shared among the pool's threads.

    def piece(first, count, x, out):
        for b in range(first, first + count):
            out[b] = 2 * x[b]

    @numba.njit
    def doubled(x, out):
        share_out(len(x), 0, x, out)

where ``share_out = divided(piece, 2, fastmath)``. numba gives its own parallel loops arrays that do
not overlap, and no others: LLVM then keeps operands in registers while a result is written, which
makes unrolled loops up to 1.6 times as fast.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from einbench.jit import pool_code
from einbench.jit.linked import of_so_many


def divided(piece: FunctionType, given: int, fastmath: frozenset[str]) -> Any:
    """numba's intrinsic ``share_out(items, length, *given)``, for code that is compiled next.

    A piece is so many items long; one of 0 is as long as leaves every thread some.

    The pool must have been started by then, and before such code is loaded from disk.

    Args:
        piece: ``piece(first, count, *given)``, which raises nothing; of its name there is no
            other, in any process.
        given: how many further arguments there are; no memory that it writes to is in two.
        fastmath: LLVM's flags of its arithmetic.
    """
    from numba import types
    from numba.extending import intrinsic

    def share_out(typing: Any, items: Any, length: Any, *arguments: Any) -> Any:
        signature = types.void(types.int64, types.int64, *arguments)

        def generate(context: Any, builder: Any, whole: Any, values: Any) -> Any:
            compiled = _compiled(piece, signature, fastmath)
            pool_code.share(builder, _plain(context, builder, compiled, signature), list(values))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, *arguments), generate

    return intrinsic(of_so_many(share_out, 2 + given))


def apart(function: FunctionType, given: int, fastmath: frozenset[str]) -> FunctionType:
    """What calls a function of arrays that do not overlap, to be compiled by numba.

    Args:
        function: returns and raises nothing; of its name there is no other, in any process.
        given: how many arguments it has; no memory that it writes to is in two.
        fastmath: LLVM's flags of its arithmetic.
    """
    from numba import types
    from numba.extending import intrinsic

    def call_apart(typing: Any, *arguments: Any) -> Any:
        signature = types.void(*arguments)

        def generate(context: Any, builder: Any, whole: Any, values: Any) -> Any:
            compiled = _compiled(function, signature, fastmath)
            builder.call(_plain(context, builder, compiled, signature), values)
            return context.get_dummy_value()

        return signature, generate

    names = ", ".join(f"a{n}" for n in range(given))
    scope: dict[str, Any] = {"call_apart": intrinsic(of_so_many(call_apart, given))}
    exec(f"def caller({names}):\n    call_apart({names})", scope)  # noqa: S102 - names made here
    caller: FunctionType = scope["caller"]
    caller.__module__ = function.__module__
    caller.__name__ = caller.__qualname__ = f"call_{function.__name__}"
    return caller


def _compiled(function: FunctionType, signature: Any, fastmath: frozenset[str]) -> Any:
    """As numba's jit compiles it, told that no arrays overlap, for which jit has no option."""
    from numba.core import compiler, cpu_options
    from numba.core.registry import cpu_target

    untyped: Any = compiler
    options: Any = cpu_options
    flags = untyped.Flags()
    flags.nrt = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.noalias = True
    flags.error_model = "numpy"
    flags.fastmath = options.FastMathOptions(set(fastmath))
    types, target = cpu_target.typing_context, cpu_target.target_context
    return untyped.compile_extra(
        types, target, function, signature.args, signature.return_type, flags, {}
    )


def _plain(context: Any, builder: Any, compiled: Any, signature: Any) -> Any:
    """A function of LLVM's with these arguments, which calls what was compiled."""
    from llvmlite import ir

    kinds = [context.get_value_type(kind) for kind in signature.args]
    kind = ir.FunctionType(ir.VoidType(), kinds)
    plain = ir.Function(builder.module, kind, f"{compiled.fndesc.mangled_name}_plain")
    plain.linkage = "internal"
    # at two places that call it code would be twice as long
    plain.attributes.add("noinline")
    inner = ir.IRBuilder(plain.append_basic_block())
    context.call_internal_no_propagate(inner, compiled.fndesc, signature, plain.args)
    inner.ret_void()
    context.active_code_library.add_linking_library(compiled.library)
    return plain


#: files that code with `divided` or `apart` depends on
SOURCES = frozenset({__file__, *pool_code.SOURCES})
