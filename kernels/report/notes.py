"""What does not fit into a cell: ties by name, full reasons, compile time, memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from einbench.contexts import AFTER_BLAS, AFTER_PAUSE, ALONE, PROGRAM
from einbench.record import (
    CONFIDENCE,
    FEWEST_SAMPLES,
    TIE_RATIO,
    UNSTABLE_WIDTH,
    WRONG,
    Record,
)
from einbench.report.grid import (
    TOO_LARGE,
    TOO_SLOW,
    Batch,
    Block,
    batch_text,
    batches_text,
    listed,
    timed_beside,
)
from einbench.units import bytes_text

#: how a line about kernels of a status begins
_OPENINGS = {
    "rejected": "REJECTED",
    "failed": "FAILED",
    "crashed": "CRASHED",
    "hung": "HUNG",
    "refuses": "refuses:",
    "unavailable": "unavailable",
    "unchecked": "unchecked",
    "skipped": "skipped",
}
#: temporaries below this are the objects around any call
_TELLING_BYTES = 100_000
_PERCENT = f"{100 * CONFIDENCE:.0f} %"

#: what the best one has, by context
_RANKED = {
    ALONE: "best median time of a call",
    AFTER_BLAS: "best median time after a product of BLAS",
    AFTER_PAUSE: "best median time after a pause",
    PROGRAM: "best geometric mean of times alone, after BLAS and after a pause",
}
_BESIDE = (
    ("BLAS", "time of a call after a product of BLAS that takes about as long"),
    ("pause", "time of a call after 2 ms of sleep"),
)
_CORES = ("cores", "processor time of all threads by wall time, in processes of their own")
_LEGEND = (
    (
        "=",
        f"ties with it: their ratio may be below {TIE_RATIO} ({_PERCENT}); "
        "of those the simplest gets the *",
    ),
    (
        "±",
        f"unstable: the {_PERCENT} interval of the median is wider than "
        f"{100 * UNSTABLE_WIDTH:.0f} % of it",
    ),
    ("?", f"fewer than {FEWEST_SAMPLES} samples: too few for an interval"),
    ("12x", "12 times as fast as the baseline, the median of ratios within rounds"),
    ("~", "the baseline was too slow to time here: predicted from a smaller batch"),
    ("GF/s", "10^9 useful floating-point operations a second"),
    ("best", "part of what this machine can do at best, by arithmetic or memory (roofline)"),
    ("err", "largest error against a wider reference, in units of what rounding explains"),
)


def legend(blocks: Sequence[Block]) -> list[tuple[str, str]]:
    """Every mark and column of these tables, and its meaning."""
    ranked = " or ".join(dict.fromkeys(_RANKED.get(b.context, b.context) for b in blocks))
    cells = [b.cell(kernel, batch) for b in blocks for kernel, batch in b.records]
    first = ("*", f"the fastest kernel that passed the check: {ranked}")
    used = [_CORES] if any(cell.cores not in ("", "-") for cell in cells) else []
    return [first, *_LEGEND, *(_BESIDE if timed_beside(cells) else ()), *used]


@dataclass(frozen=True)
class Note:
    """A line under a table, and what it is about: tie, rejected, failed, skipped, ..."""

    about: str
    text: str

    @property
    def alarming(self) -> bool:
        """Whether a kernel is wrong."""
        return self.about in WRONG


def notes(block: Block) -> list[Note]:
    """Everything a reader of the table must know, wrong kernels first."""
    found = [note for status in WRONG for note in _reasons(block, status)]
    found += _ties(block)
    found += _too_slow(block)
    found += _too_large(block)
    found += [
        note
        for status in ("refuses", "unchecked", "skipped", "unavailable")
        for note in _reasons(block, status)
    ]
    found += _before_timing(block, "compiled", lambda record: record.compile_s)
    found += _before_timing(block, "prepared", lambda record: record.prepare_s)
    found += _temporaries(block)
    return found


def wrong(blocks: list[Block]) -> list[Note]:
    """One line for each kernel that was rejected or failed anywhere, for the end."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for block in blocks:
        for (kernel, _), record in block.records.items():
            if record.status in WRONG:
                reasons = found.setdefault((record.status, block.operation, kernel), [])
                reasons.append(_reason(record))
    return [
        Note(status, f"{status.upper()} {operation}[{kernel}]: {reasons[0]}")
        for (status, operation, kernel), reasons in found.items()
    ]


def _ties(block: Block) -> list[Note]:
    together: dict[tuple[str, ...], list[Batch]] = {}
    for batch in block.batches:
        if len(tied := block.tied(batch)) > 1:
            together.setdefault(tied, []).append(batch)
    return [
        Note("tie", f"{batches_text(batches)}: {listed(tied)} tie; the simplest is marked *")
        for tied, batches in together.items()
    ]


def _too_slow(block: Block) -> list[Note]:
    """Predicted times are in the cells; here, what they were predicted from."""
    sources: dict[tuple[str, str], None] = {}
    for (kernel, _), record in block.records.items():
        if record.status == "skipped" and (found := TOO_SLOW.match(_reason(record))):
            sources[kernel, found[2]] = None
    if not sources:
        return []
    each = ", ".join(f"{kernel} (from {source})" for kernel, source in sources)
    return [Note("skipped", f"skipped as too slow, the time predicted: {each}")]


def _too_large(block: Block) -> list[Note]:
    """What is needed is in the cells; here, what is allowed."""
    kernels: dict[str, dict[str, None]] = {}
    for (kernel, _), record in block.records.items():
        if record.status == "skipped" and (found := TOO_LARGE.match(_reason(record))):
            kernels.setdefault(found[2], {})[kernel] = None
    return [
        Note("skipped", f"skipped, needing more than {allowed} of temporaries: {listed([*names])}")
        for allowed, names in kernels.items()
    ]


def _reasons(block: Block, status: str) -> list[Note]:
    """Kernels and batches of one reason in one line."""
    places: dict[str, dict[str, list[Batch]]] = {}
    for (kernel, batch), record in block.records.items():
        reason = _reason(record)
        explained = status == "skipped" and (TOO_SLOW.match(reason) or TOO_LARGE.match(reason))
        if record.status == status and not explained:
            places.setdefault(reason, {}).setdefault(kernel, []).append(batch)
    found = []
    for reason, kernels in places.items():
        together: dict[tuple[Batch, ...], list[str]] = {}
        for kernel, batches in kernels.items():
            together.setdefault(tuple(batches), []).append(kernel)
        where = "; ".join(
            listed(names) + ("" if batches == block.batches else f" at {batches_text(batches)}")
            for batches, names in together.items()
        )
        found.append(Note(status, f"{_OPENINGS[status]} {where}: {reason}"))
    return found


def _before_timing(block: Block, what: str, spent: Callable[[Record], float | None]) -> list[Note]:
    """What the kernels took for it, the largest figure of each: it adds up over batches."""
    longest: dict[str, float] = {}
    for (kernel, _), record in block.records.items():
        longest[kernel] = max(longest.get(kernel, 0.0), spent(record) or 0.0)
    each = [f"{kernel} {longest[kernel]:.2f} s" for kernel in block.kernels if longest[kernel] > 0]
    return [Note(what, f"{what} before timing: {', '.join(each)}")] if each else []


def _temporaries(block: Block) -> list[Note]:
    """Memory beyond inputs and output, at the largest batch where any is large."""
    for batch in reversed(block.batches):
        records = {kernel: block.records.get((kernel, batch)) for kernel in block.kernels}
        sizes = {k: (r and r.peak_bytes) or 0 for k, r in records.items()}
        each = [f"{k} {bytes_text(size)}" for k, size in sizes.items() if size >= _TELLING_BYTES]
        if each:
            return [Note("memory", f"temporaries at {batch_text(batch)}: {', '.join(each)}")]
    return []


def _reason(record: Record) -> str:
    return record.reason or "no reason was given"
