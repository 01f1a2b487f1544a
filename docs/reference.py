"""The API reference from the docstrings, built by ``make docs``: ``python reference.py FOLDER``.

pdoc reads what lies in a module and evaluates annotations there: names that are imported when they
are asked for, and annotations of named tuples, are resolved here before it looks.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import typing
from pathlib import Path

import pdoc

import einbench

MODULES = ("einbench", "einbench.verbs.check")
#: those of ``einbench.__all__``, which have pages of their own
SUBPACKAGES = ("check", "mnist", "network")


def resolve_public_names() -> None:
    """Put what ``einbench`` imports later where pdoc looks."""
    for name in einbench.__all__:
        if name not in SUBPACKAGES:
            setattr(einbench, name, getattr(einbench, name))


def resolve_named_tuples() -> None:
    """A named tuple's ``__new__`` is of no module in which its annotations could be evaluated."""
    for folder in SUBPACKAGES:
        package = importlib.import_module(f"einbench.{folder}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for value in vars(module).values():
                if isinstance(value, type) and hasattr(value, "_field_defaults"):
                    value.__new__.__annotations__ = typing.get_type_hints(value)


if __name__ == "__main__":
    resolve_public_names()
    resolve_named_tuples()
    pdoc.render.configure(docformat="google")
    pdoc.pdoc(*MODULES, output_directory=Path(sys.argv[1]))
