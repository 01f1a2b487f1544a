"""Fingerprint: a digest of all that decides what a kernel computes, the same in every process.

Of a function: its code, closure cells, defaults and attributes, and what it calls. Where it stands
in a file, that file and the files of what it calls in its own package, or in files that no
installer put there, say the rest; typed at a prompt or into a notebook, the functions and values
that it names do, however deep.

A value counts by what it is: an object by the state that pickling would save (nothing is pickled).
One whose state cannot be seen has a fingerprint that no other process has. State is read when a
kernel's fingerprint is first taken, so that one which keeps a cache between calls stays the same.

`hashlib`, `inspect` and `dis` take longer to import than a first answer may.
"""

from __future__ import annotations

import copyreg
import functools
import importlib.util
import itertools
import os
import sys
import time
import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
#: of a class, what its source says nothing of
_UNSAID = (
    "__dict__", "__weakref__", "__module__", "__firstlineno__", "__static_attributes__", "_abc_impl"
)  # fmt: skip
_LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120 - pathlib loads slowly
#: no other process has it
_PROCESS = f"{os.getpid()} {time.time_ns()}"
_SERIAL = itertools.count()
#: of each kernel or operation, id -> (an object, digest of its state when it was first read)
_STATES: weakref.WeakKeyDictionary[Any, dict[Any, tuple[Any, str]]] = weakref.WeakKeyDictionary()


class Fingerprints:
    """Of functions as they are now; a file is read once for all of them."""

    def __init__(self) -> None:
        #: file -> its digest, as it was when first read
        self.read: dict[str, str] = {}
        #: id -> (the object, kept for its id to stay its own, its digest)
        self._done: dict[int, tuple[Any, str]] = {}
        #: id -> how deep in the walk: what is inside itself is named by that
        self._open: dict[int, int] = {}
        self._states: dict[Any, tuple[Any, str]] = {}
        self._within_state = False

    def of(
        self, owner: object, function: Any, files: Iterable[str] = (), settings: str = ""
    ) -> str:
        """Of a function, of files that also decide what it computes, and of how it is run.

        Args:
            owner: the kernel or operation that has the function: as long as it lives, state that
                was read is not read again.
            function: anything that can be called.
            files: paths.
            settings: what is not said in the function.
        """
        self._states = _STATES.setdefault(owner, {})
        return _digest([self._text(function), settings, *map(self._file, sorted(files))])

    def _file(self, path: str) -> str:
        """Digest of a file; empty where there is none."""
        if path not in self.read:
            try:
                with open(path, "rb") as file:  # noqa: PTH123 - pathlib loads slowly
                    self.read[path] = importlib.util.source_hash(file.read()).hex()
            except (OSError, ValueError):
                self.read[path] = ""
        return self.read[path]

    def _text(self, value: Any) -> str:
        if type(value) in _PLAIN:
            return f"{type(value).__name__} {value!r}"
        key = id(value)
        if key in self._open:
            return f"inside itself, {len(self._open) - self._open[key]} up"
        if key not in self._done:
            self._open[key] = len(self._open)
            try:
                digest = _digest(self._parts(value))
            except Exception:  # whatever its own methods raise
                unseen = f"unseen {_PROCESS} {next(_SERIAL)}"
                digest = self._states.setdefault(("unseen", key), (value, unseen))[1]
            finally:
                del self._open[key]
            self._done[key] = (value, digest)
        return self._done[key][1]

    def _parts(self, value: Any) -> Iterable[str]:
        match value:
            case types.FunctionType():
                return self._function(value)
            case types.CodeType():
                constants = map(self._text, value.co_consts)
                return [value.co_code.hex(), repr(value.co_names), *constants]
            case types.ModuleType():
                path = _path(value)
                own = "" if path is None or _installed(path) else self._file(path)
                return [value.__name__, own]
            case type():
                return self._class(value)
            case types.CellType() if type(_content(value)) not in _PLAIN:
                return ["cell", self._text(_content(value))]
            case types.MethodType():
                return ["method", *map(self._text, (value.__func__, value.__self__))]
            case functools.partial():
                return ["partial", *map(self._text, (value.func, value.args, value.keywords))]
            case property():
                return ["property", *map(self._text, (value.fget, value.fset, value.fdel))]
            case tuple() if type(value) is tuple:
                return ["tuple", *map(self._text, value)]
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None:
            # targetoptions: what numba was asked for
            options = getattr(value, "targetoptions", None)
            return ["around", *map(self._text, (wrapped, type(value), options))]
        return [self._text(type(value)), self._first_state(value)]

    def _first_state(self, value: Any) -> str:
        """Digest of an object's state when it was first read."""
        key = id(value)
        if key in self._states:
            return self._states[key][1]
        if self._within_state:
            return _digest(self._state(value))
        # however it was reached: what is inside itself is named from the object on
        outside, self._open, self._done = (self._open, self._done), {key: 0}, {}
        self._within_state = True
        try:
            self._states[key] = (value, _digest(self._state(value)))
        finally:
            self._within_state = False
            self._open, self._done = outside
        return self._states[key][1]

    def _state(self, value: Any) -> Iterator[str]:
        match value:
            case types.CellType():
                parts: Iterable[Any] = [_content(value)]
            case types.MemberDescriptorType() | types.GetSetDescriptorType():
                parts = [value.__qualname__]
            case types.MappingProxyType():
                parts = [dict(value)]
            case set() | frozenset():
                yield from sorted(map(self._text, value))
                return
            case dict() if type(value) is dict:
                parts = itertools.chain.from_iterable(value.items())
            case list() if type(value) is list:
                parts = value
            case _:
                reduce = copyreg.dispatch_table.get(type(value))
                saved: Any = value.__reduce_ex__(4) if reduce is None else reduce(value)
                if isinstance(saved, str):
                    # a function of C, by its name
                    parts = [type(value), getattr(value, "__module__", None), saved]
                else:
                    parts = [list(part) if isinstance(part, Iterator) else part for part in saved]
        yield from map(self._text, parts)

    def _function(self, function: types.FunctionType) -> Iterator[str]:
        code = function.__code__
        yield self._text(code)
        keywords = function.__kwdefaults__ or {}
        for held in (function.__defaults__ or (), function.__closure__ or (), *keywords.items()):
            yield self._text(held)
        for name, value in function.__dict__.items():
            yield from (name, self._text(value))
        own = self._file(code.co_filename)
        yield own
        scope = function.__globals__
        names = list(dict.fromkeys(_names(code)))
        used = [scope[name] for name in names if name in scope]
        if own:
            yield from map(self._text, self._called(function, used, names))
        else:
            yield from map(self._text, used)

    def _called(
        self, function: types.FunctionType, used: Iterable[Any], names: Iterable[str]
    ) -> Iterator[Any]:
        """Of what a function in a file uses: functions, classes and modules that may change."""
        package = _package(function)
        for value in used:
            inner = _unwrapped(value)
            path = _path(inner)
            if path is None or (_installed(path) and _package(inner) != package):
                continue
            yield value
            if isinstance(inner, types.ModuleType):
                yield self._file(path)
                for name in names:
                    attribute = vars(inner).get(name)
                    if isinstance(_unwrapped(attribute), types.FunctionType):
                        yield attribute

    def _class(self, cls: type) -> Iterator[str]:
        yield f"{cls.__module__}.{cls.__qualname__}"
        path = _path(cls)
        if path is not None:
            yield "" if _installed(path) else self._file(path)
        elif cls.__module__ not in sys.builtin_module_names:
            yield from map(self._text, cls.__bases__)
            for name in sorted(vars(cls).keys() - _UNSAID):
                yield name
                yield self._text(vars(cls)[name])


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _digest(parts: Iterable[str]) -> str:
    """SipHash, as Python keeps of its sources."""
    text = "\0".join(parts)
    return importlib.util.source_hash(text.encode("utf-8", "surrogatepass")).hex()


def _names(code: types.CodeType) -> Iterator[str]:
    """Names that code and the code inside it look up, those of attributes among them."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _unwrapped(value: Any) -> Any:
    """The function inside decorators and partial calls."""
    while not isinstance(value, types.FunctionType | types.ModuleType | type):
        inner = getattr(value, "__wrapped__", None) or getattr(value, "func", None)
        if inner is None or not callable(value):
            break
        value = inner
    return value


def _path(value: Any) -> str | None:
    """The file that a function, a class or a module stands in."""
    if isinstance(value, types.FunctionType):
        return value.__code__.co_filename
    module = sys.modules.get(value.__module__) if isinstance(value, type) else value
    path = getattr(module, "__file__", None) if isinstance(module, types.ModuleType) else None
    return path if isinstance(path, str) else None


def _installed(path: str) -> bool:
    """Whether a file came with Python or a distribution, whose version says what is in it."""
    return path.startswith(_LIBRARY) or "site-packages" in path or "dist-packages" in path


def _package(value: Any) -> str:
    name = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
    return str(name).partition(".")[0]
