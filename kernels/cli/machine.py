"""``einbench machine``: what every number taken here is stored with."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import click

from einbench.cli.parameters import json_option
from einbench.cli.streams import console
from einbench.cli.target import Target

SCHEMA = "einbench.machine/1"


@click.command(epilog="\b\nExamples:\n  einbench machine\n  einbench machine --json machine.json")
@json_option("the facts")
def machine(json_path: str | None) -> int:
    """Show processor, memory, BLAS, threads and versions."""
    from einbench.host import machine as facts
    from einbench.report.terminal import print_line

    target = Target.of(json_path)
    known = facts.machine()
    target.write({"schema": SCHEMA, "machine": known})
    out = console(target.tables)
    label = max(map(len, known)) + 2
    for name, value in known.items():
        lines = textwrap.wrap(_text(name, value), max(out.width - label, 20)) or ["none"]
        for number, line in enumerate(lines):
            key = name.replace("_bytes", "").replace("_", " ") if number == 0 else ""
            print_line(out, [(key.ljust(label), "bold"), (line, "" if value else "dim")])
    return 0


def _text(name: str, value: Any) -> str:
    from einbench.report.provenance import blas_text
    from einbench.units import bytes_text

    if value is None:
        return "unknown"
    if name == "blas":
        return "; ".join(_library(blas_text(library), library) for library in value)
    if name == "caches":
        return ", ".join(f"{k} {bytes_text(n)}" for k, n in value.items() if n)
    return bytes_text(value) if name.endswith("_bytes") else str(value)


def _library(name: str, library: Mapping[str, Any]) -> str:
    facts = [library.get("architecture"), library.get("threading_layer")]
    threads = library.get("num_threads")
    facts.append(f"{threads} threads" if threads else None)
    return f"{name} ({', '.join(str(fact) for fact in facts if fact)})".replace(" ()", "")
