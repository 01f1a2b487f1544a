"""``einbench train --compare``: the same training per family; equal losses, unequal times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from einbench.cli.outcome import INTERRUPTED, REJECTED
from einbench.cli.progress import bar
from einbench.cli.resuming import say_resumed
from einbench.cli.streams import console
from einbench.cli.target import Target, naming
from einbench.cli.train_settings import Settings
from einbench.moment import now

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.cli.train_setup import Images
    from einbench.network.agreement import Family
    from einbench.records.journal import Journal

SCHEMA = "einbench.train/1"


def train_families(
    settings: Settings,
    steps: int,
    budget_s: float,
    target: Target,
    plot: Path | None,
    journal: Journal,
) -> int:
    """Train all families in turns, show, keep the numbers; the exit status."""
    from einbench.choose.environment import limited
    from einbench.cli.train_setup import images, network
    from einbench.names import check_dtype
    from einbench.network import SGD
    from einbench.network.agreement import LIMITS, judge
    from einbench.network.together import train_together

    check_dtype(settings.dtype)
    names = _available(settings.kernels)
    families: list[Family] = []
    interrupted = False
    with limited(settings.threads):
        shown = images(settings, settings.dtype)
        given = {"command": "train", "compare": True, "steps": steps, "budget_s": budget_s}
        kept = journal.begin({**settings.document(), **given})
        say_resumed(journal, "round", "rounds")
        began_s = time.perf_counter()
        try:
            with bar() as progress:
                train_together(
                    lambda name: network(settings, shown.features, shown.classes, name),
                    names, shown.x, shown.y, steps=steps, batch=settings.batch,
                    optimizer=SGD(settings.rate, settings.momentum), seed=settings.seed,
                    budget_s=budget_s, progress=progress, keep=families,
                    checkpoint=journal.beside(".npz"), resume=bool(kept),
                    on_round=lambda number: journal.keep(f"round {number}", None),
                )  # fmt: skip
        except KeyboardInterrupt:
            interrupted = True
            judge(families, LIMITS[settings.dtype], None)
        wall_s = time.perf_counter() - began_s
    if interrupted and not any(family.losses for family in families):
        raise KeyboardInterrupt
    if all(family.status in ("failed", "skipped") for family in families):
        # the fault of the request, not of a kernel
        raise ValueError("; ".join(f"{family.name}: {family.reason}" for family in families))
    rows = _rows(families, len(shown.x) / settings.batch)
    document = _document(settings, shown, rows, steps, budget_s, wall_s, interrupted)
    out = console(target.tables)
    try:
        if target.path or target.stdout:
            target.write(document)
        (journal.end if interrupted else journal.finish)()
        if plot is not None:
            from einbench.report.curves import families_picture

            with naming(plot, "--plot PATH"):
                families_picture(plot, rows, document["limit"], _title(document))
    finally:
        # printed even where the disk turned out to be full, and last: its reader may leave
        _show(document, out)
    if plot is not None:
        out.print(f"curves: {plot}", markup=False, soft_wrap=True)
    if target.path:
        out.print(f"all numbers: {target.path}", markup=False, soft_wrap=True)
    if interrupted:
        out.print("interrupted: these are the steps that were finished", style="bold yellow")
        return INTERRUPTED
    return REJECTED if any(f.status in ("rejected", "failed") for f in families) else 0


def _available(names: Sequence[str]) -> list[str]:
    """Each family once, in its own form.

    Raises:
        ValueError: it is unknown, or cannot run here, with the reason.
    """
    from einbench.network.families import Families

    known = []
    for name in names:
        choice = Families(name).choice
        if "=" in name or not isinstance(choice, str):
            raise ValueError(
                f"--kernels {name}: --compare trains families; name them, einsum,numba say"
            )
        known.append(choice)
    return list(dict.fromkeys(known))


def _rows(families: Sequence[Family], batches: float) -> list[dict[str, Any]]:
    """As the tables, the picture and JSON have it; speeds are to the first that was timed."""
    step_s = {f.name: statistics.median(f.samples_s) if f.samples_s else None for f in families}
    first_s = next(filter(None, step_s.values()), None)
    return [
        {
            "family": f.name,
            "status": f.status,
            "reason": f.reason,
            "steps": len(f.losses),
            "judged_steps": f.judged,
            "difference": f.difference,
            "step_s": (own_s := step_s[f.name]),
            "epoch_s": own_s and own_s * batches,
            "speedup": first_s and own_s and first_s / own_s,
            "predicted_s": f.predicted_s,
            "used": f.used,
            "losses": f.losses,
            "differences": f.differences,
            "samples_s": f.samples_s,
        }
        for f in families
    ]


def _document(
    settings: Settings,
    shown: Images,
    rows: list[dict[str, Any]],
    steps: int,
    budget_s: float,
    wall_s: float,
    interrupted: bool,
) -> dict[str, Any]:
    from einbench.host.machine import machine
    from einbench.network.agreement import LIMITS

    sizes = (shown.features, *settings.hidden, shown.classes)
    return {
        "schema": SCHEMA,
        "date": now(),
        "machine": machine(),
        "settings": {
            **settings.document(), "compare": True, "steps": steps, "budget_s": budget_s
        },
        "network": {"shape": "-".join(map(str, sizes))},
        "data": {"name": shown.name, "samples": len(shown.x), **shown.scale._asdict()},
        "limit": LIMITS[settings.dtype],
        "families": rows,
        "wall_s": wall_s,
        "interrupted": interrupted,
    }  # fmt: skip


def _title(document: dict[str, Any]) -> str:
    settings = document["settings"]
    return (
        f"{document['network']['shape']} on {document['data']['name']}, {settings['dtype']}, "
        f"batch {settings['batch']}, rate {settings['rate']:g}, seed {settings['seed']}"
    )


def _show(document: dict[str, Any], out: Console) -> None:
    from einbench.report.families import family_lines, family_notes
    from einbench.report.provenance import machine_text
    from einbench.report.terminal import print_line, print_paragraph
    from einbench.units import seconds_text

    print_paragraph(out, _title(document), "bold cyan")
    out.print()
    for line in family_lines(document["families"], out.width):
        print_line(out, line)
    out.print()
    for text, style in family_notes(document):
        print_paragraph(out, text, style)
    took = f"took {seconds_text(document['wall_s'])}"
    print_paragraph(out, f"{machine_text(document['machine'])}; {took}", "dim")
