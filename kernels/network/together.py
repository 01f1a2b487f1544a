"""The same training on several families of kernels, in turns: equal losses, unequal times.

Every family starts from the same weights and takes the same batches. A turn is a few steps; in
each round all families have theirs, in random order, so that a noisy machine hits all alike.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws
from einbench.network.agreement import LIMITS, Family, judge, roundings
from einbench.network.checkpoint import Checkpoint, digest
from einbench.network.optimizer import SGD, Descent
from einbench.network.sequential import Sequential
from einbench.network.training import Diverged
from einbench.units import seconds_text

Array = npt.NDArray[Any]
#: a family, and the network that it trains
Make = Callable[[str], Sequential]
#: (part done between 0 and 1, what is being done)
Progress = Callable[[float, str], None]

#: steps of a turn: the first finds the caches as another family left them, and is not timed
TURN = 6
#: rows of the step from which the time of a whole one is predicted
_PROBE_ROWS = 4
#: a step that will take longer than this is not made to be measured
_SLOW_S = 1.0
#: the loss of the first step does not depend on gradients yet
_LEAST_STEPS = 2
#: budgets that those may take
_MOST_BUDGETS = 2.0


class _Carried:
    """An optimizer whose velocities persist over several fits of one network."""

    def __init__(self, optimizer: SGD) -> None:
        self.rate = optimizer.rate
        self._optimizer = optimizer
        self._state: Descent | None = None

    @property
    def velocities(self) -> list[Array]:
        return self._state.velocities if self._state is not None else []

    def begin(self, parameters: Sequence[Array]) -> Descent:
        if self._state is None:
            self._state = self._optimizer.begin(parameters)
        return self._state


@dataclass
class _Runner:
    """A family's network, and what its next step is made of."""

    family: Family
    net: Sequential
    optimizer: Any
    x: Array
    y: Array
    #: (steps, batch): the rows of every step
    places: npt.NDArray[np.intp]

    def turn(self, steps: int) -> None:
        """Take the next steps; only whole turns are kept."""
        done = len(self.family.losses)
        rows = self.places[done : done + steps]
        x, y = self.x[rows.ravel()], self.y[rows.ravel()]
        try:
            losses, samples_s = _steps(self.net, self.optimizer, x, y, rows.shape[1])
        except Diverged as problem:
            losses, samples_s = problem.history.step_losses, []
            step = done + len(losses) + 1
            self.family.status = "failed"
            self.family.reason = f"the loss of step {step} is no finite number; try a smaller rate"
        self.family.used = {record.operation: record.kernel for record in self.net.ledger}
        self.family.losses += losses
        self.family.samples_s += samples_s


def train_together(
    make: Make,
    names: Sequence[str],
    x: Array,
    y: Array,
    *,
    steps: int = 100,
    batch: int = 128,
    optimizer: SGD | None = None,
    seed: int = 0,
    budget_s: float = 30.0,
    progress: Progress | None = None,
    keep: list[Family] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    on_round: Callable[[int], object] = lambda number: None,
) -> list[Family]:
    """Train a network per family on the same batches, and compare their losses and times.

    Args:
        make: a new network on kernels of that name, always with the same weights.
        names: of the families; the first is the one that others are compared with.
        x: samples in rows.
        y: a label or row for each.
        steps: of each family, all of whole batches.
        batch: rows of a step.
        optimizer: by default SGD(0.1).
        seed: of the batches, and of the order of the turns.
        budget_s: seconds that a family should take at most: a slow one takes fewer steps, and one
            that needs twice the budget for two steps is skipped with its prediction.
        progress: called with the part done and the family at work.
        keep: the families, while they train: what is there when Ctrl-C comes.
        checkpoint: a file that all of it is kept in after every round of turns.
        resume: go on from that file where it is there.
        on_round: called after each round with its number, from 1.

    Raises:
        ValueError: a batch larger than the data, unknown kernels, or a checkpoint of another
            training.
    """
    descending = optimizer or SGD(0.1)
    kept = None
    if checkpoint is not None:
        about = {
            "families": list(names), "steps": steps, "batch": batch, "seed": seed,
            "budget_s": budget_s, "rate": descending.rate, "momentum": descending.momentum,
            "data": digest(x, y),
        }  # fmt: skip
        kept = Checkpoint(checkpoint, about)
    state = kept.state() if kept is not None and resume else None
    families = keep if keep is not None else []
    places = _places(len(x), batch, steps, np.random.default_rng(seed))
    runners = []
    for name, before in _before(kept, state, names):
        if progress is not None:
            progress(0.0, f"{name}: compiling, choosing")
        family = before or Family(name)
        families.append(family)
        net = make(name)
        if before is None:
            _predict(family, partial(make, name), x[places[0]], y[places[0]])
            _allot(family, steps, budget_s)
        if family.wanted:
            carried = _Carried(descending)
            carried.begin(list(net.parameters.values()))
            runners.append(_Runner(family, net, carried, x, y, places))
    shuffler = np.random.default_rng(seed)
    rounds = -(-steps // TURN)
    done = 0
    if kept is not None and state is not None:
        kept.fill(*_arrays(runners))
        done = state["rounds"]
    orders = [shuffler.permutation(len(runners)) for _ in range(rounds)]
    for number in range(done, rounds):
        for index in orders[number]:
            runner = runners[index]
            until = -(-runner.family.wanted * (number + 1) // rounds)
            due = until - len(runner.family.losses)
            if runner.family.status != "ok" or due < 1:
                continue
            if progress is not None:
                progress(number / rounds, f"{runner.family.name}: step {until} of {steps}")
            runner.turn(due)
        if kept is not None:
            now = {"rounds": number + 1, "families": [asdict(family) for family in families]}
            kept.write(now, *_arrays(runners))
        on_round(number + 1)
    if progress is not None:
        progress(1.0, "comparing")
    judge(
        families,
        LIMITS[x.dtype.name],
        partial(_perturbed_losses, make, descending, x, y, places),
    )
    return families


def _before(
    kept: Checkpoint | None, state: dict[str, Any] | None, names: Sequence[str]
) -> list[tuple[str, Family | None]]:
    """Each name, and its family as it was kept."""
    if kept is None or state is None:
        return [(name, None) for name in names]
    try:
        families = [Family(**each) for each in state["families"]]
        if [family.name for family in families] != list(names) or state["rounds"] < 0:
            raise kept.damaged()
    except (KeyError, TypeError):
        raise kept.damaged() from None
    return list(zip(names, families, strict=True))


def _arrays(runners: Sequence[_Runner]) -> tuple[list[Array], list[Array]]:
    """Parameters and velocities of all."""
    parameters = [each for runner in runners for each in runner.net.parameters.values()]
    return parameters, [each for runner in runners for each in runner.optimizer.velocities]


def _perturbed_losses(
    make: Make,
    optimizer: SGD,
    x: Array,
    y: Array,
    places: npt.NDArray[np.intp],
    name: str,
    number: int,
    steps: int,
) -> list[float]:
    """The losses of a family from parameters perturbed by some roundings."""
    net = make(name)
    rng = np.random.default_rng(number)
    for parameter in net.parameters.values():
        away = roundings(number) * np.finfo(parameter.dtype).eps
        parameter *= 1 + away * draws.uniform(rng, -1, 1, parameter.shape).astype(parameter.dtype)
    rows = places[:steps]
    try:
        return _steps(net, optimizer, x[rows.ravel()], y[rows.ravel()], rows.shape[1])[0]
    except Diverged as problem:
        return problem.history.step_losses


def _places(count: int, batch: int, steps: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Rows of every step: whole batches of one shuffling after the other."""
    if not 1 <= batch <= count:
        raise ValueError(
            f"batch {batch} does not fit {count} samples; expected 1 to as many as there are"
        )
    whole = count // batch
    rounds = [
        rng.permutation(count)[: whole * batch].reshape(whole, batch)
        for _ in range(-(-steps // whole))
    ]
    return np.concatenate(rounds)[:steps]


def _predict(family: Family, make: Callable[[], Sequential], x: Array, y: Array) -> None:
    """Seconds of a step, from one of few rows; where that is short, from a whole one.

    A network of its own is trained, which is thrown away: afterwards everything is compiled and
    chosen.
    """
    few = min(_PROBE_ROWS, len(x))
    family.predicted_s = _probe(make(), x[:few], y[:few]) * len(x) / few
    if family.predicted_s <= _SLOW_S:
        family.predicted_s = _probe(make(), x, y)


def _probe(net: Sequential, x: Array, y: Array) -> float:
    """The second of two steps, for the first compiles and chooses."""
    samples_s = [_steps(net, SGD(0.0), x, y, len(x))[1][0] for _ in range(2)]
    return samples_s[1]


def _allot(family: Family, steps: int, budget_s: float) -> None:
    """As many steps as fit the budget; none where two are far beyond it."""
    step_s = family.predicted_s or 0.0
    least = min(_LEAST_STEPS, steps)
    if least * step_s > _MOST_BUDGETS * budget_s:
        family.status = "skipped"
        family.reason = f"about {seconds_text(step_s)} a step, and the budget is {budget_s:g} s"
        return
    family.wanted = steps if step_s * steps <= budget_s else max(least, int(budget_s / step_s))
    if family.wanted < steps:
        family.reason = (
            f"{family.wanted} of {steps} steps, for one takes about {seconds_text(step_s)}"
        )


def _steps(
    net: Sequential, optimizer: Any, x: Array, y: Array, batch: int
) -> tuple[list[float], list[float]]:
    """Loss of every step and seconds of all but the first; a single step's are timed as well."""
    ends_s: list[float] = []
    history = net.fit(
        x, y, epochs=1, batch=batch, optimizer=optimizer, order="given",
        on_step=lambda *step, **more: ends_s.append(time.perf_counter()),
    )  # fmt: skip
    if len(ends_s) < 2:
        return history.step_losses, list(history.epoch_s)
    return history.step_losses, [after - before for before, after in pairwise(ends_s)]
