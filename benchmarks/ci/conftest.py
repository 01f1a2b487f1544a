"""Options and hooks of the suite; what each of them does has a file of its own."""

# ruff: noqa: E402 - the number of BLAS threads is set before NumPy is imported
from __future__ import annotations

import os
import shlex
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

with pytest.MonkeyPatch.context() as _patched:
    _patched.syspath_prepend(str(Path(__file__).parents[1]))
    import blas_timeout
blas_timeout.here()

import einbench
from einbench.host.machine import limit_threads, machine
from einbench.measure.workload import load_images, refuse_too_large
from einbench.verbs.compare import check_batches

from . import provenance, table, untimed
from .groups import BATCHES, MAX_TIME_S, ROUND_S, parameters
from .suite import Suite

_BATCHES = pytest.StashKey[tuple[int, ...]]()
_SUITE = pytest.StashKey[Suite]()
_MISSING = (
    "benchmarks/ci needs pytest-benchmark, which is not loaded: pip install '.[bench]', "
    "or make bench-ci, which sets everything up"
)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """``--batch`` and ``--threads``, as einbench compare has them."""
    # parsed here, before pytest looks at the arguments: --benchmark-json would be unknown
    if not pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError(_MISSING)
    options = parser.getgroup("einbench")
    default = ",".join(map(str, BATCHES))
    options.addoption("--batch", metavar="N,N", help=f"rows per call (default: {default})")
    options.addoption("--threads", type=int, help="of BLAS and numba (default: all cores)")


def pytest_configure(config: pytest.Config) -> None:
    """Settle threads and what is shown, before the plugin reads its options."""
    untimed.refuse_empty_results(config)
    config.stash[_BATCHES] = _batches(config.getoption("batch", None))
    stack = ExitStack()
    config.add_cleanup(stack.close)
    try:
        used = stack.enter_context(limit_threads(config.getoption("threads", None)))
    except ValueError as problem:
        raise pytest.UsageError(str(problem)) from problem
    config.stash[_SUITE] = Suite({**machine(), "threads": used})
    for name, value in table.DISPLAY.items():
        if not _given(config, name):
            setattr(config.option, f"benchmark_{name}", value)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """The machine and the copy of the kernels, above everything."""
    return provenance.header(config.stash[_SUITE].facts)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for every kernel at every batch."""
    if "kernel" not in metafunc.fixturenames:
        return
    batches = metafunc.config.stash[_BATCHES]
    # a marker would win over the command line, where the user's word counts
    mine = {"max_time": MAX_TIME_S, "min_time": ROUND_S}
    settings = {name: s for name, s in mine.items() if not _given(metafunc.config, name)}
    metafunc.parametrize(
        ("operation", "batch", "kernel"),
        list(parameters(einbench.operations.values(), batches, settings)),
    )


def _batches(text: str | None) -> tuple[int, ...]:
    if text is None:
        return BATCHES
    try:
        batches = check_batches([int(part) for part in text.split(",")])
        refuse_too_large(max(batches), load_images(None))
    except ValueError as problem:
        raise pytest.UsageError(f"--batch {text}: {problem}") from problem
    return batches


def _given(config: pytest.Config, name: str) -> bool:
    """Whether the user gave this option of the plugin; its value may be the default."""
    given = (
        *config.invocation_params.args,
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *config.getini("addopts"),
    )
    flag = f"--benchmark-{name.replace('_', '-')}"
    return any(str(argument).partition("=")[0] == flag for argument in given)


@pytest.fixture
def suite(request: pytest.FixtureRequest) -> Suite:
    """What the tests of this session share."""
    return request.config.stash[_SUITE]


# The plugin's hooks are optional: without the plugin, its absence is to be reported and not theirs.


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    """Add the suite's facts; leave out the host's name, which no result here carries."""
    machine_info.pop("node", None)
    machine_info["einbench"] = config.stash[_SUITE].facts


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_commit_info(config: pytest.Config, commit_info: dict[str, Any]) -> None:
    """Add whether the commit named is what ran."""
    commit_info["kernels"] = provenance.origin()


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_compare_machine_info(
    config: pytest.Config, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> None:
    """Keep what differs, to be said in one line: the plugin dumps both machines whole."""
    then = compared_benchmark["machine_info"].get("einbench", {})
    config.stash[_SUITE].compared += provenance.differences(machine_info["einbench"], then)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_benchmark_group_stats(
    config: pytest.Config, benchmarks: list[table.Row], group_by: str
) -> Generator[None, Any, Any]:
    """What the table shows."""
    benchmarks[:] = table.only_judged(benchmarks, config.stash[_SUITE].unjudged)
    groups = yield
    if group_by != "group":
        return groups
    ordered = table.as_run(groups, benchmarks)
    table.rename(benchmarks)
    return ordered


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The end of the output, below the table: what the names mean, and what was not done."""
    mine = config.stash[_SUITE]
    if mine.timed_count:
        for line in table.LEGEND:
            terminalreporter.write_line(line)
        if path := config.getoption("benchmark_json", None):
            # the plugin's versions below 5.3 hand over the opened file
            name = path if isinstance(path, Path) else path.name
            terminalreporter.write_line(f"times with all samples: {name}")
    if mine.compared:
        said = "; ".join(mine.compared)
        terminalreporter.write_line(f"COMPARED WITH ANOTHER MACHINE: {said}", yellow=True)
    skipped = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    for line in untimed.lines(config, skipped):
        terminalreporter.write_line(line, yellow=True, bold=True)
