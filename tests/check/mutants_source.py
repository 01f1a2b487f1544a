"""Kernels as source text, and functions made from changed text."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from einbench.jit.bodies import Helper
from einbench.kernel import Kernel

#: where kernels are, and functions that they share
_ROOMS = ("einbench.forward", "einbench.gradient", "einbench.jacobian", "einbench.jit.labels")

#: module and name
Key = tuple[str, str]


def function_of(value: Any) -> FunctionType | None:
    """The plain function, if it is one that kernels are made of."""
    function = value.function if isinstance(value, Helper) else value
    if isinstance(function, FunctionType) and function.__module__.startswith(_ROOMS):
        return function
    return None


def key_of(function: FunctionType) -> Key:
    """What a function is known by."""
    return function.__module__, function.__name__


def parts_of(kernel: Kernel) -> dict[Key, FunctionType]:
    """The function of a kernel, first, and all of the suite's that it calls."""
    found: dict[Key, FunctionType] = {}
    waiting = [kernel.body.source]
    while waiting:
        function = function_of(waiting.pop())
        if function is None or key_of(function) in found:
            continue
        found[key_of(function)] = function
        waiting += _called(function)
    return found


def _called(function: FunctionType) -> Iterator[Any]:
    """What its names stand for, and what it takes of modules."""
    names = function.__globals__
    for node in ast.walk(tree_of(function)):
        if isinstance(node, ast.Name):
            yield names.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = names.get(node.value.id)
            if isinstance(module, ModuleType) and module.__name__.startswith(_ROOMS):
                yield getattr(module, node.attr, None)


@cache
def tree_of(function: FunctionType) -> ast.FunctionDef:
    """Its definition without decorators, docstring and annotations."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list = []
    tree.returns = None
    for node in ast.walk(tree.args):
        if isinstance(node, ast.arg):
            node.annotation = None
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:] or [ast.Pass()]
    return tree


def rebuilt(parts: Mapping[Key, FunctionType], changed: Mapping[Key, str]) -> FunctionType:
    """The first of the parts, over copies of all of them of which some have other text."""
    modules = {function.__module__: dict(function.__globals__) for function in parts.values()}
    made = {}
    for key, function in parts.items():
        text = changed.get(key) or ast.unparse(tree_of(function))
        exec(compile(text, "<mutant>", "exec"), modules[key[0]])
        made[key] = modules[key[0]][function.__name__]
    copies = {name: ModuleType(name) for name in modules}
    for names in modules.values():
        for name, value in list(names.items()):
            part = function_of(value)
            if part is not None and key_of(part) in made:
                names[name] = made[key_of(part)]
            elif isinstance(value, ModuleType) and value.__name__ in copies:
                names[name] = copies[value.__name__]
    for name, copy in copies.items():
        copy.__dict__.update(modules[name])
    return made[next(iter(parts))]
