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
#: what is looked at of a value: a text, and the values inside it
Parts = tuple[str, list[Any]]
#: of each kernel or operation, id -> (an object, its parts when they were first read)
_STATES: weakref.WeakKeyDictionary[Any, dict[int, tuple[Any, Parts]]] = weakref.WeakKeyDictionary()


class Fingerprints:
    """Of functions as they are now; a file is read once for all of them."""

    def __init__(self) -> None:
        #: file -> its digest, as it was when first read
        self.read: dict[str, str] = {}
        #: id -> (a value, kept for its id to stay its own, its parts)
        self._known: dict[int, tuple[Any, Parts]] = {}
        self._states: dict[int, tuple[Any, Parts]] = {}

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
        text = [settings, *map(self._file, sorted(files))]
        # one after another, not one inside another: what calls itself or holds itself is reached
        # once and named by its number, and no depth of calls is too deep
        reached, numbers = [function], {id(function): 0}
        for value in reached:
            said, inside = self._parts(value)
            text.append(said)
            for part in inside:
                if type(part) in _PLAIN:
                    text.append(f"{type(part).__name__} {part!r}")
                    continue
                if id(part) not in numbers:
                    numbers[id(part)] = len(reached)
                    reached.append(part)
                text.append(f"number {numbers[id(part)]}")
        return _digest("\0".join(text).encode("utf-8", "surrogatepass"))

    def _file(self, path: str) -> str:
        """Digest of a file; empty where there is none."""
        if path not in self.read:
            try:
                with open(path, "rb") as file:  # noqa: PTH123 - pathlib loads slowly
                    self.read[path] = _digest(file.read())
            except (OSError, ValueError):
                self.read[path] = ""
        return self.read[path]

    def _parts(self, value: Any) -> Parts:
        key = id(value)
        if key not in self._known:
            try:
                parts = self._live(value) or self._first_state(value)
            except Exception:  # whatever its own methods raise
                parts = f"unseen {_PROCESS} {next(_SERIAL)}", []
                parts = self._states.setdefault(key, (value, parts))[1]
            self._known[key] = (value, parts)
        return self._known[key][1]

    def _live(self, value: Any) -> Parts | None:
        """Of what is code, or cannot change but by code; None of anything else."""
        match value:
            case types.FunctionType():
                return self._function(value)
            case types.CodeType():
                return f"{value.co_code.hex()} {value.co_names}", list(value.co_consts)
            case types.ModuleType():
                path = _path(value)
                own = "" if path is None or _installed(path) else self._file(path)
                return f"{value.__name__} {own}", []
            case type():
                return self._class(value)
            case types.CellType() if type(_content(value)) not in _PLAIN:
                return "cell", [_content(value)]
            case types.MethodType():
                return "method", [value.__func__, value.__self__]
            case functools.partial():
                return "partial", [
                    value.func,
                    value.args,
                    *itertools.chain(*value.keywords.items()),
                ]
            case property():
                return "property", [value.fget, value.fset, value.fdel]
            case tuple() if type(value) is tuple:
                return "tuple", list(value)
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is None:
            return None
        # targetoptions: what numba was asked for
        return "around", [wrapped, type(value), getattr(value, "targetoptions", None)]

    def _first_state(self, value: Any) -> Parts:
        """Of an object when it was first read."""
        key = id(value)
        if key not in self._states:
            self._states[key] = (value, (type(value).__qualname__, [type(value), *_state(value)]))
        return self._states[key][1]

    def _function(self, function: types.FunctionType) -> Parts:
        code, scope = function.__code__, function.__globals__
        own = self._file(code.co_filename)
        names = list(dict.fromkeys(_names(code)))
        used = [scope[name] for name in names if name in scope]
        keywords = function.__kwdefaults__ or {}
        return f"function {own}", [
            code,
            *(function.__defaults__ or ()),
            *itertools.chain(*keywords.items()),
            *(function.__closure__ or ()),
            *itertools.chain(*function.__dict__.items()),
            *(self._called(function, used, names) if own else used),
        ]

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
                for name in names:
                    attribute = vars(inner).get(name)
                    if isinstance(_unwrapped(attribute), types.FunctionType):
                        yield attribute

    def _class(self, cls: type) -> Parts:
        name, path = f"{cls.__module__}.{cls.__qualname__}", _path(cls)
        if path is not None:
            return f"{name} {'' if _installed(path) else self._file(path)}", []
        if cls.__module__ in sys.builtin_module_names:
            return name, []
        said = [each for each in sorted(vars(cls)) if each not in _UNSAID]
        return f"{name} {said}", [*cls.__bases__, *(vars(cls)[each] for each in said)]


def _state(value: Any) -> list[Any]:
    """The values that make an object what it is."""
    match value:
        case types.CellType():
            return [_content(value)]
        case types.MemberDescriptorType() | types.GetSetDescriptorType():
            return [value.__qualname__]
        case types.MappingProxyType():
            return [dict(value)]
        case set() | frozenset():
            return sorted(value, key=repr)
        case dict() if type(value) is dict:
            return list(itertools.chain.from_iterable(value.items()))
        case list() if type(value) is list:
            return list(value)
    # operations and kernels are pickled by name, which says nothing of what they compute
    own = type(value).__module__.partition(".")[0] == "einbench"
    reduce = None if own else copyreg.dispatch_table.get(type(value))
    saved: Any = value.__reduce_ex__(4) if reduce is None else reduce(value)
    if isinstance(saved, str):
        # a function of C, by its name
        return [getattr(value, "__module__", None), saved]
    return [list(part) if isinstance(part, Iterator) else part for part in saved]


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _digest(content: bytes) -> str:
    """SipHash, as Python keeps of its sources."""
    return importlib.util.source_hash(content).hex()


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
