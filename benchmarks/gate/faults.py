"""Commits in which something is wrong on purpose: slowed kernels, a renamed one, a wrong one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

#: appended to kernels/__init__.py: a call takes so many times its own time, on any machine
_SLOWED = """

def _slow_down() -> None:
    import dataclasses
    import time

    from einbench.body import Plain
    from einbench.deferred import load

    load()
    from einbench.registry import operations

    def slowed(body, factor, overhead_s):
        clock = time.perf_counter

        def call(*arrays, **options):
            start_s = clock()
            result = body(*arrays, **options)
            end_s = start_s + factor * (clock() - start_s) - overhead_s
            while clock() < end_s:
                pass
            return result

        call.parallel = getattr(body, "parallel", False)
        call.__doc__ = body.__doc__
        return call

    def fastest_s(call):
        found = []
        for _ in range(200):
            start_s = time.perf_counter()
            for _ in range(20):
                call()
            found.append((time.perf_counter() - start_s) / 20)
        return min(found)

    # what this way of waiting costs by itself is no part of the factor
    nothing = lambda: None
    overhead_s = fastest_s(slowed(nothing, 1.0, 0.0)) - fastest_s(nothing)
    for name, method in {injected!r}:
        op = operations[name]
        body = slowed(op[method].function, {factor!r}, overhead_s)
        op._kernels.add(dataclasses.replace(op[method], body=Plain(body)))


_slow_down()
"""

_RENAMED = """

def _rename() -> None:
    import dataclasses

    from einbench.deferred import load

    load()
    from einbench.registry import operations

    op = operations[{name!r}]
    kernel = op[{method!r}]
    op.remove({method!r})
    op._kernels.add(dataclasses.replace(kernel, method="{method}_renamed"))


_rename()
"""

#: faster than any right kernel: it computes nothing
_WRONG = """

def _spoil() -> None:
    import dataclasses

    import numpy as np

    from einbench.body import Plain
    from einbench.deferred import load

    load()
    from einbench.registry import operations

    op = operations[{name!r}]

    def zeros(*arrays, **options):
        return np.zeros_like(arrays[0])

    op._kernels.add(dataclasses.replace(op[{method!r}], body=Plain(zeros)))


_spoil()
"""


def inject_slowdown(clone: Path, kernels: Sequence[tuple[str, str]], factor: float) -> str:
    """A commit in which these kernels take ``factor`` times as long; its hash."""
    return _commit(
        clone,
        _SLOWED.replace("{injected!r}", repr(list(kernels))).replace("{factor!r}", repr(factor)),
        f"{len(kernels)} kernels take {factor} times as long",
    )


def inject_rename(clone: Path, name: str, method: str) -> str:
    """A commit in which a kernel has another name; its hash."""
    return _commit(clone, _RENAMED.format(name=name, method=method), f"{name}[{method}] renamed")


def inject_wrong(clone: Path, name: str, method: str) -> str:
    """A commit in which a kernel returns zeros, at once; its hash."""
    return _commit(clone, _WRONG.format(name=name, method=method), f"{name}[{method}] is wrong")


def _commit(clone: Path, code: str, subject: str) -> str:
    """Commit ``code`` on top of what the clone has checked out, and leave that as it was."""
    file = clone / "kernels" / "__init__.py"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + code, encoding="utf-8")
    # the same hash every time, so that a study that goes on finds its environments again
    date = git(clone, "show", "--no-patch", "--format=%cI", "HEAD")
    os.environ["GIT_AUTHOR_DATE"] = os.environ["GIT_COMMITTER_DATE"] = date
    identity = ("-c", "user.name=einbench", "-c", "user.email=einbench@localhost")
    git(clone, *identity, "commit", "--quiet", "--no-verify", "--all", "--message", subject)
    commit = git(clone, "rev-parse", "HEAD")
    git(clone, "reset", "--quiet", "--hard", "HEAD^")
    return commit


def git(folder: Path, *arguments: str) -> str:
    """What git prints, run in a folder."""
    done = subprocess.run(  # noqa: S603 - git itself, never through a shell
        ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's git
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()
