"""What stands in the documents."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)```", re.S)


def blocks(document: str) -> list[tuple[str, str, str]]:
    """Every block of code with the note above it and its language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [(m["note"] or "", m["language"], m["body"]) for m in BLOCK.finditer(text)]
