"""One training: a bar while it runs, then what it reached, where the time went, what is kept."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from einbench.cli.interrupt import uninterrupted
from einbench.cli.outcome import INTERRUPTED
from einbench.cli.progress import bar, can_draw
from einbench.cli.resuming import say_resumed
from einbench.cli.streams import console
from einbench.cli.target import Target, naming
from einbench.cli.train_kept import Kept
from einbench.cli.train_rows import EpochRows
from einbench.cli.train_settings import Settings
from einbench.cli.train_watch import Timed, Watch
from einbench.moment import now

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.cli.train_setup import Images
    from einbench.network import Diverged, History, Sequential
    from einbench.records.journal import Journal

SCHEMA = "einbench.train/1"


@dataclass(frozen=True)
class Trained:
    """What a training gave, whether it came to its end or not."""

    net: Sequential
    history: History
    #: of all calls, of updates, of the bar, and of what is left
    spent: list[dict[str, Any]]
    wall_s: float
    diverged: Diverged | None

    @property
    def stopped(self) -> str:
        """Why before its end: ``target``, ``interrupted``, ``diverged``; else empty."""
        return "diverged" if self.diverged else self.history.stopped

    def worth_keeping(self, requested: bool) -> bool:
        """Whether there is something new that was requested, or would be lost."""
        if self.diverged is not None:
            return self.history.steps > 0
        return self.history.epochs > 0 and (requested or self.stopped == "interrupted")


def train_once(
    settings: Settings, kept: Kept, target: Target, plot: Path | None, journal: Journal
) -> int:
    """Train, show, keep; the exit status."""
    from einbench.choose.environment import limited
    from einbench.cli.train_setup import images, loaded, network, refuse_other_images
    from einbench.names import check_dtype
    from einbench.network.families import Families

    Families(settings.network_kernels)  # unknown ones are refused before anything is read
    check_dtype(settings.dtype)
    with limited(settings.threads), ExitStack() as finishing:
        if settings.load is None:
            shown = images(settings, settings.dtype)
            net = network(settings, shown.features, shown.classes, settings.network_kernels)
        else:
            net = loaded(settings.load, settings.network_kernels)
            shown = images(settings, net.dtype.name)
            refuse_other_images(net, shown, settings.load)
        out = console(target.tables)
        title = _title(net, shown, settings)
        rows = None if can_draw(out.file) else EpochRows.begun(out, settings.epochs, title)
        trained = _train(net, shown, settings, finishing, rows, journal)
        keep = trained.worth_keeping(kept.requested)
        if trained.diverged is not None or not kept.requested:
            kept = kept.under_free_name
        place, full = _save(net, kept) if keep else (None, None)
    document = _document(trained, shown, settings, place.path if place else None)
    try:
        if target.path or target.stdout:
            target.write(document)
        (journal.end if trained.stopped == "interrupted" else journal.finish)()
        if plot is not None:
            with naming(plot, "--plot PATH"):
                _draw(trained, settings, plot)
    finally:
        # printed even where the disk turned out to be full, and last: its reader may leave
        if rows is None:
            _show_epochs(title, document["epochs"], out)
        _show(trained, document, out)
    if plot is not None:
        out.print(f"curves: {plot}", markup=False, soft_wrap=True)
    _end(trained, shown, place, target, out)
    if full is not None:
        where = f"the network is in {place.path}" if place else "the network is lost"
        raise OSError(
            f"cannot write {full.filename}: {full.strerror}; {where}; choose another file with "
            "--save PATH"
        )
    if trained.diverged is not None:
        raise ValueError(f"{trained.diverged}{f'; they are in {place.path}' if place else ''}")
    return INTERRUPTED if trained.stopped == "interrupted" else 0


def _save(net: Sequential, kept: Kept) -> tuple[Kept | None, OSError | None]:
    """Keep the network, elsewhere where there is no space: where it is, and what was in the way."""
    full = None
    for place in (kept, *kept.elsewhere()):
        try:
            net.save(place.path)
        except OSError as problem:
            full = full or problem
        else:
            return place, full
    return None, full


def _train(
    net: Sequential,
    shown: Images,
    settings: Settings,
    finishing: ExitStack,
    rows: EpochRows | None,
    journal: Journal,
) -> Trained:
    """The training; from its end on Ctrl-C comes too late, until ``finishing`` is over."""
    from einbench.network import SGD, Diverged

    optimizer = Timed(SGD(settings.rate, settings.momentum))
    steps = settings.epochs * math.ceil(len(shown.x) / settings.batch)
    diverged = None
    # as many epochs as may be asked for, and a target that is reached, change no step
    decided = {k: v for k, v in settings.document().items() if k not in ("epochs", "target")}
    began = journal.begin({"command": "train", **decided})
    say_resumed(journal, "epoch", "epochs")
    net.ledger.clear()
    began_s = time.perf_counter()
    with bar() as report:
        watch = Watch(report, steps, settings.epochs) if can_draw(sys.stderr) else None
        report(0.0, "choosing kernels, compiling")

        def on_epoch(history: History) -> None:
            journal.keep(f"epoch {history.epochs}", _finite(history.records[-1]))
            if watch is not None:
                watch.on_epoch(history)
            if rows is not None:
                rows.on_epoch(history)

        try:
            history = net.fit(
                shown.x, shown.y,
                epochs=settings.epochs, batch=settings.batch, optimizer=optimizer,
                validation=(shown.test_x, shown.test_y), target=settings.target,
                seed=settings.seed, on_interrupt="return",
                on_step=watch.on_step if watch else None,
                on_epoch=on_epoch, checkpoint=journal.beside(".npz"), resume=bool(began),
            )  # fmt: skip
        except Diverged as problem:
            diverged, history = problem, problem.history
        finishing.enter_context(uninterrupted())
        wall_s = time.perf_counter() - began_s
    spent = _spent(net, optimizer, watch, wall_s)
    return Trained(net, history, spent, wall_s, diverged)


def _spent(
    net: Sequential, optimizer: Timed, watch: Watch | None, wall_s: float
) -> list[dict[str, Any]]:
    """Kernels, most expensive first, then everything else; together the wall time."""

    def other(what: str, seconds_s: float, calls: int = 0) -> dict[str, Any]:
        return {
            "what": what, "operation": None, "kernel": None, "calls": calls,
            "seconds_s": seconds_s,
        }  # fmt: skip

    spent = [{"what": "kernel", **record._asdict()} for record in net.ledger]
    if optimizer.calls:
        spent.append(other("update", optimizer.seconds_s, optimizer.calls))
    if net.ledger.preparing_s:
        spent.append(other("choosing and compiling", net.ledger.preparing_s))
    if watch is not None and watch.spent_s:
        spent.append(other("progress bar", watch.spent_s))
    rest_s = wall_s - sum(entry["seconds_s"] for entry in spent)
    spent.append(other("batches, accuracy, Python", rest_s))
    return spent


def _document(
    trained: Trained, shown: Images, settings: Settings, saved: Path | None
) -> dict[str, Any]:
    from einbench.cli.train_setup import shape_text
    from einbench.host.machine import machine

    history = trained.history
    return {
        "schema": SCHEMA,
        "date": now(),
        "machine": machine(),
        "settings": settings.document(),
        "network": {"shape": shape_text(trained.net), "described": repr(trained.net)},
        "data": {"name": shown.name, "samples": len(shown.x), **shown.scale._asdict()},
        "epochs": [_finite(record) for record in history.records],
        "step_losses": [loss if math.isfinite(loss) else None for loss in history.step_losses],
        "time": trained.spent,
        "wall_s": trained.wall_s,
        "stopped": trained.stopped,
        "saved": saved and str(saved),
    }


def _finite(record: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }


def _title(net: Sequential, shown: Images, settings: Settings) -> str:
    from einbench.cli.train_setup import shape_text

    described = net.kernels
    family = described if isinstance(described, str) else "kernels as given"
    parts = [
        f"{shape_text(net)} on {len(shown.x):,} images of {shown.name}", family, net.dtype.name,
        f"batch {settings.batch}", f"rate {settings.rate:g}",
    ]  # fmt: skip
    parts += [f"momentum {settings.momentum:g}"] if settings.momentum else []
    return ", ".join([*parts, f"seed {settings.seed}"])


def _show_epochs(title: str, epochs: Sequence[Mapping[str, Any]], out: Console) -> None:
    from einbench.report.terminal import print_line, print_paragraph
    from einbench.report.training import epoch_lines

    print_paragraph(out, title, "bold cyan")
    if epochs:
        out.print()
        for line in epoch_lines(epochs, out.width):
            print_line(out, line)


def _show(trained: Trained, document: Mapping[str, Any], out: Console) -> None:
    from einbench.report.provenance import machine_text
    from einbench.report.terminal import print_line, print_paragraph
    from einbench.report.training import time_lines

    out.print()
    for line in time_lines(trained.spent, trained.wall_s, out.width):
        print_line(out, line)
    out.print()
    print_paragraph(out, machine_text(document["machine"]), "dim")


def _draw(trained: Trained, settings: Settings, plot: Path) -> None:
    from einbench.cli.train_setup import shape_text
    from einbench.report.curves import training_picture

    title = f"{shape_text(trained.net)}, batch {settings.batch}, rate {settings.rate:g}"
    history = trained.history
    training_picture(plot, history.step_losses, [_finite(r) for r in history.records], title)


def _end(trained: Trained, shown: Images, kept: Kept | None, target: Target, out: Console) -> None:
    """The last lines: the best epoch, why it stopped, and where everything is."""

    def say(text: str, style: str = "") -> None:
        out.print(text, style=style, markup=False, soft_wrap=True)

    history = trained.history
    accuracies = history.validation_accuracy
    if accuracies:
        best = max(accuracies)
        text = f"test accuracy {100 * accuracies[-1]:.2f} % after {len(accuracies)} epochs"
        if best > accuracies[-1]:
            text += f", at best {100 * best:.2f} % after epoch {accuracies.index(best) + 1}"
        if trained.stopped == "target":
            text += "; the target is reached"
        say(text.replace(" 1 epochs", " 1 epoch"), "bold green")
    if target.path:
        say(f"all numbers: {target.path}")
    if trained.stopped == "interrupted":
        if kept is None:
            say("interrupted before the first epoch was finished: nothing to keep", "bold yellow")
        else:
            say(
                f"interrupted: the network as of epoch {history.epochs}, the last whole one, is "
                f"kept in {kept.path}",
                "bold yellow",
            )
    elif kept is not None and trained.diverged is None:
        say(f"network: {kept.path}")
    if kept is not None:
        say(kept.how_to_load(shown.scale), "dim")
