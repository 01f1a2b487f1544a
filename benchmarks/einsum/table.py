"""A race as people read it, from its document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ratios import OWN, SLOWER, SLOWER_S, Ratio, mean, over_own, ratio

from einbench.units import seconds_text

_SHORT = {"numpy_einsum": "numpy", "numpy_optimize": "optimize"}


def lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Every expression, then means and misses, for each dtype and set."""
    for race in document["races"]:
        yield from _race(race)
        yield ""
    if document["interrupted"]:
        yield "interrupted: the rest was not measured"
    facts = document["machine"]
    yield f"{facts['cpu']}, {document['threads']} threads, {document['wall_s']:.0f} s"
    versions = {n: next(iter(f.values())) for n, f in document["libraries"].items()}
    yield ", ".join(f"{_SHORT.get(name, name)} {v}" for name, v in versions.items() if name != OWN)


def _race(race: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{race['dtype']} {race['set']:18}{'class':9}{'einbench':>9}  {'best library':22}"
        f"{'ratio':>6}   95 % interval"
    )
    found: list[tuple[Mapping[str, Any], Ratio]] = []
    for each in race["expressions"]:
        known = ratio(each["contestants"])
        name = f"{each['name']:18}{each['expression']:24}"
        if known is None:
            reason = each["contestants"].get(OWN, {}).get("reason") or "no library was timed"
            yield f"{name}{each['class']:9}{reason}"
            continue
        found.append((each, known))
        yield row(name, each["class"], known)
    yield from _means(race, found)
    yield from _wrong(race)


def row(name: str, decides: str, known: Ratio) -> str:
    """One expression."""
    best = f"{_SHORT.get(known.best, known.best)} {seconds_text(known.best_s)}"
    return (
        f"{name}{decides:9}{seconds_text(known.own_s):>9}  {best:22}{known.ratio:6.2f}"
        f"   {known.low:.2f} to {known.high:.2f}{'  MISS' * known.missed}"
    )


def _means(race: Mapping[str, Any], found: list[tuple[Mapping[str, Any], Ratio]]) -> Iterator[str]:
    if not found:
        return
    for words in ("all", "other", "product", "memory"):
        ratios = [known.ratio for each, known in found if words in ("all", each["class"])]
        if not ratios:
            continue
        text = f"geometric mean over {words} ({len(ratios)}): {mean(ratios):.3f} of the best"
        yield f"{text} library's time"
    missed = [each["name"] for each, known in found if known.missed]
    limit = f"beyond {SLOWER:.2f} and {SLOWER_S * 1e6:.0f} µs"
    yield f"misses, interval {limit}: {', '.join(missed) or 'none'}"
    times: dict[str, list[float]] = {}
    for each, _ in found:
        for name, over in over_own(each["contestants"]).items():
            times.setdefault(name, []).append(over)
    yield "each library's time over einbench's, geometric means: " + ", ".join(
        f"{_SHORT.get(n, n)} {mean(v):.2f} ({len(v)})" for n, v in times.items()
    )
    best: dict[str, int] = {}
    for _, known in found:
        best[known.best] = best.get(known.best, 0) + 1
    yield f"other processes used {race['other_cores']:.1f} cores meanwhile"
    yield "best library: " + ", ".join(
        f"{_SHORT.get(n, n)} {count}" for n, count in sorted(best.items(), key=lambda b: -b[1])
    )


def _wrong(race: Mapping[str, Any]) -> Iterator[str]:
    """What was not timed, and why, once for each reason."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for each in race["expressions"]:
        for name, facts in each["contestants"].items():
            if facts["status"] != "ok":
                key = name, facts["status"], facts["reason"]
                reasons.setdefault(key, []).append(each["name"])
    for (name, status, reason), names in reasons.items():
        where = "all" if len(names) == len(race["expressions"]) else ", ".join(names)
        yield f"{_SHORT.get(name, name)} {status} at {where}: {reason}"
