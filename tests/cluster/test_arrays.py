"""Operations on dask arrays, in this process: values, dtypes, graphs, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

import einbench
from einbench.cluster import frozen

da = pytest.importorskip(
    "dask.array", reason="dask is not installed (pip install 'einbench[dask]')"
)
import dask  # noqa: E402

from einbench.cluster.graph import FAN_IN  # noqa: E402

#: what is drawn of an axis, and how it is cut
ROWS, CUTS = 23, (7, 1, 9, 6)


@pytest.fixture(autouse=True)
def unmeasured():
    """Kernels by rule, in this thread: what is asked here is no choice."""
    with einbench.choosing("off"), dask.config.set(scheduler="synchronous"):
        yield


def cut(op, drawn, axis="batch"):
    """Arrays with the axis in chunks; those without it as they are."""
    found = {}
    for name, array in drawn.items():
        names = op.inputs[name].names
        chunks = tuple(CUTS if each == axis else -1 for each in names)
        found[name] = da.from_array(array, chunks=chunks) if axis in names else array
    return found


def able(op, axis):
    return axis in (*op.independent, *op.added)


IN_PARTS = [op for op in einbench.operations.values() if able(op, "batch")]


@pytest.mark.parametrize("op", IN_PARTS, ids=lambda op: op.name)
def test_every_operation_in_chunks_is_right(op):
    for chosen in itertools.product(*op.options.values()):
        options = dict(zip(op.options, chosen, strict=True))
        drawn = op.draw(batch=ROWS, seed=3)
        lazy = getattr(einbench.auto, op.name)(**cut(op, drawn), **options)
        whole = op.reference(*(wide(a) for a in drawn.values()), **options)
        results = (lazy,) if op.result_type is None else lazy
        expected = (whole,) if op.result_type is None else whole
        assert op.result_type is None or type(lazy).__name__ == op.name
        for name, result, right in zip(op.outputs, results, expected, strict=True):
            assert isinstance(result, da.Array)
            assert result.shape == right.shape
            assert result.dtype == np.float32
            assert isinstance(result._meta, np.ndarray)
            axes = op.outputs[name].split()
            assert result.chunks == tuple(CUTS if a == "batch" else (n,) for a, n in
                                          zip(axes, right.shape, strict=True))  # fmt: skip
            found = result.compute()
            assert type(found) is np.ndarray
            assert found.dtype == np.float32
            assert found.shape == right.shape
            np.testing.assert_allclose(found, right, rtol=2e-4, atol=2e-5)


def wide(array):
    return array.astype(np.float64) if array.dtype.kind == "f" else array


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_the_same_chunks_give_the_same_bits(scheduler):
    drawn = einbench.operation("weight_gradient").draw(batch=1000)
    cuts = {name: da.from_array(array, chunks=(37, -1)) for name, array in drawn.items()}
    lazy = einbench.auto.weight_gradient(**cuts)
    first = lazy.compute()
    with dask.config.set(scheduler=scheduler, num_workers=4):
        for _ in range(3):
            assert np.array_equal(lazy.compute(), first)
    again = einbench.auto.weight_gradient(**cuts)
    assert again.name == lazy.name


def test_partial_sums_are_added_in_a_tree_of_few_neighbours():
    x, g = da.ones((64, 784), "f4", chunks=(1, -1)), da.ones((64, 128), "f4", chunks=(1, -1))
    lazy = einbench.auto.weight_gradient(x, g)
    tasks = [key for key in lazy.dask if str(key[0]).startswith("weight_gradient-sum")]
    assert len(tasks) == 16 + 4 + 1
    assert all(len(lazy.dask[key].dependencies) <= FAN_IN for key in tasks)
    assert np.array_equal(lazy.compute(), np.full((128, 784), 64.0, "f4"))


def test_tasks_bear_the_operations_name():
    lazy = einbench.auto.softmax(da.ones((6, 10), "f4", chunks=(2, -1)))
    (optimised,) = dask.optimize(lazy)
    assert {dask.utils.key_split(key) for key in optimised.dask} == {"softmax"}
    assert len(optimised.dask) == 3, "what makes a block is part of its task"


def test_float64_stays_float64_and_mixed_dtypes_are_refused():
    x = da.ones((6, 4), "f8", chunks=(2, -1))
    assert einbench.auto.bias_gradient(x).compute().dtype == np.float64
    with pytest.raises(TypeError, match=r"weights is float32 while inputs is float64"):
        einbench.auto.linear(x, np.ones((3, 4), "f4"), np.ones(3, "f8"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [0, 1, 511, 1100])
def test_bytes_are_scaled_as_images_are(rows, dtype):
    rng = np.random.default_rng(rows)
    pixels = rng.integers(0, 256, (rows, 20), dtype=np.uint8)
    g = rng.integers(-3, 4, (rows, 5)).astype(dtype)
    lazy = einbench.auto.weight_gradient(
        da.from_array(pixels, chunks=(700, -1)), da.from_array(g, chunks=(300, -1))
    )
    assert lazy.dtype == dtype
    expected = g.astype(float).T @ (pixels / 255)
    np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-4, atol=1e-3)


def test_bytes_alone_become_float32():
    w, b = np.ones((3, 4), "f4"), np.zeros(3, "f4")
    pixels = np.arange(24, dtype=np.uint8).reshape(6, 4)
    lazy = einbench.auto.linear(da.from_array(pixels, chunks=(4, -1)), w, b)
    np.testing.assert_allclose(lazy.compute(), (pixels / 255).astype("f4") @ w.T, rtol=1e-6)


def test_operations_follow_each_other_in_one_task_a_block():
    x = da.random.default_rng(0).normal(size=(60, 12), chunks=(25, -1))
    w, b = np.ones((5, 12)), np.zeros(5)
    lazy = einbench.auto.softmax(einbench.auto.relu(einbench.auto.linear(x, w, b)))
    z = np.maximum(x.compute() @ w.T, 0)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(lazy.compute(), e / e.sum(axis=1, keepdims=True), rtol=1e-12)


def test_a_kernel_and_a_choice_take_dask_arrays():
    op = einbench.operation("weight_gradient")
    drawn = op.draw(batch=ROWS)
    cuts = cut(op, drawn)
    assert np.array_equal(op["einsum"](**cuts).compute().shape, (128, 784))
    choice = einbench.fastest(op, **cuts)
    assert dict(choice.decision.signature.sizes)["batch"] == max(CUTS)
    np.testing.assert_allclose(
        choice(**cuts).compute(), op["einsum"](**drawn), rtol=1e-3, atol=1e-4
    )


def test_expressions_take_dask_arrays():
    op = einbench.expression("ij,jk->ik")
    a, b = np.arange(35.0).reshape(5, 7), np.arange(28.0).reshape(7, 4)
    x, y = da.from_array(a, chunks=(2, 3)), da.from_array(b, chunks=(4, 3))
    for lazy in (op["einsum"](x, y), einbench.fastest(op, x, y)(x, y)):
        assert lazy.chunks == ((2, 2, 1), (3, 1))
        assert np.array_equal(lazy.compute(), a @ b)


def test_one_program_gets_the_same_kernel_for_the_same_blocks(monkeypatch):
    asked, ask = [], frozen._decided
    monkeypatch.setattr(frozen, "_CHOSEN", {})
    monkeypatch.setattr(frozen, "_decided", lambda op, *given: asked.append(op) or ask(op, *given))
    op = einbench.operation("bias_gradient")
    x = da.ones((20, 6), "f4", chunks=(5, -1))
    names = {einbench.auto.bias_gradient(x).name for _ in range(2)}
    assert asked == [op]
    assert len(names) == 1
    einbench.auto.bias_gradient(x.rechunk((10, -1)))
    with einbench.choosing("frozen"):
        einbench.auto.bias_gradient(x)
    assert asked == [op] * 3


def test_an_operation_of_ones_own_is_held_to_what_it_states():
    op = einbench.Operation(
        name="total", formula="y = sum_b x[b]", inputs={"x": "batch"}, outputs={"y": ""},
        sizes={}, reference=lambda x: np.asarray(x.sum()), scale=lambda y, x: np.abs(x).sum(),
        flops=lambda s: s["batch"], added=("batch",), terms=lambda s: s["batch"],
    )  # fmt: skip
    op.kernel("sum")(lambda x: np.asarray(x.sum()))
    x = da.arange(10.0, chunks=4)
    assert op["sum"](x).compute() == 45
    wrong = dataclasses.replace(op, reference=lambda x: np.asarray(x.max()))
    wrong.kernel("sum")(lambda x: np.asarray(x.max()))
    with pytest.raises(ValueError, match="added has batch, and y of parts do not make y"):
        wrong["sum"](x)


LOGITS = np.zeros((6, 10), "f4")


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x: einbench.auto.softmax(x.rechunk((2, 5))), ValueError,
         r"softmax: logits is cut along classes into 2 chunks, .*: logits\.rechunk\(\{1: -1\}\)$"),
        (lambda x: einbench.auto.softmax(x[x[:, 0] >= 0]), ValueError,
         r"logits has chunks of unknown size; call logits\.compute_chunk_sizes\(\) first$"),
        (lambda x: einbench.auto.softmax(da.ma.masked_array(x, x > 0)), TypeError,
         r"logits has masked blocks, .* da\.ma\.filled\(logits, 0\), say$"),
        (lambda x: einbench.auto.softmax(x, out=np.empty((6, 10), "f4")), TypeError,
         r"^softmax: out= is not taken with dask arrays"),
        (lambda x: einbench.operation("softmax")["einsum"](x, out=x), TypeError,
         r"^softmax: out= is not taken with dask arrays"),
        (lambda x: einbench.auto.softmax(x, out=x), TypeError, r"out= is not taken"),
        (lambda x: einbench.auto.softmax(x[0]), ValueError, "logits must have 2 dimensions"),
        (lambda x: einbench.auto.softmax(x.astype(int)), TypeError, "logits must be float32"),
        (lambda x: einbench.auto.softmax(x, x), TypeError, "takes 1 positional argument"),
        (lambda x: einbench.auto.cross_entropy(x, np.zeros(5, int)), ValueError,
         "labels has batch 5 where logits has 6"),
        (lambda x: einbench.auto.cross_entropy(x, np.zeros(6, int), reduction="max"), ValueError,
         "reduction='max' is no choice"),
    ],
)  # fmt: skip
def test_wrong_use_is_refused_in_one_line(call, error, said):
    with pytest.raises(error, match=said) as raised:
        call(da.from_array(LOGITS, chunks=(2, -1)))
    assert "\n" not in str(raised.value)


class Sparse(np.lib.mixins.NDArrayOperatorsMixin):
    """Another library's array, as far as its metadata goes."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype, self.ndim = shape, dtype, len(shape)

    def __array_function__(self, *_):
        return NotImplemented

    def __array_ufunc__(self, *_, **__):
        return NotImplemented

    def __getitem__(self, where):
        return self


def test_blocks_of_other_libraries_are_refused():
    lazy = da.from_array(LOGITS, chunks=(2, -1))
    lazy._meta = Sparse((0, 0), np.dtype("f4"))
    with pytest.raises(TypeError, match=r"logits has blocks of .*Sparse; expected NumPy arrays"):
        einbench.auto.softmax(lazy)


def test_a_block_that_is_not_what_its_array_said_is_named_when_it_is_computed():
    lazy = da.from_array(LOGITS, chunks=(2, -1)).map_blocks(
        lambda block: np.ma.masked_array(block, block > 0), dtype="f4", meta=LOGITS[:0]
    )
    with pytest.raises(TypeError, match=r"softmax: a block of logits is a .*MaskedArray"):
        einbench.auto.softmax(lazy).compute()


def test_numpy_calls_are_as_before_where_dask_is_loaded():
    probs = einbench.auto.softmax(LOGITS)
    assert type(probs) is np.ndarray
    assert np.array_equal(probs, np.full((6, 10), np.float32(0.1)))
