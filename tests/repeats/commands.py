"""What the commands say of the same seed, without the times: `python -m tests.repeats.commands`."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

from einbench.cli import main

#: name of the document -> command
COMMANDS = {
    "check": ["check", "relu"],
    "compare": ["compare", "relu", "--batch", "8", "--budget", "0.05"],
    "einsum": ["einsum", "ij,jk->ik", "--size", "4", "--budget", "0.05"],
    "fastest": ["fastest", "relu", "--batch", "8"],
}
#: of records, what no clock decides; which kernels a choice or an expression times, one does
_NAMED = ("operation", "kernel", "sizes", "dtype")
_JUDGED = ("passed", "layout", "status", "error", "limit", "options")
_STABLE = {
    "check": (*_NAMED, *_JUDGED), "compare": (*_NAMED, *_JUDGED), "einsum": _NAMED,
    "fastest": _NAMED,
}  # fmt: skip
#: a number as some languages write it, before a unit
_COMMA = re.compile(r"\d,\d+ (?:ns|µs|us|ms|s)\b")


def said(folder: Path) -> dict[str, Any]:
    """Status and stable part of each command's document, which lies in this folder."""
    found = {}
    for name, command in COMMANDS.items():
        path = folder / f"{name}.json"
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            status = main([*command, "--json", str(path)], standalone_mode=False)
        assert not _COMMA.search(text.getvalue()), text.getvalue()
        document = json.loads(path.read_text(encoding="utf-8"))
        records = document.get("verdicts") or document["records"]
        kept = [{key: each[key] for key in _STABLE[name] if key in each} for each in records]
        found[name] = [status, kept]
    table = folder / "all.csv"
    status = main(["export", str(folder), "--output", str(table)], standalone_mode=False)
    heading, *rows = table.read_text(encoding="utf-8").splitlines()
    found["export"] = [status, heading, len(rows)]
    return found


if __name__ == "__main__":
    import locale
    import sys

    # as a program does that writes numbers for its user
    locale.setlocale(locale.LC_ALL, "")

    here = Path(sys.argv[1])
    here.mkdir(parents=True, exist_ok=True)
    found = said(here)
    sys.__stdout__.write("\n" + json.dumps(found, sort_keys=True) + "\n")
