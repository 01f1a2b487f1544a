"""What a page says in sentences, and the commands that repeat its numbers."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from einbench.page.commits import History
from einbench.page.rows import costs
from einbench.page.sources import Material, Run, distinct
from einbench.page.tables import CONTEXT_WORDS, Crossing, Table, rounded
from einbench.records.choice import Cell, machine_of
from einbench.records.columns import Row, sequence
from einbench.report.grid import TOO_SLOW, listed
from einbench.report.provenance import machine_text
from einbench.report.ranges import Won, ranges_text
from einbench.report.winners import facts_text
from einbench.units import bytes_text, ratio_text, seconds_text

_TELLING_S = 1e-3
#: kernels named one by one; more of them are counted
_FEW = 3


def summary(tables: Sequence[Table]) -> str:
    """Who wins how often, and by how much: ``numba is the fastest in 12 of 40 cells, ...``."""
    cells = [cell for table in tables for cell in table.main.values()]
    won = Counter(cell.winner["kernel"] for cell in cells if cell.winner)
    if not won:
        return "No kernel was timed; the tables below say why." if cells else ""
    most = won.most_common()
    each = [f"{kernel} in {count}" for kernel, count in most[:_FEW]]
    if len(most) > _FEW:
        each.append(f"{len(most) - _FEW} other kernels in {sum(n for _, n in most[_FEW:])}")
    operations = len({table.facts["operation"] for table in tables})
    said = (
        f"In the one cell there is the fastest kernel is {most[0][0]}."
        if len(cells) == 1
        else f"Of {len(cells)} cells ({operations} operation{'s' * (operations != 1)}, each at its "
        f"batches) the fastest kernel is {listed(each)}."
    )
    if len(cells) == 1:
        return said
    speedups = sorted(cell.speedup for cell in cells if cell.speedup)
    if speedups:
        middle = speedups[len(speedups) // 2]
        said += (
            f" It is in the median {ratio_text(middle)} as fast as the baseline, "
            f"from {ratio_text(speedups[0])} to {ratio_text(speedups[-1])}."
        )
    return said


def machines(rows: Sequence[Row]) -> list[str]:
    """One line a machine that rows come from."""
    firsts = {machine_of(row): row for row in reversed(rows)}
    return distinct(facts_text(row) for row in firsts.values())


def story(table: Table, context: str) -> list[str]:
    """Winners over batches, changes between them, and what came before the first call."""
    wins = table.wins[context]
    won = [
        Won(b, cell.winner["kernel"] if cell.winner else "", cell.ties) for b, cell in wins.items()
    ]
    lines = [f"{CONTEXT_WORDS[context].capitalize()}: {ranges_text(won)}.".replace("\xa0", " ")]
    lines += [f"{crossing_text(each)}." for each in table.crossings(context)]
    return lines


def remarks(table: Table) -> list[str]:
    """What holds in every context: compiling, and kernels that were not timed."""
    spent = [
        f"{kernel} {seconds_text(s)}" for kernel, s in costs(table) if s > _TELLING_S
    ]  # fmt: skip
    lines = [f"Preparing and compiling took, once: {listed(spent)}."] if spent else []
    slow = distinct(row["kernel"] for row in table.rows if TOO_SLOW.match(row["reason"] or ""))
    if slow:
        lines.append(f"Skipped where a call was predicted to take too long: {listed(slow)}.")
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        if TOO_SLOW.match(row["reason"] or ""):
            continue
        if row["status"] not in (None, "ok"):
            reason = row["reason"] or "no reason was given"
            reasons.setdefault((row["status"], reason), []).append(row["kernel"])
        elif row["median_s"] is None:
            reasons.setdefault(("without a time", "the file has none"), []).append(row["kernel"])
    for (status, reason), kernels in reasons.items():
        word = status.upper() if status in ("rejected", "failed") else status
        lines.append(f"{word} {listed(distinct(kernels))}: {reason}")
    return lines


def crossing_text(crossing: Crossing) -> str:
    """``numba until about 40 rows, matmul beyond``."""
    return (
        f"{crossing.before} until about {rounded(crossing.batch):,} rows, {crossing.after} beyond"
    )


def cell_text(cell: Cell) -> str:
    """The ratio over the baseline, else the time."""
    if cell.winner is None:
        return ""
    if cell.speedup:
        return "~" * cell.speedup_predicted + ratio_text(cell.speedup)
    return seconds_text(cell.winner["median_s"])


def regressions(histories: Sequence[History]) -> str:
    """How many there are, and which is the largest."""
    worse = [(row, each.operation) for each in histories for row in each.regressed]
    if not worse:
        return f"No operation's best kernel became slower, of {len(histories)}."
    row, operation = max(worse, key=lambda found: float(found[0]["word"][1:-2]))
    at = "" if row["batch"] is None else f" at batch {row['batch']:,}"
    return (
        f"{len(worse)} time{'s' * (len(worse) != 1)} became slower, beyond noise within a run; "
        f"the most is {operation}{at}, {row['word']} in {row['commit']}. Only a measurement in "
        "turns can tell that from a machine that had become slower: einbench gate."
    )


def provenance(known: Material) -> list[tuple[str, list[tuple[str, str]]]]:
    """(title, [(name, value)]) of every run and file."""
    found = [(run.file or "this run", run_facts(run)) for run in known.runs]
    told = {run.file for run in known.runs}
    firsts = {row["file"]: row for row in reversed(known.rows) if row["file"] not in told}
    for file, row in sorted(firsts.items(), key=lambda each: str(each[0])):
        facts = [("machine", facts_text(row))]
        facts += [
            (name.replace("_", " "), str(row[name]))
            for name in ("commit", "commit_date", "date", "environment")
            if row[name]
        ]
        if row["harness"] == "asv" and row["commit"]:
            again = f"asv run -E {shlex.quote(_environment(row))} {row['commit'][:12]}^!"
            facts.append(("command", again))
        found.append((str(file or "an export"), facts))
    return [*found, *((race.file, _race_facts(race.content)) for race in known.races)]


def run_facts(run: Run) -> list[tuple[str, str]]:
    """Of one comparison."""
    m = run.machine
    caches = m.get("caches") if isinstance(m.get("caches"), dict) else {}
    facts = [("command", command(run)), ("date", run.date), ("machine", machine_text(m))]
    if isinstance(m.get("memory_bytes"), int):
        facts.append(("memory", bytes_text(m["memory_bytes"])))
    if caches:
        sizes = [f"{name} {bytes_text(n)}" for name, n in caches.items() if isinstance(n, int)]
        facts.append(("caches", ", ".join(sizes)))
    named = {
        "os": "system",
        "numba_threading_layer": "numba's threads",
        "fingerprint": "fingerprint",
    }
    facts += [(name, str(m[key])) for key, name in named.items() if m.get(key)]
    if run.interrupted:
        facts.append(("interrupted", "before its end"))
    return [(name, value) for name, value in facts if value]


def command(run: Run) -> str:
    """What measures the same again, from the settings that a comparison keeps."""
    s = run.settings
    words = ["einbench", "compare", *map(str, sequence(s.get("operations")))]
    for name, option in (("batches", "--batch"), ("dtypes", "--dtype"), ("with", "--with")):
        if each := [str(value) for value in sequence(s.get(name))]:
            words += [option, ",".join(each)]
    for name, option, usual in (
        ("layout", "--layout", "C"), ("seed", "--seed", 0), ("budget_s", "--budget", None),
        ("context", "--context", None), ("time_limit_s", "--time-limit", None),
        ("data", "--data", "MNIST"),
    ):  # fmt: skip
        value = s.get(name)
        if value is not None and value != usual:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    if isinstance(memory := s.get("memory_bytes"), int):
        words += ["--memory", f"{memory / 1e9:g}"]
    if isinstance(isolate := s.get("isolate"), bool):
        words.append("--isolate" if isolate else "--no-isolate")
    if isinstance(sizes := s.get("sizes"), dict) and sizes:
        words += ["--size", ",".join(f"{axis}={n}" for axis, n in sizes.items())]
    if isinstance(run.machine.get("threads"), int):
        words += ["--threads", str(run.machine["threads"])]
    return shlex.join(words)


def _race_facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    races = [race for race in sequence(document.get("races")) if isinstance(race, dict)]
    dtypes = distinct(str(race.get("dtype")) for race in races)
    sets = distinct(str(race.get("set")) for race in races)
    machine = document.get("machine")
    versions = []
    libraries = document.get("libraries")
    for name, facts in (libraries if isinstance(libraries, dict) else {}).items():
        if isinstance(facts, dict) and facts:
            versions.append(f"{name} {next(iter(facts.values()))}")
    words = ["python", "benchmarks/einsum/race.py"]
    words += ["--dtype", "both" if len(dtypes) > 1 else dtypes[0]] if dtypes else []
    words += ["--set", "both" if len(sets) > 1 else sets[0]] if sets else []
    return [
        ("command", shlex.join(words)),
        ("date", str(document.get("date") or "unknown")),
        ("machine", machine_text(machine) if isinstance(machine, dict) else "unknown"),
        ("libraries", ", ".join(versions) or "unknown"),
    ]


def _environment(row: Row) -> str:
    name, _, rest = str(row["environment"] or "").partition("-py")
    return f"{name}:{rest.partition('-')[0]}" if rest else "existing"
