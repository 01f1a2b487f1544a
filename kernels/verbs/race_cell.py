"""``%%race`` in a notebook: the functions of a cell, or its lines ``name: expression``, raced.

%load_ext einbench

%%race a b
def mine(a, b):
    return a @ b
theirs: np.einsum("ij,jk->ik", a, b)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from einbench.verbs.comparison import Comparison
from einbench.verbs.race import BUDGET_S, race

_OPTION = re.compile(r"\s*--(budget|threads)(?:\s+|=)(\S+)")


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext einbench``: the cell magic ``%%race``."""

    def race_cell(line: str, cell: str) -> Comparison:
        """Race the functions of a cell: ``%%race [--budget SECONDS] [--threads N] [arguments]``.

        Contestants, the first of which is the reference, are the functions that the cell defines,
        or assigns to a name, ``f = np.positive``, but classes, arguments, and those whose name
        begins with ``_``; lines ``name: expression``; and lines that name a function of an earlier
        cell. All else in the cell is run before, and stays defined.

        Arguments are written as in a call, or with spaces between them: ``%%race a b``. Without
        any, they are the variables that the reference's parameters name, or the arrays that
        expressions use.
        """
        from IPython.core.error import UsageError

        try:
            return _raced(shell, line, cell)
        except (_Usage, TypeError, ValueError) as problem:
            raise UsageError(str(problem)) from problem

    shell.register_magic_function(race_cell, "cell", "race")


class _Usage(Exception):  # noqa: N818 - what IPython calls it
    """A cell or line that is not understood."""


@dataclass
class _Cell:
    """A cell's contestants in order: functions, and expressions that have yet to become some."""

    functions: dict[str, Callable[..., Any] | ast.expr] = field(default_factory=dict)

    def add(self, name: str, function: Any) -> None:
        if name in self.functions:
            raise _Usage(f"two contestants are called {name!r}: give one of them another name")
        self.functions[name] = function


def _raced(shell: Any, line: str, cell: str) -> Comparison:
    settings, rest = _settings(line)
    source = shell.transform_cell(cell)
    file = shell.compile.cache(source)
    found = _run(ast.parse(source, file), shell.user_ns, file, _named_in(rest))
    if not found.functions:
        raise _Usage(
            "no contestants: define functions in the cell, or write lines name: expression, the "
            "first is the reference"
        )
    positional, named, names = _arguments(rest, found, shell.user_ns)
    functions = {
        name: _function(name, each, names, shell.user_ns, file)
        if isinstance(each, ast.expr)
        else each
        for name, each in found.functions.items()
    }
    comparison = race(functions, *positional, **settings, **named)
    if "text/html" not in shell.display_formatter.active_types:
        print(comparison)  # a terminal shows but a line of what is returned
    return comparison


def _settings(line: str) -> tuple[dict[str, Any], str]:
    settings: dict[str, Any] = {"budget_s": BUDGET_S}
    while given := _OPTION.match(line):
        name, value = given.groups()
        try:
            if name == "budget":
                settings["budget_s"] = float(value)
            else:
                settings["threads"] = int(value)
        except ValueError:
            raise _Usage(f"--{name} {value}: expected a number") from None
        line = line[given.end() :]
    if line.lstrip().startswith("--"):
        raise _Usage(f"{line.split()[0]}: no such option; there are --budget and --threads")
    return settings, line.strip()


def _run(tree: ast.Module, scope: dict[str, Any], file: str, given: set[str]) -> _Cell:
    """Run all that defines something; what is raced is only noted."""
    found = _Cell()
    for statement in tree.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=expression, value=None):
                found.add(name, expression)
                continue
            case ast.Expr(value=ast.Name(id=name)):
                if not callable(scope.get(name)):
                    raise _Usage(f"{name!r} is no function; define it, or write name: expression")
                found.add(name, scope[name])
                continue
        exec(compile(ast.Module([statement], []), file, "exec"), scope)  # noqa: S102 - the user's cell
        match statement:
            case ast.FunctionDef(name=name) if not name.startswith("_"):
                found.add(name, scope[name])
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name not in given and _is_contestant(name, scope.get(name)):
                if name in found.functions and name in _names_in(value):
                    found.functions[name] = scope[name]  # f = compiled(f) is no second one
                else:
                    found.add(name, scope[name])
    return found


def _is_contestant(name: str, value: Any) -> bool:
    """Whether what is assigned is raced; a class is more often a dtype than a function."""
    return callable(value) and not isinstance(value, type) and not name.startswith("_")


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _named_in(text: str) -> set[str]:
    """Variables that are arguments."""
    return _names_in(_call(text)) if text else set()


def _arguments(
    text: str, found: _Cell, scope: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], list[str]]:
    """Positional ones, those by name, and what expressions may call them."""
    expressions = [each for each in found.functions.values() if isinstance(each, ast.expr)]
    if not text:
        first = next(iter(found.functions.values()))
        names = _used(expressions, scope) if isinstance(first, ast.expr) else _parameters(first)
        if missing := [name for name in names if name not in scope]:
            raise _Usage(
                f"{missing[0]!r}, a parameter of {next(iter(found.functions))}, is no variable: "
                f"write %%race and the arguments, or define it"
            )
        return tuple(scope[name] for name in names), {}, names
    call = _call(text)
    names = [each.id for each in call.args if isinstance(each, ast.Name)]
    if expressions and len(names) != len(call.args):
        raise _Usage(
            f"%%race {text}: where lines are name: expression, arguments are names of variables"
        )
    known = [*names, *(each.arg for each in call.keywords if each.arg)]
    if expressions and (twice := [name for name in known if known.count(name) > 1]):
        raise _Usage(
            f"%%race {text}: {twice[0]!r} is given twice; where lines are name: expression, "
            "give it once: expressions may use it as often as they like"
        )
    collect = ast.Expression(ast.Call(ast.parse("lambda *a, **k: (a, k)", mode="eval").body,
                                      call.args, call.keywords))  # fmt: skip
    try:
        code = compile(ast.fix_missing_locations(collect), "<%%race>", "eval")
        positional, named = eval(code, dict(scope))  # noqa: S307 - the user's line
    except (NameError, SyntaxError) as problem:
        raise _Usage(f"%%race {text}: {problem}") from None
    return positional, named, [*names, *named]


def _call(text: str) -> ast.Call:
    """Arguments as in a call, or with spaces between them."""
    for written in (text, ", ".join(text.split())):
        try:
            tree = ast.parse(f"_({written})", mode="eval")
        except SyntaxError:
            continue
        if isinstance(tree.body, ast.Call) and isinstance(tree.body.func, ast.Name):
            return tree.body
    raise _Usage(f"%%race {text}: these are no arguments; write them as in a call, a, b, axis=0")


def _used(expressions: Sequence[ast.expr], scope: Mapping[str, Any]) -> list[str]:
    """Arrays that expressions name, as they first appear."""
    names = [
        node.id
        for expression in expressions
        for node in sorted(
            (n for n in ast.walk(expression) if isinstance(n, ast.Name)),
            key=lambda n: (n.lineno, n.col_offset),
        )
    ]
    return [name for name in dict.fromkeys(names) if isinstance(scope.get(name), np.ndarray)]


def _parameters(function: Callable[..., Any]) -> list[str]:
    """Those without a default."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise _Usage("write %%race and the arguments: the reference does not tell any") from None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind in kinds]


def _function(
    name: str, expression: ast.expr, parameters: Sequence[str], scope: dict[str, Any], file: str
) -> Callable[..., Any]:
    """The expression as a function of these."""
    body = ast.Expression(
        ast.Lambda(
            ast.arguments([], [ast.arg(each) for each in parameters], None, [], [], None, []),
            expression,
        )
    )
    function: Callable[..., Any] = eval(  # noqa: S307 - the user's cell
        compile(ast.fix_missing_locations(body), file, "eval"), scope
    )
    function.__name__ = name
    return function
