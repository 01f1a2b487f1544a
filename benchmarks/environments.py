"""asv's two environments: pinned NumPy and numba, and the newest; did the new ones help?

``python benchmarks/environments.py pinned`` prints the name of an environment, as ``asv run -E``
takes it. ``compare [COMMIT]`` holds the newest against the pinned one on a single commit, which
``asv compare`` cannot. ``refresh`` brings the newest up to date, which asv never does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asv import plugin_manager  # type: ignore[import-untyped]  # asv has no types
from asv.commands.compare import Compare  # type: ignore[import-untyped]  # as above
from asv.config import Config  # type: ignore[import-untyped]  # as above
from asv.environment import Environment, get_environments  # type: ignore[import-untyped]  # as above
from asv.machine import iter_machine_files  # type: ignore[import-untyped]  # as above
from asv.repo import NoSuchNameError, get_repo  # type: ignore[import-untyped]  # as above
from asv.results import iter_results_for_machine_and_hash  # type: ignore[import-untyped]  # as above
from asv.util import load_json  # type: ignore[import-untyped]  # as above

CHECKOUT = Path(__file__).resolve().parents[1]
FOLLOWED = ("numpy", "numba")

# asv finds kinds of environments among its plugins, which its own main module loads on import
assert plugin_manager  # noqa: S101 - nothing but the import is needed


def environments(conf: Any) -> dict[str, Environment]:
    """The environments of the matrix as ``pinned`` and ``newest``."""
    found = {}
    for environment in get_environments(conf, None, verbose=False):
        pinned = all(environment.requirements.get(name) for name in FOLLOWED)
        found["pinned" if pinned else "newest"] = environment
    return found


def versions(environment: Environment) -> str:
    """What is installed there: ``numpy 2.4.6, numba 0.68.1``; empty where nothing is yet."""
    if not environment.check_presence():
        return ""
    printed = ", ".join(f"{name} {{v('{name}')}}" for name in FOLLOWED)
    program = f'from importlib.metadata import version as v; print(f"{printed}")'
    return str(environment.run(["-c", program], dots=False)).strip()


def refresh(environment: Environment) -> str:
    """Install the newest versions where the environment exists; asv makes it where it does not."""
    before = versions(environment)
    if not before:
        return "newest: not made yet, asv run makes it"
    upgrade = ["-m", "pip", "install", "--quiet", "--upgrade", *FOLLOWED]
    environment.run(upgrade, dots=False)
    return f"newest: {before} before, {versions(environment)} now"


def compare(conf: Any, commit: str, machine: str | None, changed: bool, factor: float) -> None:
    """Print asv's table with the pinned environment as before and the newest as after.

    Raises:
        ValueError: there are no results of both for that commit.
    """
    try:
        commit = get_repo(conf).get_hash_from_name(commit)
    except NoSuchNameError:
        raise ValueError(f"no commit {commit!r} in this repository") from None
    pair = environments(conf)
    machines = [load_json(path)["machine"] for path in iter_machine_files(conf.results_dir)]
    for name in machines if machine is None else [machine]:
        found = {result.env_name: result for result in _results(conf, name, commit)}
        if all(environment.name in found for environment in pair.values()):
            break
    else:
        raise ValueError(
            f"no results of both environments for {commit[:8]}: "
            f"asv run {commit[:8]}^! makes them, make history-newest all of it"
        )
    Compare.print_table(
        conf,
        "pinned",
        "newest",
        factor=factor,
        split=False,
        only_changed=changed,
        sort="ratio",
        resultset_1=_rows(found[pair["pinned"].name], name),
        resultset_2=_rows(found[pair["newest"].name], name),
        commit_names={key: versions(environment) for key, environment in pair.items()},
    )


def _results(conf: Any, machine: str, commit: str) -> Iterator[Any]:
    yield from iter_results_for_machine_and_hash(conf.results_dir, machine, commit)


def _rows(result: Any, machine: str) -> Iterator[tuple[Any, ...]]:
    """What asv's table is made from; both environments go by one name, or none would pair."""
    for key in result.get_all_result_keys():
        params = result.get_result_params(key)
        yield (
            key,
            params,
            result.get_result_value(key, params),
            result.get_result_stats(key, params),
            result.get_result_samples(key, params),
            result.benchmark_version.get(key),
            machine,
            "both",
        )


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 2 for wrong use."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=("pinned", "newest", "compare", "refresh"))
    parser.add_argument("commit", nargs="?", default="HEAD")
    parser.add_argument("--machine", help="whose results, where there are several")
    parser.add_argument("--only-changed", action="store_true")
    parser.add_argument("--factor", type=float, default=1.1)
    asked = parser.parse_args(arguments)
    os.chdir(CHECKOUT)
    conf = Config.load("asv.conf.json")
    if asked.command == "compare":
        try:
            compare(conf, asked.commit, asked.machine, asked.only_changed, asked.factor)
        except ValueError as problem:
            print(problem, file=sys.stderr)
            return 2
    elif asked.command == "refresh":
        print(refresh(environments(conf)["newest"]))
    else:
        print(environments(conf)[asked.command].name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
