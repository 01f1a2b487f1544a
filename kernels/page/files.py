"""A page on disk, and beside it what is too large for it."""

from __future__ import annotations

from pathlib import Path

from einbench.host.documents import write_whole
from einbench.page.sources import Material
from einbench.page.whole import page


def write_page(
    known: Material, path: Path, command: str, title: str = "einbench report"
) -> list[Path]:
    """Write the page, each file whole or not at all.

    Returns:
        What was written: the page first, then ``NAME-samples.json.gz`` where samples were too
        many for it.

    Raises:
        ImportError: Altair or vl-convert is not there.
        OSError: it cannot be written there.
    """
    made = page(known, path.stem, command, title)
    written = [path]
    if made.samples is not None:
        beside = path.with_name(f"{path.stem}-samples.json.gz")
        write_whole(beside, made.samples)
        written.append(beside)
    write_whole(path, made.html)
    return written
