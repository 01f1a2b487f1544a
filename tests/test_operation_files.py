"""Every operation stands in a file of its own that bears its name; what several share says so."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import einbench

PACKAGE = Path(einbench.__file__).parent
FILES = [
    path
    for group in ("forward", "jacobian", "gradient")
    for path in sorted((PACKAGE / group).glob("*.py"))
    if path.stem != "__init__"
]
OWN = [path for path in FILES if "shared" not in path.stem]
SHARED = [path for path in FILES if "shared" in path.stem]


def registrations(path: Path) -> int:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return sum(
        isinstance(node, ast.Call) and ast.unparse(node.func) in ("register", "registry.register")
        for node in ast.walk(tree)
    )


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_a_file_of_a_group_registers_the_one_operation_that_it_is_named_after(path: Path) -> None:
    module = importlib.import_module(f"einbench.{path.parent.name}.{path.stem}")
    assert getattr(module, path.stem) is einbench.operations[path.stem]
    assert registrations(path) == 1


@pytest.mark.parametrize("path", SHARED, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_what_several_operations_share_registers_none(path: Path) -> None:
    assert registrations(path) == 0


def test_every_built_in_operation_has_a_file_in_one_of_the_groups() -> None:
    built_in = [
        op.name
        for op in einbench.operations.values()
        if next(iter(op)).body.source.__module__.startswith("einbench.")
    ]
    assert sorted(built_in) == sorted(path.stem for path in OWN)
    assert len(built_in) >= 24


def head(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_a_file_opens_with_the_formula_and_a_table_of_its_kernels(path: Path) -> None:
    op = einbench.operations[path.stem]
    before, _, table = head(path).partition("\nKernels, simplest first:\n")
    assert "".join(op.formula.split()) in "".join(before.split())
    rows = [line.split(maxsplit=1) for line in table.splitlines() if line.strip()]
    assert [name for name, _ in rows] == [
        kernel.method for kernel in op if kernel.body.source.__module__.endswith(f".{path.stem}")
    ]
    assert all(what for _, what in rows)
