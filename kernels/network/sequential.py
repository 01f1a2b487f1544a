"""Sequential: layers one after the other, a loss, and the kernels they run on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.names import check_dtype
from einbench.network import storage
from einbench.network.calls import Calls
from einbench.network.chain import Chain, forward
from einbench.network.checkpoint import Checkpoint
from einbench.network.elsewhere import elsewhere
from einbench.network.history import History
from einbench.network.inputs import samples
from einbench.network.layers import Layer
from einbench.network.ledger import Ledger
from einbench.network.losses import CrossEntropy, Loss
from einbench.network.optimizer import SGD, Optimizer
from einbench.network.plan import Plan, check_callbacks, plan
from einbench.network.shape import widths
from einbench.network.step import Gradients, InMemory, Source
from einbench.network.targets import as_labels, as_rows, count_right
from einbench.network.training import Judge, Training
from einbench.network.whole import Whole, whole

Array = npt.NDArray[Any]
#: rows that go through the layers together where nothing is kept of them: memory stays flat
BLOCK = 1000


class Sequential:
    """A network, trained by ``fit``; samples are rows, ``X.T`` of samples in columns.

    Args:
        layers: Linear, ReLU, Tanh, Sigmoid, Softmax, in order.
        loss: CrossEntropy on logits by default.
        kernels: ``auto`` for the fastest, a method as ``matmul`` for all operations, or
            ``{operation: method}``, auto for the others.
        seed: of the initial weights, and of the order of samples where fit is given none.
        dtype: float32 or float64, of parameters and all computations.
        whole: False goes layer by layer where one kernel could compute the whole network.

    Raises:
        TypeError: something is no layer or no loss.
        ValueError: shapes that do not chain, named layer by layer, or an unknown kernel.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Loss | None = None,
        *,
        kernels: str | Mapping[str, str] = "auto",
        seed: int | None = 0,
        dtype: npt.DTypeLike = "float32",
        whole: bool = True,
    ) -> None:
        if not isinstance(layers, Iterable):
            raise TypeError(f"layers={layers!r}: expected a list of layers, as [{layers!r}]")
        self.layers = tuple(layers)
        self.loss: Loss = CrossEntropy() if loss is None else loss
        self.features, self.outputs = widths(self.layers, self.loss)
        self.dtype = check_dtype(dtype)
        self.calls = Calls(kernels)
        self.rng = np.random.default_rng(seed)
        self._whole_allowed = whole
        for layer in self.layers:
            layer.begin(self.rng, self.dtype)

    @property
    def kernels(self) -> str | dict[str, str]:
        """The requested kernels."""
        return self.calls.families.choice

    def run_on(self, kernels: str | Mapping[str, str]) -> None:
        """Other kernels from now on, on a new ledger.

        Raises:
            ValueError: an unknown kernel, or one that cannot run here.
        """
        self.calls = Calls(kernels)

    @property
    def ledger(self) -> Ledger:
        """Where the time went, per operation and kernel; ``ledger.clear()`` starts anew."""
        return self.calls.ledger

    @property
    def parameters(self) -> dict[str, Array]:
        """``"0.weights"`` and so on, the layers' own arrays: writing to them changes the network.

        While fit runs they change places from step to step; before and after they are the same.
        """
        return {
            f"{number}.{name}": getattr(layer, name)
            for number, layer in enumerate(self.layers)
            for name in layer.names
        }

    @property
    def whole(self) -> Whole | None:
        """The network as one kernel computes it; None where it has another shape."""
        return whole(self.layers, self.loss) if self._whole_allowed else None

    @property
    def stepper(self) -> Gradients:
        """Loss, outputs and gradients in one call: as a whole, or layer by layer."""
        return self.whole or Chain(self.layers, self.loss)

    def forward(self, x: Any) -> Array:
        """Outputs of the last layer, a row a sample; of one sample (1-D) a vector.

        Of a dask array they are one too, with the parameters as they are now.

        Raises:
            TypeError: x is not of real numbers.
            ValueError: it has another shape, or a number that is not finite.
        """
        if cluster := elsewhere(x):
            return cluster.forward(self, x)
        return self._in_blocks(x, lambda rows: forward(self.layers, self.calls, rows))

    def probabilities(self, x: Any) -> Array:
        """Softmax of the outputs where they are logits; else the outputs."""
        if cluster := elsewhere(x):
            return cluster.probabilities(self, x)
        shortcut = self.whole
        if shortcut is not None:
            return self._in_blocks(x, lambda rows: shortcut.probabilities(self.calls, rows))
        if self.loss.takes != "logits":
            return self.forward(x)
        return self._in_blocks(
            x, lambda rows: self.calls("softmax", forward(self.layers, self.calls, rows))
        )

    def predict(self, x: Any) -> Any:
        """argmax_c of the outputs: int64 (samples,), of one sample a scalar."""
        if cluster := elsewhere(x):
            return cluster.predict(self, x)
        return self.probabilities(x).argmax(axis=-1)

    def accuracy(self, x: Any, y: Any) -> float:
        """Fraction of samples whose class is predicted; y are labels or rows."""
        return self.evaluate(x, y)[1]

    def loss_value(self, x: Any, y: Any) -> float:
        """The loss of these samples together, as the reduction makes it."""
        if cluster := elsewhere(x):
            return cluster.loss_value(self, x, y)
        rows, targets = self.checked(x, y)
        total = self.totals(rows, targets)[0]
        return total / len(rows) if self.loss.reduction == "mean" else total

    def evaluate(self, x: Any, y: Any) -> tuple[float, float]:
        """(loss, accuracy), both means over the samples; accuracy of a single output is NaN."""
        if cluster := elsewhere(x):
            return cluster.evaluate(self, x, y)
        return self.judge(*self.checked(x, y))

    def gradients(self, x: Any, y: Any) -> tuple[float, list[tuple[int, str, Array]]]:
        """The loss, and its gradient by every parameter: (number of the layer, name, array)."""
        if cluster := elsewhere(x):
            return cluster.gradients(self, x, y)
        rows, targets = self.checked(x, y)
        loss, _, gradients, factor = self.stepper(self.calls, rows, targets)
        names = [(n, name) for n, layer in enumerate(self.layers) for name in layer.names]
        for gradient in gradients:
            gradient *= factor
        pairs = zip(names, gradients, strict=True)
        return float(loss), [(number, name, gradient) for (number, name), gradient in pairs]

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        batch: int | None = 128,
        optimizer: Optimizer | None = None,
        validation: tuple[Any, Any] | None = None,
        target: float | None = None,
        order: str = "shuffled",
        every: int | None = None,
        seed: int | None = None,
        on_step: Callable[[int, float], object] | None = None,
        on_epoch: Callable[[History], object] | None = None,
        on_interrupt: str = "raise",
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
    ) -> History:
        """Train; a Ctrl-C, a loss that is no number, or an error leaves whole parameters behind.

        Args:
            x: samples, rows of numbers; converted to the network's dtype once. Of a dask array the
                workers add up the gradients of its blocks, and bytes are pixels, 1 / 255 of them.
            y: integer labels, one-hot rows, or rows of numbers for a squared error.
            epochs: rounds through the samples; one where steps are not given either.
            steps: steps instead of epochs; an epoch of the history is then ``every`` steps,
                or as many as a round has.
            batch: samples a step; None: all of them.
            optimizer: SGD(0.1) by default.
            validation: (x, y) to judge on after each epoch.
            target: stop after an epoch in which the accuracy reached this: on validation, or on
                the training samples where there is none.
            order: ``shuffled``, ``given``, or ``random``, drawn with replacement.
            every: steps of an epoch of the history, where steps are given.
            seed: of the order; None continues the network's own generator.
            on_step: called with the number of the step, from 1, and its loss.
            on_epoch: called with the history after each epoch.
            on_interrupt: after a Ctrl-C parameters and history are those of the last whole
                epoch; ``raise`` then raises it again, ``return`` returns the history.
            checkpoint: a file that the training is kept in after every epoch; it needs a seed,
                and of an optimizer of your own that its state is the arrays ``velocities``.
            resume: go on from that file where it is there, with the steps that would have come.

        Raises:
            TypeError: data that are not numbers.
            ValueError: data or settings that do not fit, each named; a checkpoint of another
                training.
            OSError: the checkpoint cannot be read; one that cannot be written is a warning.
            Diverged: the loss became infinite or NaN; the last good parameters are kept.
        """
        descending = SGD(0.1) if optimizer is None else optimizer
        check_callbacks(descending, on_step, on_epoch, seed)
        cluster = elsewhere(x)
        source: Source = cluster.source(self, x, y) if cluster else self._in_memory(x, y)
        judge = None if validation is None else self._judge(validation, x)
        settings = plan(
            source.count, epochs=epochs, steps=steps, batch=batch, every=every, order=order,
            target=target, on_interrupt=on_interrupt, outputs=self.outputs,
        )  # fmt: skip
        rng = self.rng if seed is None else np.random.default_rng(seed)
        kept = None
        if checkpoint is not None:
            if seed is None:
                raise ValueError("checkpoint= goes on with the same order of samples: give a seed")
            kept = Checkpoint(checkpoint, self._about(source, settings, descending, seed))
        elif resume:
            raise ValueError("resume=True goes on from a file: give checkpoint= too")
        return Training(
            self.layers, self.loss, self.calls, source, judge, settings, descending, rng, on_step,
            on_epoch, kept, resume,
        ).train()  # fmt: skip

    def _in_memory(self, x: Any, y: Any) -> InMemory:
        return InMemory(*self.checked(x, y), self.stepper, self.calls, self.outputs == 1)

    def _about(
        self, source: Source, settings: Plan, optimizer: Optimizer, seed: int
    ) -> dict[str, Any]:
        """What decides the steps of a training."""
        return {
            "layers": [repr(layer) for layer in self.layers],
            "loss": repr(self.loss),
            "dtype": self.dtype.name,
            "batch": settings.batch,
            "order": settings.order,
            "every": settings.every,
            "seed": seed,
            "rate": optimizer.rate,
            "momentum": getattr(optimizer, "momentum", None),
            "samples": source.count,
            "data": source.digest(),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write architecture and parameters to an npz file, whole or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        storage.save(path, self.layers, self.loss, self.dtype, self.parameters)

    def load_parameters(self, path: str | os.PathLike[str]) -> None:
        """Take the parameters of a saved network of this architecture.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no network, or another one: the first layer that differs.
        """
        saved = storage.read(path)
        saved.check_architecture(self.layers, self.dtype)
        saved.fill(self.parameters)

    def checked(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Rows and targets as the loss takes them, in the network's dtype."""
        rows, single = samples(x, self.features, self.dtype)
        if not len(rows):
            raise ValueError("x has no samples; expected one at least")
        if self.loss.labels:
            return rows, as_labels(y, len(rows), self.outputs, single=single)
        return rows, as_rows(y, len(rows), self.outputs, self.dtype, single=single)

    def judge(self, rows: Array, targets: Array) -> tuple[float, float]:
        """(loss, accuracy) of samples that are checked already, means over them."""
        total, right = self.totals(rows, targets)
        count = len(rows)
        return total / count, right / count if self.outputs > 1 else float("nan")

    def _judge(self, validation: Any, x: Any) -> Judge:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise TypeError("validation must be a pair (x, y)")
        cluster = elsewhere(x, validation[0])
        try:
            if cluster:
                return cluster.judge(self, x, *validation)
            return partial(self.judge, *self.checked(*validation))
        except (TypeError, ValueError) as problem:
            raise type(problem)(f"validation: {problem}") from None

    def totals(self, rows: Array, targets: Array) -> tuple[float, int]:
        """The loss summed over samples, and how many are right."""
        total, right = 0.0, 0
        mean, whole = self.loss.reduction == "mean", self.whole
        for start in range(0, len(rows), BLOCK):
            x, t = rows[start : start + BLOCK], targets[start : start + BLOCK]
            # layer by layer the loops of a family may take hours where these take seconds
            outputs = whole.outputs(self.calls, x) if whole else self._through(x)
            total += float(self.loss.value(self.calls, outputs, t)) * (len(x) if mean else 1)
            right += count_right(outputs, t)
        return total, right

    def _through(self, rows: Array) -> Array:
        return forward(self.layers, self.calls, rows)

    def _in_blocks(self, x: Any, compute: Callable[[Array], Array]) -> Array:
        rows, single = samples(x, self.features, self.dtype)
        result = np.empty((len(rows), self.outputs), self.dtype)
        for start in range(0, len(rows), BLOCK):
            result[start : start + BLOCK] = compute(rows[start : start + BLOCK])
        return result[0] if single else result

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        return (
            f"Sequential([{layers}], loss={self.loss!r}, kernels={self.kernels!r}, "
            f"dtype={self.dtype.name!r})"
        )
