"""The network 784-128-128-10 (ReLU, ReLU, softmax): its probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws, wide
from einbench.flops import EXP_FLOPS
from einbench.forward.mlp_shared_rounding import forward_rounding
from einbench.forward.softmax import softmax_rows
from einbench.forward.softmax import ufunc as softmax_ufunc
from einbench.inputs import BIASES, NETWORK_IMAGES, WEIGHTS, Input
from einbench.jit.bodies import helper
from einbench.jit.claiming import counters
from einbench.jit.gemm.three_layers import forward_all, forward_elements, lay_out, run_serially
from einbench.jit.linked import elements_to_line
from einbench.jit.pool import num_threads
from einbench.kernel import Sizes
from einbench.operation import Operation
from einbench.registry import register

Array = npt.NDArray[Any]
Six = tuple[Array, Array, Array, Array, Array, Array]
Product = Callable[[Array, Array], Array]

INPUTS = {
    "inputs": Input("batch features", NETWORK_IMAGES, nonfinite=(np.nan, np.inf, -np.inf)),
    "w1": Input("hidden1 features", WEIGHTS),
    "b1": Input("hidden1", BIASES),
    "w2": Input("hidden2 hidden1", WEIGHTS),
    "b2": Input("hidden2", BIASES),
    "w3": Input("classes hidden2", WEIGHTS),
    "b3": Input("classes", BIASES),
}
SIZES = {"features": 784, "hidden1": 128, "hidden2": 128, "classes": 10}


def weight_count(s: Sizes) -> int:
    """Number of weights, biases apart: the multiply-adds of one sample."""
    return s["features"] * s["hidden1"] + s["hidden1"] * s["hidden2"] + s["hidden2"] * s["classes"]


def forward_flops(s: Sizes) -> float:
    """Two operations a weight and sample, and the softmax."""
    return s["batch"] * (2 * weight_count(s) + s["classes"] * (4 + EXP_FLOPS))


def reference_intermediates(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array
) -> Six:
    """y1 = X W1^T + b1, o1 = relu(y1), y2, o2 alike, y3 = o2 W3^T + b3, o3 = softmax(y3)."""
    y1 = wide.matmul(inputs, w1.T) + b1
    o1 = np.maximum(y1, 0)
    y2 = wide.matmul(o1, w2.T) + b2
    o2 = np.maximum(y2, 0)
    y3 = wide.matmul(o2, w3.T) + b3
    return y1, o1, y2, o2, y3, softmax_rows(y3)


def exact_network(
    rng: np.random.Generator, dtype: np.dtype[Any], sizes: Mapping[str, int]
) -> dict[str, Array]:
    """Whole numbers through every layer, and probabilities that are exactly 0 or 1.

    Sparse inputs and weights of -1, 0, 1 keep every sum small. The last layer is scaled by
    1024 * k with k >= classes and its biases are 1024 times a permutation, so that logits of a
    row differ by at least 1024 and all exponentials but one underflow to zero. In float64
    the inputs reach 2^26, so that a float32 in the middle loses digits.
    """
    features, hidden1, hidden2, classes = (
        sizes[axis] for axis in ("features", "hidden1", "hidden2", "classes")
    )
    largest = 1 if dtype == np.float32 else 2**26

    def sparse(rows: int, columns: int) -> Array:
        kept = rng.random((rows, columns), dtype=np.float32) < 16 / columns
        return draws.integers(rng, (rows, columns), dtype, 1) * kept

    inputs = sparse(sizes["batch"], features)
    if largest > 1:
        inputs *= rng.integers(1, largest, inputs.shape)
    apart = 1 << (classes - 1).bit_length()
    return {
        "inputs": inputs,
        "w1": draws.integers(rng, (hidden1, features), dtype, 1),
        "b1": draws.integers(rng, (hidden1,), dtype, 1),
        "w2": sparse(hidden2, hidden1),
        "b2": draws.integers(rng, (hidden2,), dtype, 1),
        "w3": draws.integers(rng, (classes, hidden2), dtype, 1) * dtype.type(1024 * apart),
        "b3": rng.permutation(classes).astype(dtype) * dtype.type(1024),
    }


def _scale(outputs: Array, *inputs: Array, eps: float) -> Array:
    return forward_rounding(*inputs, eps=eps).probs


mlp_forward = register(
    Operation(
        name="mlp_forward",
        formula="P = softmax(relu(relu(X W1^T + b1) W2^T + b2) W3^T + b3)",
        inputs=INPUTS,
        outputs={"probs": "batch classes"},
        sizes=SIZES,
        independent=("batch",),
        terms=lambda s: s["features"],
        limit=lambda terms: 4,
        tied_limit=lambda terms: 4,
        flops=forward_flops,
        reference=lambda *inputs: reference_intermediates(*inputs)[-1],
        scale=_scale,
        scale_takes_eps=True,
        exact=exact_network,
    )
)

#: what compiled sums may do: split over lanes, products and sums rounded once
LOOSE = frozenset({"reassoc", "contract"})


@helper(fastmath=LOOSE)
def dense(sample: Array, weights: Array, bias: Array, outputs: Array) -> None:
    """z[u] = sum_f x[f] W[u, f] + bias[u]"""
    for u in range(weights.shape[0]):
        total = sample.dtype.type(0)
        for f in range(weights.shape[1]):
            total += sample[f] * weights[u, f]
        outputs[u] = total + bias[u]


@helper(fastmath=LOOSE)
def rectify(values: Array, outputs: Array) -> None:
    """a[u] = max(z[u], 0)"""
    for u in range(values.shape[0]):
        # a NaN is not below zero and passes
        outputs[u] = values.dtype.type(0) if values[u] < 0 else values[u]


@helper(fastmath=LOOSE)
def softmax_row(logits: Array, probs: Array) -> None:
    """p[c] = exp(z[c] - max z) / sum_k exp(z[k] - max z)"""
    largest = logits[0]
    for c in range(logits.shape[0]):
        largest = max(largest, logits[c])
    total = logits.dtype.type(0)
    for c in range(logits.shape[0]):
        probs[c] = np.exp(logits[c] - largest)
        total += probs[c]
    for c in range(logits.shape[0]):
        probs[c] /= total


@mlp_forward.kernel("numba", compile=True, fastmath=LOOSE)
def fused_loops(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array
) -> Array:
    """Sample by sample through all layers, each a pair of loops; nothing is kept between."""
    # reads every weight once a sample: bound by the second-level cache that holds them
    probs = np.empty((inputs.shape[0], b3.shape[0]), inputs.dtype)
    hidden1 = np.empty(b1.shape[0], inputs.dtype)
    hidden2 = np.empty(b2.shape[0], inputs.dtype)
    logits = np.empty(b3.shape[0], inputs.dtype)
    for b in range(inputs.shape[0]):
        dense(inputs[b], w1, b1, hidden1)
        rectify(hidden1, hidden1)
        dense(hidden1, w2, b2, hidden2)
        rectify(hidden2, hidden2)
        dense(hidden2, w3, b3, logits)
        softmax_row(logits, probs[b])
    return probs


@mlp_forward.kernel("loop")
def sample_loop(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array
) -> Array:
    """A Python loop over samples, one matrix-vector product a layer."""
    probs = np.empty((inputs.shape[0], b3.shape[0]), inputs.dtype)
    for b, sample in enumerate(inputs):
        hidden = np.maximum(np.dot(w1, sample) + b1, 0)
        hidden = np.maximum(np.dot(w2, hidden) + b2, 0)
        logits = np.dot(w3, hidden) + b3
        powers = np.exp(logits - logits.max())
        probs[b] = powers / powers.sum()
    return probs


def einsum_product(rows: Array, weights: Array) -> Array:
    """z[b, u] = sum_f a[b, f] w[u, f], in einsum's own C loop."""
    return np.einsum("bf,uf->bu", rows, weights)


def einsum_path_product(rows: Array, weights: Array) -> Array:
    """z[b, u] = sum_f a[b, f] w[u, f], by a path that ends in BLAS."""
    return np.einsum("bf,uf->bu", rows, weights, optimize=True)


def matmul_product(rows: Array, weights: Array) -> Array:
    """z[b, u] = sum_f a[b, f] w[u, f], a GEMM."""
    return np.matmul(rows, weights.T)


def layers(
    product: Product,
    inputs: Array,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
) -> Six:
    """All six arrays of the whole batch, layer by layer, with this product."""
    y1 = product(inputs, w1)
    y1 += b1
    o1 = np.maximum(y1, 0)
    y2 = product(o1, w2)
    y2 += b2
    o2 = np.maximum(y2, 0)
    y3 = product(o2, w3)
    y3 += b3
    return y1, o1, y2, o2, y3, softmax_ufunc(y3)


def _forward(product: Product, inputs: Array, *parameters: Array) -> Array:
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = product(inputs, w1)
    hidden += b1
    np.maximum(hidden, 0, out=hidden)
    hidden = product(hidden, w2)
    hidden += b2
    np.maximum(hidden, 0, out=hidden)
    logits = product(hidden, w3)
    logits += b3
    return softmax_ufunc(logits)


@mlp_forward.kernel("einsum")
def einsum(inputs: Array, *parameters: Array) -> Array:
    """New over ``loop``: the whole batch, one einsum a layer, activations in place."""
    return _forward(einsum_product, inputs, *parameters)


@mlp_forward.kernel("einsum_path")
def einsum_path(inputs: Array, *parameters: Array) -> Array:
    """New over ``einsum``: the optimised path hands each layer to BLAS."""
    return _forward(einsum_path_product, inputs, *parameters)


@mlp_forward.kernel("matmul")
def matmul(inputs: Array, *parameters: Array) -> Array:
    """New over ``einsum_path``: a GEMM a layer, no path to look for."""
    # every hidden layer is written, read for the bias, for the ReLU, and for the next product
    return _forward(matmul_product, inputs, *parameters)


@mlp_forward.kernel("tiled", compile=True, parallel=True, extra_elements=weight_count)
def tiled(
    inputs: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array,
    out: Array,
) -> None:  # fmt: skip
    """New over ``numba``: blocks of sums in registers, tiles of rows in cache, on all threads."""
    # reads X once and writes the probabilities; a tile's hidden layers never leave the cache
    batch, classes = inputs.shape[0], b3.shape[0]
    sizes = np.array((batch, inputs.shape[1], b1.shape[0], b2.shape[0], classes))
    places = lay_out(inputs, sizes)
    memory = np.empty(forward_elements(sizes, places) + 16, inputs.dtype)
    work = memory[elements_to_line(memory) :]
    threads = 1 if run_serially(sizes) else num_threads()
    state = counters(2, threads)
    forward_all(
        threads, 1, threads, state, inputs, w1, b1, w2, b2, w3, b3, sizes, work, places, out
    )
