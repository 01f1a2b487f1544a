"""Where a process has denormals flushed to zero, right kernels stay right, and it is said."""

from __future__ import annotations

import subprocess
import sys
from platform import machine

import numpy as np
import pytest

from einbench.host import denormals

#: sets flush-to-zero and denormals-are-zero of the thread's control word, as such libraries do
FLUSHED = """
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

@intrinsic
def set_control(context, word):
    def generate(context, builder, signature, arguments):
        held = builder.alloca(ir.IntType(32))
        builder.store(arguments[0], held)
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer])
        function = builder.module.declare_intrinsic("llvm.x86.sse.ldmxcsr", fnty=kind)
        builder.call(function, [builder.bitcast(held, pointer)])
        return context.get_dummy_value()
    return types.void(types.int32), generate

@njit
def flush():
    set_control(types.int32(0x9FC0))

flush()
import warnings
import numpy as np
import einbench
from einbench.host import denormals
assert denormals.are_flushed()
assert denormals.least(np.dtype("float32")) == np.finfo(np.float32).smallest_normal
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    for name in ("softmax", "sigmoid", "relu", "cross_entropy", "tanh_vjp"):
        for verdict in einbench.check(name, batch=16):
            assert verdict.passed or "unavailable" in verdict.reason, str(verdict)
print({str(each.message) for each in warned})
"""


def test_here_denormals_are_numbers():
    assert not denormals.are_flushed()
    assert denormals.least(np.dtype("float64")) == np.finfo(np.float64).smallest_subnormal


@pytest.mark.long
@pytest.mark.skipif(machine() not in ("x86_64", "AMD64"), reason="sets the control word of x86")
def test_where_they_are_flushed_right_kernels_pass_and_it_is_said():
    ended = subprocess.run(
        [sys.executable, "-c", FLUSHED], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "flush denormal numbers to zero" in ended.stdout
    assert "judged without them" in ended.stdout
