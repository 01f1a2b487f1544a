"""A child of fork compiles, or says why it cannot, whatever other threads did meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

#: another thread does what is said while this one forks a child that compiles
FORKING = """
import os, signal, sys, threading, time
import einbench
from einbench.host import forking

def compiled(name, dtype):
    op = einbench.operation(name)
    op["numba"](**op.draw(3, dtype, **dict.fromkeys(op.sizes, 5)))

def compile_all():
    for name in ("relu", "tanh_vjp", "sigmoid_vjp"):
        compiled(name, "float32")

def hold_lock():
    from numba.core.compiler_lock import global_compiler_lock
    with global_compiler_lock:
        began.set()
        end.wait()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "numba.core" and threading.current_thread() is not threading.main_thread():
            began.set()
            end.wait(5.0 if sys.argv[1] == "long" else 0.5)

len(einbench.operations)  # imported by now: this is about numba
began, end = threading.Event(), threading.Event()
if sys.argv[1] in ("importing", "long"):
    sys.meta_path.insert(0, Slow())
    target = compile_all
else:
    compiled("relu", "float64")
    target = {"compiling": compile_all, "stuck": hold_lock}[sys.argv[1]]
if sys.argv[1] in ("stuck", "long"):
    forking._WAIT_S = 0.1
thread = threading.Thread(target=target)
thread.start()
if sys.argv[1] != "compiling":
    began.wait()
else:
    time.sleep(0.1)
assert thread.is_alive()
child = os.fork()
if not child:
    signal.alarm(60)  # ends one that waits for ever
    try:
        compiled("bias_gradient", "float64")
        print("compiled", flush=True)
    except ImportError as problem:
        print(problem, flush=True)
    compiled("relu", "float64") if sys.argv[1] != "long" else None
    os._exit(0)
status = os.waitpid(child, 0)[1]
end.set()
thread.join()
compiled("bias_gradient", "float32")
print(status)
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        ("compiling", "compiled"),
        ("stuck", "forked while another thread was compiling: compile before it is forked"),
        ("importing", "compiled"),
        ("long", "forked while another thread was importing numba: compile before"),
    ],
)
def test_a_child_of_fork_never_waits(meanwhile: str, said: str, tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", FORKING, meanwhile], check=False, env=environment, text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.stderr == ""
    line, status = done.stdout.splitlines()
    assert said in line
    assert status == "0"


#: another thread is importing that module, in its first einsum, while this one forks
FIRST_CALL = """
import os, signal, sys, threading, time
import numpy as np
import einbench

def call():
    a, b = np.ones((100, 3, 3), "f4"), np.ones((200, 200), "f4")
    einbench.einsum("bij,bjk->bik", a, a)
    return einbench.einsum("ij,jk,kl->il", b, b, b)[0, 0]

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1] and threading.current_thread() is thread:
            began.set()
            time.sleep(0.5)

began, thread = threading.Event(), threading.Thread(target=call)
sys.meta_path.insert(0, Slow())
thread.start()
assert began.wait(30)
child = os.fork()
if not child:
    signal.alarm(30)  # ends one that waits for ever
    print(call(), flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1], flush=True)
thread.join()
os._exit(0)
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(
    "module", ["einbench.dropin.calls", "einbench.dropin.measured", "filelock", "numba.core",
               "subprocess", "numpy.ma"],
)  # fmt: skip
def test_a_child_of_a_first_einsum_never_waits_for_an_import(module: str, tmp_path: Path) -> None:
    environment = {
        **os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "EINBENCH_WISDOM": str(tmp_path / "wisdom"),
        "PYTHONWARNINGS": "ignore",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALL, module], check=False, env=environment, text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["40000.0", "0"], done.stderr


#: what is imported in a first einsum while no fork waits for it
OUTSIDE = """
import sys, threading
import numpy as np
import einbench
from einbench.host import forking

class Seen:
    def find_spec(self, name, path=None, target=None):
        # the compiler's lock is waited for too
        locks = [each.lock for each in (forking._IMPORTS, forking._COMPILER) if each.lock]
        # and what has hooks of its own around forks is imported apart
        apart = forking._GOING and name.startswith(tuple(forking._GOING))
        if not apart and not any(lock._is_owned() for lock in locks):
            print(name)

sys.meta_path.insert(0, Seen())
a, b = np.ones((100, 3, 3), "f4"), np.ones((200, 200), "f4")
einbench.einsum("bij,bjk->bik", a, a)
einbench.einsum("ij,jk,kl->il", b, b, b)
"""


@pytest.mark.long
def test_a_first_einsum_imports_while_forks_wait(tmp_path: Path) -> None:
    environment = {
        **os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "EINBENCH_WISDOM": str(tmp_path / "wisdom"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE], check=False, env=environment, text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    # whether there is a numba is asked, without importing it
    assert set(done.stdout.split()) <= {"numba"}
