"""Kernels compiled beside the program: a call does not wait for them, others answer meanwhile.

Compiling all kernels of an operation takes from some seconds to a quarter of a minute, once for a
user of this computer, and loading them half a second. One thread does that for all operations,
kernels registered last first, for those are there because they are faster. When nothing is left to
do, every operation that was answered by what was ready is decided anew on its next call.

numba is imported by that thread. The threads of its layer are started by the thread that decides,
in the call after that: TBB warns in every fork of a thread that did not start it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Iterable
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from einbench.choose.dispatch import empty
from einbench.choose.signature import Signature
from einbench.host import background
from einbench.host.forking import import_numba
from einbench.host.locks import ForkedLock
from einbench.host.threading_layer import start_threads, why_not_parallel
from einbench.jit.compiled import Compiled
from einbench.kernel import Kernel
from einbench.operation import Operation

Options = tuple[tuple[str, str], ...]


class Form(NamedTuple):
    """Of a kernel, what is compiled at a time."""

    kernel: Kernel
    dtype: str
    options: Options


#: seconds before numba is imported
_BEFORE_S = 0.3
_LOCK = ForkedLock()
_TODO: list[Form] = []
#: what was compiled, or could not be: whether a kernel is right is for the check to say
_TRIED: WeakKeyDictionary[Kernel, set[tuple[str, Options]]] = WeakKeyDictionary()
#: operations whose calls are answered by what was ready
_ANSWERED: list[Operation] = []
_THREADS: list[threading.Thread] = []


def missing(kernels: Iterable[Kernel], requested: Signature) -> list[Form]:
    """What of these kernels is not compiled: for these options, and for those of the check."""
    found = []
    for kernel in kernels:
        if isinstance(kernel.body, Compiled) and kernel.available:
            for options in _asked(kernel.operation, requested.options):
                tried = (requested.dtype, options) in _TRIED.get(kernel, ())
                if not (tried or kernel.body.ready(np.dtype(requested.dtype), dict(options))):
                    found.append(Form(kernel, requested.dtype, options))
    return found


def _asked(op: Operation, requested: Options) -> list[Options]:
    """Each option of its own, and those of the call."""
    defaults = op.choose_options({})
    each = [defaults, dict(requested)]
    each += [{**defaults, n: choice} for n, choices in op.options.items() for choice in choices]
    return list(dict.fromkeys(tuple(options.items()) for options in each))


def begin(op: Operation, forms: Iterable[Form]) -> None:
    """Compile these beside the program, and have the operation decided anew after that."""
    with _LOCK.lock:
        if op not in _ANSWERED:
            _ANSWERED.append(op)
        _TODO.extend(form for form in forms if form not in _TODO)
        if _THREADS:
            return
        if "numba" in sys.modules and not why_not_parallel():
            with contextlib.suppress(ImportError):  # the other thread meets it too
                start_threads()
        thread = threading.Thread(target=_work, name="einbench-compiler", daemon=True)
        _THREADS.append(background.working(thread))
        thread.start()


def _work() -> None:
    with contextlib.suppress(background.Ending):
        if "numba" not in sys.modules:
            # a program that ends by then does not wait for what it does not need
            background.pause(_BEFORE_S)
            with contextlib.suppress(ImportError):  # as above
                import_numba()
        else:
            while form := next(iter(_TODO), None):
                _compile(form)
                with contextlib.suppress(ValueError):
                    _TODO.remove(form)
        background.wait()
        with _LOCK.lock:
            answered = _ANSWERED[:]
            _ANSWERED.clear()
            _THREADS.clear()
        for op in answered:
            empty(op)


def _compile(form: Form) -> None:
    background.go_on()
    kernel, dtype, options = form
    op = kernel.operation
    try:
        drawn = op.draw(2, dtype, **dict.fromkeys(op.sizes, 3))
        kernel.entry(tuple(drawn.values()), dict(options))
    except background.Ending:
        raise
    except Exception:  # noqa: S110 - whatever is wrong with it is said where it is checked
        pass
    _TRIED.setdefault(kernel, set()).add((dtype, options))


def _end() -> None:
    background.end()
    for thread in tuple(_THREADS):
        thread.join()


def _in_child() -> None:
    """In a forked child the thread does not exist, and whatever it had to do is not done."""
    answered = _ANSWERED[:]
    _ANSWERED.clear()
    _TODO.clear()
    _THREADS.clear()
    for op in answered:
        empty(op)


atexit.register(_end)
with contextlib.suppress(AttributeError):  # where there is no fork
    os.register_at_fork(after_in_child=_in_child)
