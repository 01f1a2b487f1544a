"""The simulation of a step, on cases that can be done by hand and between bounds that must hold."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

_PATH = Path(__file__).parents[2] / "benchmarks" / "cluster" / "simulate.py"


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("cluster_simulate", _PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


sim = _module()


def wall_s(workers: int, scheduler_s: float, **work: Any) -> float:
    return float(sim.simulate(sim.Work(**work), sim.Cluster(workers, scheduler_s)).wall_s)


def test_one_block_takes_its_time_and_the_schedulers() -> None:
    assert wall_s(1, 0.5, blocks=1, block_s=2.0) == 2.5


@pytest.mark.parametrize(("workers", "rounds"), [(1, 8), (2, 4), (4, 2), (8, 1), (100, 1)])
def test_workers_share_blocks(workers: int, rounds: int) -> None:
    assert wall_s(workers, 0.0, blocks=8, block_s=1.0, fan_in=8) == rounds


def test_a_slow_scheduler_is_what_limits() -> None:
    # 16 blocks and 5 additions, one after the other
    assert wall_s(1000, 1.0, blocks=16, block_s=0.0) == 21.0


def test_a_worker_takes_its_own_time_for_each_task() -> None:
    found = sim.simulate(sim.Work(3, 1.0), sim.Cluster(1, 0.0, worker_s=0.25))
    assert (found.wall_s, found.tasks) == (4.0, 4)


def test_an_addition_fetches_all_but_one_of_its_operands() -> None:
    work = sim.Work(blocks=4, block_s=1.0, result_bytes=100, add_s=0.5)
    found = sim.simulate(work, sim.Cluster(4, 0.0, bytes_per_s=50.0))
    assert found.wall_s == 1.0 + 3 * (100 / 50.0 + 0.5)
    assert found.tasks == 5


@pytest.mark.parametrize("blocks", [1, 2, 4, 5, 16, 17, 100])
def test_a_tree_adds_every_block_once(blocks: int) -> None:
    leaves, count = sim.tree(blocks, 4)
    assert len(leaves) == blocks
    roots = set()
    for leaf in leaves:
        node = leaf
        while node.parent is not None:
            node = node.parent
        roots.add(id(node))
    assert len(roots) == 1
    assert blocks <= count <= blocks + blocks // 3 + 3


@given(
    blocks=st.integers(1, 60), workers=st.integers(1, 9), block_s=st.floats(0, 1),
    scheduler_s=st.floats(0, 0.2), add_s=st.floats(0, 0.1), latency_s=st.floats(0, 0.05),
)  # fmt: skip
def test_no_run_beats_its_bounds(
    blocks: int, workers: int, block_s: float, scheduler_s: float, add_s: float, latency_s: float
) -> None:
    work = sim.Work(blocks, block_s, 10, add_s)
    found = sim.simulate(work, sim.Cluster(workers, scheduler_s, latency_s, 1e3))
    most = found.workers_s + found.scheduler_s + 2 * latency_s * found.tasks
    least = max(found.workers_s / workers, found.scheduler_s, block_s + scheduler_s)
    assert least <= found.wall_s + 1e-9
    assert found.wall_s <= most + 1e-9
    assert found.scheduler_s == pytest.approx(found.tasks * scheduler_s)
