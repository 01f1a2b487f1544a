"""A race of einsum libraries as numbers of charts.

    ratio = quartile(library) / min over libraries quartile

of the lower quartiles of samples, as results/README.md counts them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from einbench.page.sources import Document
from einbench.records.columns import mapping, number, sequence, text

_SHOWN = {
    "numpy_einsum": "np.einsum",
    "numpy_optimize": "np.einsum, optimize",
    "einbench_einsum": "einbench.einsum",
}
#: word of a cell without a time
_WORDS = {"refuses": "refuses", "rejected": "WRONG", "failed": "FAILED", "unavailable": "-"}
#: from here on a cell is dark blue, and its text white
_DARK_FROM = 12.0
#: pixels of a line
_LIBRARY, _EXPRESSION = 46, 20


class Race(NamedTuple):
    """One dtype of one file: ``rows`` a library and expression each, ``means`` a library each."""

    title: str
    file: str
    libraries: list[str]
    rows: list[dict[str, Any]]
    means: list[dict[str, Any]]
    sentence: str

    @property
    def race_height(self) -> int:
        """Of the chart of libraries, in pixels."""
        return _LIBRARY * len(self.means)

    @property
    def height(self) -> int:
        """Of the chart of expressions."""
        return _EXPRESSION * len({row["name"] for row in self.rows})


def races(documents: list[Document]) -> list[Race]:
    """Each dtype and set of expressions, those without any time left out."""
    found = [
        _race(document, mapping(each))
        for document in documents
        for each in sequence(document.content.get("races"))
    ]
    return [race for race in found if race.means]


def _race(document: Document, race: Mapping[str, Any]) -> Race:
    rows: list[dict[str, Any]] = []
    for each in map(mapping, sequence(race.get("expressions"))):
        rows += _expression(each)
    asked = len({row["name"] for row in rows})
    means = sorted(_means(rows, asked), key=lambda mean: mean["ratio"])
    order = [mean["library"] for mean in means]
    rest = list(dict.fromkeys(r["library"] for r in rows if r["library"] not in order))
    dtype = text(race.get("dtype")) or ""
    title = ", ".join(filter(None, (dtype, text(race.get("set")), f"{asked} expressions")))
    return Race(title, document.file, [*order, *rest], rows, means, _sentence(means, asked))


def _expression(each: Mapping[str, Any]) -> list[dict[str, Any]]:
    contestants = {
        _SHOWN.get(str(text(name)), str(text(name))): mapping(facts)
        for name, facts in mapping(each.get("contestants")).items()
    }
    times = {name: _quartile(facts) for name, facts in contestants.items()}
    best = min((s for s in times.values() if s), default=None)
    found = []
    for name, facts in contestants.items():
        seconds = times[name]
        status = text(facts.get("status")) or "failed"
        if status == "ok" and seconds is None:
            continue
        ratio = seconds / best if seconds and best and status == "ok" else None
        word = _ratio_text(ratio) if ratio else _WORDS.get(status, status)
        wrong = status in ("rejected", "failed")
        dark = ratio is not None and ratio > _DARK_FROM
        found.append({
            "name": text(each.get("name")) or text(each.get("expression")) or "?",
            "expression": text(each.get("expression")), "library": name, "status": status,
            "ratio": ratio, "word": word, "reason": text(facts.get("reason")) or "",
            "ink": "#D55E00" if wrong else "#ffffff" if dark else "#000000" if ratio else "#767676",
        })  # fmt: skip
    return found


def _means(rows: list[dict[str, Any]], asked: int) -> list[dict[str, Any]]:
    found = []
    for library in dict.fromkeys(row["library"] for row in rows):
        own = [row for row in rows if row["library"] == library]
        ratios = [row["ratio"] for row in own if row["ratio"]]
        if not ratios:
            continue
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        refused = sum(row["status"] == "refuses" for row in own)
        wrong = sum(row["status"] in ("rejected", "failed") for row in own)
        others = len(own) - len(ratios) - refused - wrong
        parts = [f"{_ratio_text(mean)}x in the mean"]
        parts += [f"refuses {refused} of {asked}"] if refused else []
        parts += [f"WRONG in {wrong}"] if wrong else []
        parts += [f"not timed in {others}"] if others else []
        found.append({
            "library": library, "ratio": mean, "word": " · ".join(parts), "refused": refused,
            "wrong": wrong, "timed": len(ratios),
        })  # fmt: skip
    return found


def _sentence(means: list[dict[str, Any]], asked: int) -> str:
    if not means:
        return ""
    most = max(mean["timed"] for mean in means)
    # one that computes less is not said to be ahead
    whole = [mean for mean in means if mean["timed"] == most]
    first = whole[0]
    said = (
        f"{first['library']} takes {first['ratio']:.3g} times as long as the fastest of each "
        f"expression, itself among them (geometric mean of {first['timed']} of {asked})"
    )
    if len(whole) > 1:
        said += f"; next comes {whole[1]['library']} with {whole[1]['ratio']:.3g}"
    return f"{said}. A mean counts only what a library computes."


def _ratio_text(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def _quartile(facts: Mapping[str, Any]) -> float | None:
    samples = [number(s) for s in sequence(facts.get("samples_s"))]
    taken = [s for s in samples if s is not None and s > 0]
    return float(np.quantile(taken, 0.25)) if taken else None
