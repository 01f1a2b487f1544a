"""A gradient over blocks of rows on Dask, event by event: what scheduler and workers do, and when.

One scheduler handles one task after the other, ``scheduler_s`` each. A worker has one thread, and
up to two tasks: one that runs and one that waits, as Dask sends them (worker-saturation 1.1). A
block is read and computed; partial results are added in a tree, where an addition fetches all but
one of its operands over the network. A worker that has ended a task says so, and gets its next one,
one ``latency_s`` later each way. Nothing is stolen from a worker that has a task waiting.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Cluster:
    """What is stated or was measured of it."""

    workers: int
    #: of the scheduler's own thread for each task
    scheduler_s: float
    latency_s: float = 0.0
    #: of a worker for each task, before the next begins
    worker_s: float = 0.0
    #: of the network between two workers
    bytes_per_s: float = math.inf


@dataclass(frozen=True)
class Work:
    """One step: blocks, and a tree that adds what they give."""

    blocks: int
    #: of reading and computing one
    block_s: float
    #: of one partial result
    result_bytes: int = 0
    #: of adding one operand to another
    add_s: float = 0.0
    fan_in: int = 4


class Outcome(NamedTuple):
    """Seconds of the step, and how much of them the scheduler and the workers were at work."""

    wall_s: float
    scheduler_s: float
    #: of all workers together, additions and what they fetch included
    workers_s: float
    tasks: int


class _Node:
    """A task: what it waits for, and what waits for it."""

    __slots__ = ("missing", "operands", "parent")

    def __init__(self, operands: int) -> None:
        self.operands = self.missing = operands
        self.parent: _Node | None = None


def tree(blocks: int, fan_in: int) -> tuple[list[_Node], int]:
    """The blocks, each below the addition that takes it; and how many tasks there are in all."""
    leaves = level = [_Node(0) for _ in range(blocks)]
    count = blocks
    while len(level) > 1:
        above = []
        for first in range(0, len(level), fan_in):
            children = level[first : first + fan_in]
            if len(children) == 1:
                above += children
                continue
            node = _Node(len(children))
            for child in children:
                child.parent = node
            above.append(node)
            count += 1
        level = above
    return leaves, count


def simulate(work: Work, cluster: Cluster) -> Outcome:
    """The step from the moment at which its graph is there until the last result is known."""
    leaves, count = tree(work.blocks, work.fan_in)
    return _Run(work, cluster, leaves).outcome(count)


class _Run:
    """The state of one simulation."""

    def __init__(self, work: Work, cluster: Cluster, leaves: list[_Node]) -> None:
        self.work, self.cluster = work, cluster
        self.blocks, self.additions = deque(leaves), deque[_Node]()
        #: of each worker the tasks it has, the one that runs first, and when each arrives
        self.held: list[deque[tuple[float, _Node]]] = [deque() for _ in range(cluster.workers)]
        #: workers that have no task, and one; a place may be out of date
        self.places = deque(range(cluster.workers)), deque[int]()
        #: (when, number, worker, what the scheduler hears of; None where the worker ends it)
        self.events: list[tuple[float, int, int, _Node | None]] = []
        self.numbers = itertools.count()
        self.scheduler_s = self.workers_s = self.free_s = 0.0

    def outcome(self, count: int) -> Outcome:
        self._assign(0.0)
        now_s = 0.0
        while self.events:
            now_s, _, worker, known = heapq.heappop(self.events)
            if known is None:
                self._end(worker, now_s)
                continue
            parent = known.parent
            if parent is not None:
                parent.missing -= 1
                if parent.missing == 0:
                    self.additions.append(parent)
            self._place(worker)
            self._assign(now_s)
        return Outcome(now_s, self.scheduler_s, self.workers_s, count)

    def _end(self, worker: int, now_s: float) -> None:
        """A worker has done a task: it begins the next, and the scheduler hears of it."""
        _, node = self.held[worker].popleft()
        self._begin(worker, now_s)
        cost_s = self.cluster.scheduler_s
        self.free_s = max(self.free_s, now_s + self.cluster.latency_s) + cost_s
        self.scheduler_s += cost_s
        heapq.heappush(self.events, (self.free_s, next(self.numbers), worker, node))

    def _begin(self, worker: int, now_s: float) -> None:
        if self.held[worker]:
            arrived_s, node = self.held[worker][0]
            took_s = self._duration_s(node)
            self.workers_s += took_s
            end_s = max(now_s, arrived_s) + took_s
            heapq.heappush(self.events, (end_s, next(self.numbers), worker, None))

    def _duration_s(self, node: _Node) -> float:
        own_s = self.cluster.worker_s
        if not node.operands:
            return own_s + self.work.block_s
        sent_s = self.work.result_bytes / self.cluster.bytes_per_s + 2 * self.cluster.latency_s
        return own_s + (node.operands - 1) * (sent_s + self.work.add_s)

    def _place(self, worker: int) -> None:
        if len(self.held[worker]) < 2:
            self.places[len(self.held[worker])].append(worker)

    def _assign(self, now_s: float) -> None:
        """Tasks to workers that have none, then to those that have one."""
        while self.additions or self.blocks:
            count = next((n for n in (0, 1) if self.places[n]), None)
            if count is None:
                return
            worker = self.places[count].popleft()
            if len(self.held[worker]) != count:
                self._place(worker)
                continue
            node = (self.additions or self.blocks).popleft()
            self.held[worker].append((now_s + self.cluster.latency_s, node))
            if count == 0:
                self._begin(worker, now_s)
            self._place(worker)
