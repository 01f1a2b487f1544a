"""import einbench costs little more than import numpy, and asks for nothing it does not need."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "numba", "llvmlite", "scipy", "rich", "click", "psutil", "threadpoolctl", "pandas", "torch",
    "jax", "sklearn", "matplotlib",
)  # fmt: skip


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_kernels_imports_nothing_heavy() -> None:
    script = f"import sys, einbench; print([m for m in {HEAVY} if m in sys.modules])"
    assert run(script) == "[]"


def test_listing_and_calling_interpreted_kernels_imports_nothing_heavy() -> None:
    script = f"""
import sys, einbench
for op in einbench.operations.values():
    repr(op), [(kernel.method, kernel.reason, kernel.summary) for kernel in op]
arrays = einbench.operation("softmax_vjp").draw(4)
assert abs(einbench.operation("softmax_vjp")["einsum"](**arrays)).max() > 0
print([m for m in {HEAVY} if m in sys.modules])
"""
    assert run(script) == "[]"


def test_importing_kernels_compiles_nothing() -> None:
    script = """
import einbench
from einbench.jit.compiled import Compiled
compiled = [k.function for op in einbench.operations.values() for k in op
            if isinstance(k.function, Compiled)]
print(len(compiled) > 20, sum(len(f._forms) for f in compiled), sum(f.compile_s for f in compiled))
"""
    assert run(script) == "True 0 0.0"


def test_importing_kernels_writes_nothing_and_warns_of_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import einbench"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
