"""A process that answers requests on its standard input, a JSON line each.

What a library raises is an answer too, and the process goes on; what it prints goes to the log.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

Answer = Mapping[str, Any]
Can = Mapping[str, Callable[..., Answer]]


def serve(threads: int, start: Callable[[], Can]) -> None:
    """Say that the library is there, or why not, and answer until the input ends.

    Args:
        threads: cores that the process keeps to.
        start: imports the library; what it returns can be asked for.
    """
    answers = _own_output()
    _keep_to_cores(threads)
    try:
        can = start()
    except Exception as problem:
        _say(answers, {"problem": told(problem)})
        return
    _say(answers, {})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = can[request.pop("do")](**request)
        except Exception as problem:
            answer = {"problem": told(problem)}
        _say(answers, answer)


def told(problem: BaseException) -> str:
    """What was raised, in one line."""
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0]}" if lines else type(problem).__name__


def _own_output() -> TextIO:
    """Standard output for answers alone: what a library prints goes to the log."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _keep_to_cores(threads: int) -> None:
    """As many cores as threads: then no library has more, whatever it was told."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _say(answers: TextIO, answer: Answer) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
