"""race(): plain functions that are meant to be equal, checked on the caller's arguments, ranked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from einbench.host.machine import limit_threads, machine
from einbench.numeric import check_budget, check_seed
from einbench.racing.arguments import Arguments
from einbench.racing.contest import RACE, contest
from einbench.racing.judging import judge
from einbench.racing.posed import pose
from einbench.verbs.comparison import Comparison

#: seconds of timing by default
BUDGET_S = 2.0
_LONGEST_NAME = 60

Progress = Callable[[float, str], None]


def race(
    functions: Mapping[str, Callable[..., Any]],
    /,
    *arguments: Any,
    budget_s: float = BUDGET_S,
    threads: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **named: Any,
) -> Comparison:
    """Check functions against the first of them on these arguments, time the right ones, rank them.

    In a notebook, after ``%load_ext einbench``, ``%%race a b`` races the functions of its cell.
    ``einbench.race({"mine": f, "theirs": g}, a, b)``. An error counts in units of rounding: of what
    the reference's result changes by where every floating argument is off by one, and of the
    result's own precision. Results are compared with the reference run again in wider precision
    where it takes that. Whole numbers must be equal, dtypes and shapes the same. As in the check, a
    function is rejected that changes its arguments, returns a view of them or a buffer that it
    handed out before, the same for other numbers, another result the second time, or a wrong one in
    150 more calls, or as many as fit into 0.1 s.

    Each has copies of the arguments of its own: of arrays, of lists, dictionaries and named tuples
    with all that is in them, and of other objects that define ``==`` and can be copied, as sets,
    bytearrays, tables and tensors do. The rest, generators, files and models say, is passed on as
    it is: what a function changes in that is not seen, and stays changed.

    Judged are these arguments alone: what a function does on others is not looked at.

    Args:
        functions: name -> function; the first is the reference, and the baseline of speed-ups.
        arguments: passed to each of them: arrays of any dtype, numbers, lists, or none at all.
        budget_s: seconds of timing, for all together.
        threads: of BLAS and numba; None takes all cores this process may use.
        seed: of the order of calls and of what arguments are perturbed by.
        progress: called with the part done and what is being done.
        named: passed to each of them by name.

    Returns:
        A `Comparison` with a record for every function; its operation is called ``race``.

    Raises:
        TypeError: no mapping of names to functions, or budget or seed are no numbers.
        ValueError: fewer than two of them, or the reference cannot be judged by: it raises, draws
            on randomness, changes its arguments, or returns zeros alone or no numbers.
    """
    start_s = time.perf_counter()
    _refuse_wrong(functions)
    budget_s, seed = check_budget(budget_s), check_seed(seed)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress={progress!r}: expected a function of a part and a label")
    report = progress or (lambda part, label: None)
    names = list(functions)
    given = Arguments(arguments, named)
    with limit_threads(threads) as used:
        report(0.0, f"{names[0]}: the truth")
        posed = pose(names[0], functions[names[0]], given, seed)
        findings = {}
        for number, name in enumerate(names):
            report(0.1 + 0.4 * number / len(names), f"{name}: checking")
            findings[name] = judge(functions[name], posed)
        report(0.5, "timing")
        timing_s = time.perf_counter()
        records = contest(
            functions, findings, posed, budget_s=budget_s, threads=used, seed=seed
        )  # fmt: skip
        timing_s = time.perf_counter() - timing_s
        facts = {**machine(), "threads": used}
    report(1.0, "done")
    settings = {"operations": [RACE], "seed": seed, "budget_s": budget_s, "timed_s": timing_s}
    return Comparison(records, facts, settings, time.perf_counter() - start_s)


def _refuse_wrong(functions: Any) -> None:
    """Raise where these are no functions by name."""
    if not isinstance(functions, Mapping):
        raise TypeError(
            f"race takes functions by name, race({{'mine': f, 'theirs': g}}, a, b), got "
            f"{type(functions).__name__}"
        )
    for name, function in functions.items():
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise TypeError(f"{name!r} is no name of a function; expected a word, 'mine' say")
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"the name {name[:20]!r}... is longer than {_LONGEST_NAME} letters")
        if not callable(function):
            raise TypeError(
                f"{name!r} is no function but {type(function).__name__}: pass it without calling "
                "it, {'mine': f}, or as lambda a, b: ..."
            )
    if len(functions) < 2:
        raise ValueError(
            f"{len(functions)} function{'s' * (len(functions) != 1)} given; a race takes two or "
            "more, the first is the reference"
        )
