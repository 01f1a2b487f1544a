"""A network gives with dask arrays what it gives with the same numbers in one array."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench

dask = pytest.importorskip("dask", reason="dask is not installed (pip install 'einbench[dask]')")
da = pytest.importorskip("dask.array")

N = einbench.network
Array = np.ndarray[Any, Any]
COUNT, FEATURES, CLASSES = 700, 12, 3
RNG = np.random.default_rng(5)
X = RNG.random((COUNT, FEATURES))
Y = X[:, :CLASSES].argmax(axis=1)
#: blocks that end inside batches, an empty one among them
ROWS = (300, 0, 150, 250)
DX, DY = da.from_array(X, chunks=(ROWS, -1)), da.from_array(Y, chunks=(ROWS,))


def network(kind: str = "whole", kernels: str = "matmul", dtype: str = "float64") -> Any:
    one, two = N.Linear(FEATURES, 8), N.Linear(8, 6)
    layers = [one, N.ReLU(), two, N.ReLU(), N.Linear(6, CLASSES)]
    loss = N.CrossEntropy("sum" if kind == "summed" else "mean")
    if kind == "chain":
        layers, loss = [one, N.Tanh(), N.Linear(8, CLASSES), N.Softmax()], N.NegativeLogLikelihood()
    if kind == "squared":
        layers, loss = [one, N.Sigmoid(), N.Linear(8, CLASSES)], N.MeanSquaredError()
    if kind == "single":
        layers, loss = [one, N.Tanh(), N.Linear(8, 1)], N.MeanSquaredError()
    return N.Sequential(layers, loss=loss, kernels=kernels, dtype=dtype)


def targets(kind: str) -> Array:
    return X[:, 0] ** 2 if kind == "single" else Y


def fit(net: Any, x: Any, y: Any, **more: Any) -> Any:
    settings = {"epochs": 2, "batch": 160, "seed": 1, "optimizer": N.SGD(0.01)}
    return net.fit(x, y, **{**settings, **more})


def assert_close(history: Any, expected: Any) -> None:
    np.testing.assert_allclose(history.step_losses, expected.step_losses, rtol=1e-12)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-12)
    np.testing.assert_array_equal(history.accuracy, expected.accuracy)
    np.testing.assert_allclose(history.validation_loss, expected.validation_loss, rtol=1e-12)
    assert history.validation_accuracy == expected.validation_accuracy


def bits(net: Any) -> list[bytes]:
    return [parameter.tobytes() for parameter in net.parameters.values()]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Array, Array]:
    """Pixels in a file, and the numbers that they are."""
    path = tmp_path_factory.mktemp("mapped") / "pixels.npy"
    pixels = RNG.integers(0, 256, (COUNT, FEATURES), np.uint8)
    np.save(path, pixels)
    return path, pixels, pixels / 255


def mapped(path: Path, chunks: Any = (300, -1)) -> Any:
    return da.from_array(einbench.mapped(np.load(path, mmap_mode="r")), chunks=chunks)


@pytest.mark.parametrize("order", ["shuffled", "given", "random"])
@pytest.mark.parametrize("kind", ["whole", "summed", "chain", "squared", "single"])
def test_every_step_is_that_of_one_array(kind: str, order: str) -> None:
    one, other, y = network(kind), network(kind), targets(kind)
    expected = fit(one, X, y, order=order)
    found = fit(other, DX, da.from_array(y, chunks=(ROWS,)), order=order)
    assert_close(found, expected)
    for mine, truth in zip(other.parameters.values(), one.parameters.values(), strict=True):
        np.testing.assert_allclose(mine, truth, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("kernels", ["numba", "tiled"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_every_kernel_and_dtype(kernels: str, dtype: str) -> None:
    one, other = network("whole", kernels, dtype), network("whole", kernels, dtype)
    expected, found = fit(one, X, Y), fit(other, DX, DY)
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(found.step_losses, expected.step_losses, rtol=tolerance)
    assert other.parameters["0.weights"].dtype == dtype
    used = {record.operation: record.kernel for record in other.ledger}
    assert used["mlp_logits_gradients"] == kernels


def test_the_fastest_kernels_are_chosen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from einbench.choose.deciding import decide
    from einbench.cluster import choosing

    asked: list[str] = []

    def estimate(op: Any, bound: Any, threads: Any, **how: Any) -> Any:
        asked.append(op.name)
        return decide(op, bound, threads, "estimate")

    monkeypatch.setattr(choosing, "decide", estimate)
    expected = fit(network(), X, Y)
    net = network(kernels="auto")
    assert_close(fit(net, DX, DY), expected)
    assert asked == ["mlp_logits_gradients", "cross_entropy"]
    assert {record.operation for record in net.ledger} == set(asked)


@pytest.mark.parametrize("form", ["labels", "rows", "chunks", "numpy", "numpy rows"])
def test_targets_come_in_every_form(form: str) -> None:
    rows = np.eye(CLASSES)[Y]
    y = {
        "labels": DY, "rows": da.from_array(rows, chunks=(ROWS, 1)), "numpy": Y,
        "chunks": da.from_array(Y, chunks=17), "numpy rows": rows,
    }[form]  # fmt: skip
    for kind in ("whole", "squared"):
        expected = fit(network(kind), X, Y)
        assert_close(fit(network(kind), DX, y), expected)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_validation_target_and_callbacks_are_those_of_one_array(momentum: float) -> None:
    how: dict[str, Any] = {"optimizer": N.SGD(0.3, momentum), "epochs": 6, "target": 0.5}
    steps: list[tuple[int, float]] = []
    expected = fit(network(), X, Y, validation=(X[:50], Y[:50]), **how)
    epochs: list[int] = []
    for validation in ((DX[:50], DY[:50]), (X[:50], Y[:50])):
        steps.clear()
        found = fit(
            network(), DX, DY, validation=validation, on_step=lambda *step: steps.append(step),
            on_epoch=lambda history: epochs.append(history.epochs), **how,
        )  # fmt: skip
        assert_close(found, expected)
        assert steps == list(enumerate(found.step_losses, 1))
        assert found.stopped == expected.stopped
    assert epochs == [*range(1, expected.epochs + 1)] * 2
    found = fit(network(), X, Y, validation=(DX[:50], DY[:50]), **how)
    assert_close(found, expected)


def test_bytes_are_pixels_in_validation_too(file: tuple[Path, Array, Array]) -> None:
    path, pixels, numbers = file
    expected = fit(network(), numbers, Y, validation=(numbers, Y))
    for x in (mapped(path), da.from_array(pixels, chunks=(ROWS, -1))):
        for validation in ((x, Y), (pixels, Y)):
            assert_close(fit(network(), x, Y, validation=validation), expected)
    net = network()
    np.testing.assert_allclose(net.forward(mapped(path)).compute(), net.forward(numbers))


def test_rows_of_a_memory_map_are_gathered_from_the_file(file: tuple[Path, Array, Array]) -> None:
    from einbench.cluster.blocks import blocks_of
    from einbench.cluster.mapped import Mapped

    x = mapped(file[0])
    for part in (x, x[100:], x[50:650:3], x[:, 2:5]):
        blocks = blocks_of(part)
        assert all(isinstance(argument, Mapped) for argument in blocks.arguments)
        assert not any(blocks.graphs)
        found = np.concatenate([np.asarray(argument) for argument in blocks.arguments])
        np.testing.assert_array_equal(found, part.compute())
    for computed in (x + 1, x[[5, 2, 400]], x[::-1].rechunk((200, -1))):
        assert not any(isinstance(each, Mapped) for each in blocks_of(computed).arguments)


def test_a_task_holds_no_block_in_the_networks_dtype(tmp_path: Path) -> None:
    from einbench.cluster.share import Share, bare, gradient_sums

    np.save(tmp_path / "a.npy", np.zeros((40_000, FEATURES * 20), np.uint8))
    pixels = einbench.mapped(np.load(tmp_path / "a.npy", mmap_mode="r"))
    net = N.Sequential([N.Linear(FEATURES * 20, 4)], kernels="matmul", dtype="float64")
    labels, parameters = np.zeros(40_000, np.int64), list(net.parameters.values())
    share = Share(bare(net), {})
    gradient_sums(share, parameters, pixels, labels, slice(0, 9), 0)
    for rows in (slice(0, 40_000), np.arange(0, 40_000, dtype=np.uint32)):
        tracemalloc.start()
        gradient_sums(share, parameters, pixels, labels, rows, 0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # as float64 the block is 77 MB
        assert peak < 5e6


def test_how_many_rows_a_task_has_depends_on_blocks_and_batch_alone() -> None:
    from einbench.cluster.blocks import ROWS as MOST
    from einbench.cluster.blocks import blocks_of

    blocks = blocks_of(da.zeros((3 * MOST, 2), chunks=((2 * MOST + 2, MOST - 2), -1)))
    whole = [(part.block, part.rows) for part in blocks.parts(slice(1, 3 * MOST))]
    third = (2 * MOST + 1) // 3
    assert [number for number, _ in whole] == [0, 0, 0, 1]
    assert [rows.start - 1 for _, rows in whole[:3]] == [0, third, 2 * (2 * MOST + 1) // 3]
    assert whole[3][1] == slice(0, MOST - 2)
    chosen = np.array([5, 2, 3 * MOST - 1, 2])
    assert [(p.block, p.rows.tolist()) for p in blocks.parts(chosen)] == [
        (0, [2, 2, 5]), (1, [MOST - 3])
    ]  # fmt: skip


class Killed(BaseException):
    """Whatever is done about exceptions is not done about this one."""


@pytest.mark.parametrize("how", [{}, {"order": "given"}, {"optimizer": N.SGD(0.1, 0.5)}])
def test_it_goes_on_from_a_checkpoint_with_the_same_bits(
    how: dict[str, Any], file: tuple[Path, Array, Array], tmp_path: Path
) -> None:
    whole, killed, again, kept = network(), network(), network(), tmp_path / "a.npz"
    expected = fit(whole, mapped(file[0]), DY, epochs=4, **how)

    def kill(history: Any) -> None:
        if history.epochs == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(killed, mapped(file[0]), DY, epochs=4, checkpoint=kept, on_epoch=kill, **how)
    found = fit(again, mapped(file[0]), DY, epochs=4, checkpoint=kept, resume=True, **how)
    assert bits(again) == bits(whole)
    assert found.step_losses == expected.step_losses


def test_a_checkpoint_of_other_data_is_refused(tmp_path: Path) -> None:
    kept, path = tmp_path / "a.npz", tmp_path / "x.npy"
    np.save(path, X)
    fit(network(), mapped(path), DY, checkpoint=kept)
    for x, y in ((mapped(path, (200, -1)), DY), (mapped(path), 2 - DY), (mapped(path), 2 - Y)):
        with pytest.raises(ValueError, match="is of a training with data "):
            fit(network(), x, y, checkpoint=kept, resume=True)
    np.save(path, np.vstack([X, X])[:COUNT])
    with pytest.raises(ValueError, match="is of a training with data "):
        fit(network(), mapped(path), DY, checkpoint=kept, resume=True)


def test_where_it_diverges_the_last_good_parameters_are_kept() -> None:
    one, other = network("squared"), network("squared")
    for net, x, y in ((one, X, Y), (other, DX, DY)):
        with pytest.raises(N.Diverged) as caught:
            fit(net, x, y, optimizer=N.SGD(1e200), epochs=5)
        assert caught.value.step == 2
    assert all(np.isfinite(p).all() for p in other.parameters.values())


def test_outputs_are_lazy_and_of_the_parameters_as_they_were() -> None:
    net = network("whole")
    for name in ("forward", "probabilities", "predict"):
        lazy, expected = getattr(net, name)(DX), getattr(net, name)(X)
        assert isinstance(lazy, da.Array)
        assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
        assert lazy.chunks[0] == ROWS
        before = net.parameters["0.weights"].copy()
        net.parameters["0.weights"][:] = 0
        np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-12)
        net.parameters["0.weights"][:] = before
        one = getattr(net, name)(da.from_array(X[0], chunks=-1))
        np.testing.assert_allclose(one.compute(), expected[0], rtol=1e-12)


@pytest.mark.parametrize("kind", ["whole", "summed", "chain", "squared", "single"])
def test_loss_accuracy_and_gradients_are_those_of_one_array(kind: str) -> None:
    net, y = network(kind), targets(kind)
    dy = da.from_array(y, chunks=(ROWS,))
    np.testing.assert_allclose(net.evaluate(DX, dy), net.evaluate(X, y), rtol=1e-12)
    np.testing.assert_equal(net.accuracy(DX, dy), net.accuracy(X, y))
    assert net.loss_value(DX, dy) == pytest.approx(net.loss_value(X, y), rel=1e-12)
    (loss, found), (expected_loss, expected) = net.gradients(DX, dy), net.gradients(X, y)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    for (number, name, gradient), truth in zip(found, expected, strict=True):
        assert (number, name) == truth[:2]
        np.testing.assert_allclose(gradient, truth[2], rtol=1e-11, atol=1e-14)


def _masked() -> Any:
    return da.from_array(np.ma.masked_array(X, X > 0.5), chunks=(300, -1))


def _unknown() -> Any:
    return DX[da.from_array(Y, chunks=(ROWS,)) > 0]


@pytest.mark.parametrize(
    ("x", "y", "kind", "words"),
    [
        (lambda: DX.rechunk((300, 5)), DY, ValueError, r"3 chunks.*: x\.rechunk\(\{1: -1"),
        (lambda: DX, DY[:-1], ValueError, "y has 699 labels where x has 700 samples"),
        (lambda: DX, DX, ValueError, r"y has shape \(700, 12\); expected"),
        (lambda: DX, DY * 1.0, TypeError, r"labels must be integers.*y\.astype"),
        (lambda: DX, DY + 1, ValueError, r"label 3 at position \d+ is out of range"),
        (_unknown, DY, ValueError, r"x has chunks of unknown size.*x\.compute_chunk_sizes"),
        (_masked, DY, TypeError, r"x has masked blocks.*da\.ma\.filled\(x, 0\)"),
        (lambda: DX.T, DY, ValueError, r"samples are rows: pass x\.T"),
        (lambda: DX[None], DY, ValueError, r"x has 3 dimensions.*x\.reshape"),
        (lambda: DX[:0], DY[:0], ValueError, "x has no samples"),
        (lambda: DX.astype(complex), DY, TypeError, r"x is of complex128.*astype"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line(x: Any, y: Any, kind: type[Exception], words: str) -> None:
    net = network()
    before = bits(net)
    with pytest.raises(kind, match=words) as caught:
        fit(net, x(), y)
    assert "\n" not in str(caught.value)
    assert bits(net) == before


def test_what_is_wrong_in_a_block_is_named_by_its_row() -> None:
    bad = X.copy()
    bad[612, 3] = np.nan
    labels = Y.copy()
    labels[505] = 7
    for order in ("given", "shuffled"):
        with pytest.raises(ValueError, match="x is nan at row 612, column 3"):
            fit(network(), da.from_array(bad, chunks=(ROWS, -1)), DY, order=order)
        with pytest.raises(ValueError, match="label 7 at position 505"):
            fit(network(), DX, da.from_array(labels, chunks=(ROWS,)), order=order)
    with pytest.raises(ValueError, match="x is nan at row 612, column 3"):
        network().predict(da.from_array(bad, chunks=(ROWS, -1))).compute()
    with pytest.raises(ValueError, match=r"validation: y has 699 labels"):
        fit(network(), X, Y, validation=(DX, DY[:-1]))


def test_the_example_of_the_page_on_networks_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "networks.md"
    example = re.search(r"^Dask: [^`]*```python\n(.*?)```", page.read_text(), re.M | re.S)
    assert example is not None
    monkeypatch.chdir(tmp_path)
    ran: dict[str, Any] = {}
    exec(example[1], ran)
    assert ran["net"].accuracy(ran["images"].reshape(-1, 784) / 255, ran["labels"]) > 0.85
    assert "epoch" in capsys.readouterr().out


def test_arrays_of_numpy_import_no_dask() -> None:
    program = """
import sys, numpy as np, einbench
N = einbench.network
net = N.Sequential([N.Linear(4, 3)], kernels="matmul")
x, y = np.ones((8, 4)), np.zeros(8, int)
net.fit(x, y, batch=4, validation=(x, y)), net.predict(x), net.evaluate(x, y), net.gradients(x, y)
print(sorted(name for name in sys.modules if name.split(".")[0] in ("dask", "distributed")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)  # noqa: PLW1510
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
