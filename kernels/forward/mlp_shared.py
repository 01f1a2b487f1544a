"""What the network 784-128-128-10 (ReLU, ReLU, softmax) has in common, whatever is computed of it.

What its operations say of themselves, its reference, inputs of exact results, the layers of a whole
batch with any product, and the layers of one sample as compiled loops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from einbench import draws, wide
from einbench.flops import EXP_FLOPS
from einbench.forward.softmax import ufunc as softmax_ufunc
from einbench.forward.softmax_shared import softmax_rows
from einbench.inputs import BIASES, IN_NETWORK, NETWORK_IMAGES, WEIGHTS, Input
from einbench.jit.bodies import helper
from einbench.kernel import Sizes

Array = npt.NDArray[Any]
Six = tuple[Array, Array, Array, Array, Array, Array]
Product = Callable[[Array, Array], Array]

INPUTS = {
    "inputs": Input("batch features", NETWORK_IMAGES, IN_NETWORK),
    "w1": Input("hidden1 features", WEIGHTS, IN_NETWORK),
    "b1": Input("hidden1", BIASES, IN_NETWORK),
    "w2": Input("hidden2 hidden1", WEIGHTS, IN_NETWORK),
    "b2": Input("hidden2", BIASES, IN_NETWORK),
    "w3": Input("classes hidden2", WEIGHTS, IN_NETWORK),
    "b3": Input("classes", BIASES, IN_NETWORK),
}
SIZES = {"features": 784, "hidden1": 128, "hidden2": 128, "classes": 10}


def weight_count(s: Sizes) -> int:
    """Number of weights, biases apart: the multiply-adds of one sample."""
    return s["features"] * s["hidden1"] + s["hidden1"] * s["hidden2"] + s["hidden2"] * s["classes"]


def forward_flops(s: Sizes) -> float:
    """Two operations a weight and sample, and the softmax."""
    return s["batch"] * (2 * weight_count(s) + s["classes"] * (4 + EXP_FLOPS))


def reference_intermediates(inputs: Array, *parameters: Array) -> Six:
    """y1 = X W1^T + b1, o1 = relu(y1), y2, o2 alike, y3 = o2 W3^T + b3, o3 = softmax(y3)."""
    w1, b1, w2, b2, w3, b3 = parameters
    y1 = wide.matmul(inputs, w1.T) + b1
    o1 = np.maximum(y1, 0)
    y2 = wide.matmul(o1, w2.T) + b2
    o2 = np.maximum(y2, 0)
    y3 = wide.matmul(o2, w3.T) + b3
    return y1, o1, y2, o2, y3, softmax_rows(y3)


def exact_network(rng: np.random.Generator, dtype: np.dtype[Any], sizes: Sizes) -> dict[str, Array]:
    """Whole numbers through every layer, and probabilities that are exactly 0 or 1.

    Sparse inputs and weights of -1, 0, 1 keep every sum small. The last layer is scaled by
    1024 * k with k >= classes and its biases are 1024 times a permutation, so that logits of a
    row differ by at least 1024 and all exponentials but one underflow to zero. In float64
    the inputs reach 2^26, so that an intermediate in float32 loses digits.
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


#: arguments of `Operation` that all that is computed forward shares. Errors are carried through the
#: layers by `mlp_shared_rounding`: limits do not grow with the number of terms
FORWARD: dict[str, Any] = {
    "inputs": INPUTS,
    "sizes": SIZES,
    "independent": ("batch",),
    "terms": lambda s: s["features"],
    "limit": lambda terms: 4,
    "tied_limit": lambda terms: 4,
    "flops": forward_flops,
    "scale_takes_eps": True,
    "exact": exact_network,
}


def einsum_product(rows: Array, weights: Array) -> Array:
    """z[b, u] = sum_f a[b, f] w[u, f], in einsum's own C loop."""
    return np.einsum("bf,uf->bu", rows, weights)


def einsum_path_product(rows: Array, weights: Array) -> Array:
    """z[b, u] = sum_f a[b, f] w[u, f], by a path that ends in BLAS."""
    return np.einsum("bf,uf->bu", rows, weights, optimize=True)


def matmul_product(rows: Array, weights: Array) -> Array:
    """z[b, u] = sum_f a[b, f] w[u, f], a GEMM."""
    return np.matmul(rows, weights.T)


def layers(product: Product, inputs: Array, *parameters: Array) -> Six:
    """All six arrays of the whole batch, layer by layer, with this product."""
    w1, b1, w2, b2, w3, b3 = parameters
    y1 = product(inputs, w1)
    y1 += b1
    o1 = np.maximum(y1, 0)
    y2 = product(o1, w2)
    y2 += b2
    o2 = np.maximum(y2, 0)
    y3 = product(o2, w3)
    y3 += b3
    return y1, o1, y2, o2, y3, softmax_ufunc(y3)


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
    for c in range(logits.shape[0]):
        probs[c] = np.exp(logits[c] - largest)
    # in a loop of its own: one that reads one array and writes another is run entry by entry where
    # the two lie close by in the heap, and its sum would have another order there
    total = logits.dtype.type(0)
    for c in range(logits.shape[0]):
        total += probs[c]
    for c in range(logits.shape[0]):
        probs[c] /= total
