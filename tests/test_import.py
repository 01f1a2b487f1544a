"""import einbench costs little more than import numpy, and asks for nothing it does not need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = (
    "numba", "llvmlite", "scipy", "rich", "click", "psutil", "threadpoolctl", "pandas", "torch",
    "jax", "sklearn", "altair", "vl_convert", "jinja2", "dask", "distributed",
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


def test_einsum_alone_imports_no_operation() -> None:
    script = """
import sys, numpy as np, einbench
einbench.einsum("ij->ji", np.ones((2, 3)))
print([m for m in sys.modules if m.startswith(("einbench.forward", "einbench.operation"))])
print(len(einbench.operations) > 20, "einbench.forward" in sys.modules)
"""
    assert run(script).splitlines() == ["[]", "True True"]


@pytest.mark.long
def test_operations_are_in_reading_order_whatever_is_imported_first() -> None:
    order = run("import einbench; print(*einbench.operations)")
    for module in ("gradient.weight_gradient", "jacobian", "operation", "check.error"):
        script = f"import einbench.{module}\nimport einbench\nprint(*einbench.operations)"
        assert run(script) == order


def test_no_module_hides_a_function_of_its_name() -> None:
    script = """
import einbench.operation, einbench.check.error, einbench.einsum.language, einbench
print(*(callable(f) for f in (einbench.operation, einbench.check, einbench.einsum)))
"""
    assert run(script) == "True True True"


def test_threads_that_ask_for_operations_at_once_all_get_them() -> None:
    script = """
import threading, einbench
found = []
def work(): found.append(len(list(einbench.operations)))
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(found), len(set(found)), found[0] > 20)
"""
    assert run(script) == "8 1 True"


def test_what_is_registered_first_comes_after_the_packages_own() -> None:
    script = """
import numpy as np
from einbench.operation import Operation
from einbench.registry import operations, register
register(Operation("mine", "y = x", {"x": "rows"}, {"y": "rows"}, {}, lambda x: x,
                   lambda y, x: abs(x), lambda s: 0, leading="rows"))
print(list(operations)[0], list(operations)[-1])
"""
    assert run(script) == "linear mine"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_forked_while_another_thread_imports_operations_has_them_all() -> None:
    script = """
import os, threading, einbench
from einbench import deferred
begun = threading.Event()
deferred._WAITING.insert(0, begun.set)
thread = threading.Thread(target=lambda: len(einbench.operations))
thread.start()
begun.wait()
child = os.fork()
if not child:
    import signal
    signal.alarm(60)
    os._exit(0 if len(einbench.operations) > 20 else 1)
print(os.waitpid(child, 0)[1])
thread.join()
"""
    assert run(script) == "0"
