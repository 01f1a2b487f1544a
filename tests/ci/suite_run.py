"""The suite as users start it: pytest in a process of its own, on benchmarks/ci."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finished:
    """What a run said, and what it wrote."""

    status: int
    out: str
    results: Path

    @property
    def json(self) -> dict:
        return json.loads(self.results.read_text(encoding="utf-8"))

    def extra_info(self) -> dict[str, dict]:
        return {b["param"]: b["extra_info"] for b in self.json["benchmarks"]}


def run(
    *arguments: str, folder: Path, xdist: bool = False, plugin: str = "", start: Path = ROOT,
    file: str = "",
) -> Finished:  # fmt: skip
    """``pytest benchmarks/ci/file`` with these arguments; ``plugin`` is loaded before it."""
    # this process may be a worker of xdist itself, which the plugin would take for its own
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    env["COLUMNS"] = "80"
    suite = (Path() if start == ROOT else ROOT) / "benchmarks" / "ci" / file
    command = [sys.executable, "-m", "pytest", str(suite), "-p", "no:cacheprovider"]
    if plugin:
        (folder / "added_kernels.py").write_text(plugin, encoding="utf-8")
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), env.get("PYTHONPATH")]))
        command += ["-p", "added_kernels"]
    # its import takes longer than most of these runs
    command += ["-p", "no:hypothesispytest"]
    if not xdist:
        command += ["-p", "no:xdist"]
    finished = subprocess.run(
        [*command, *arguments], cwd=start, env=env, capture_output=True, text=True, check=False
    )
    return Finished(finished.returncode, finished.stdout + finished.stderr, folder / "results.json")


def collected(*arguments: str, folder: Path, plugin: str = "") -> list[str]:
    """Ids of the tests that would run: what stands in the brackets."""
    found = run("--collect-only", "-q", *arguments, folder=folder, plugin=plugin)
    assert found.status == 0, found.out
    prefix = "benchmarks/ci/test_kernels.py::test_kernel["
    lines = [line for line in found.out.splitlines() if "::" in line]
    assert all(line.startswith(prefix) for line in lines)
    return [line.removeprefix(prefix).removesuffix("]") for line in lines]
