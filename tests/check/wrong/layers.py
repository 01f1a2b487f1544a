"""Wrong linear layers and wrong gradients of them."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import MANY, wrong

prange = range  # the compiled copies see numba's
#: the reason, whichever of the two draws at the size asked for shows it first
AT_SIZE = ("wrong at batch 60000", "not equal where every sum is exact: an entry is dropped")


@wrong("linear", "outputs is zero everywhere")
def all_zeros(inputs, weights, bias):
    return np.zeros((len(inputs), len(bias)), inputs.dtype)


@wrong("linear", "outputs is NaN everywhere")
def not_a_number(inputs, weights, bias):
    return np.full((len(inputs), len(bias)), np.nan, inputs.dtype)


@wrong("linear", "returns nothing for outputs")
def returns_nothing(inputs, weights, bias):
    inputs @ weights.T + bias


@wrong("linear", "wrong dtype: outputs is float64, expected float32", dtypes=("float32",))
def answers_in_double(inputs, weights, bias):
    return np.matmul(inputs, weights.T, dtype=np.float64) + bias


@wrong("linear", "no more accurate than float32 arithmetic inside", dtypes=("float64",))
def single_precision_product(inputs, weights, bias):
    product = inputs.astype(np.float32) @ weights.astype(np.float32).T
    return (product + bias.astype(np.float32)).astype(inputs.dtype)


@wrong("linear", "wrong shape: outputs is (7, 8), expected (7, 7)")
def appends_the_bias(inputs, weights, bias):
    product = inputs @ weights.T
    return np.concatenate([product + bias, product[:, :1]], axis=1)


@wrong("linear", "raises ValueError: matmul")
def weights_as_they_lie(inputs, weights, bias):
    return inputs @ weights + bias


@wrong("linear", "wrong where the weights are square")
def transposes_unless_square(inputs, weights, bias):
    square = weights.shape[0] == weights.shape[1]
    return inputs @ (weights if square else weights.T) + bias


@wrong("linear", "wrong in every entry")
def forgets_the_bias(inputs, weights, bias):
    return inputs @ weights.T


@wrong("linear", "wrong at batch 0 of 7 only")
def starts_at_row_one(inputs, weights, bias):
    outputs = np.zeros((len(inputs), len(bias)), inputs.dtype)
    outputs[1:] = inputs[1:] @ weights.T + bias
    return outputs


@wrong("linear", "wrong at units 6 of 7 only")
def stops_a_unit_early(inputs, weights, bias):
    outputs = np.zeros((len(inputs), len(bias)), inputs.dtype)
    outputs[:, :-1] = inputs @ weights[:-1].T + bias[:-1]
    return outputs


@wrong("linear", "wrong at batch 256 to 258 of 259 only")
def drops_the_last_partial_tile(inputs, weights, bias):
    tile = min(64, max(len(inputs), 1))
    outputs = np.zeros((len(inputs), len(bias)), inputs.dtype)
    for start in range(0, len(inputs) - tile + 1, tile):
        outputs[start : start + tile] = inputs[start : start + tile] @ weights.T + bias
    return outputs


@wrong("linear", "wrong on Fortran-ordered inputs only")
def assumes_c_strides(inputs, weights, bias):
    columns = inputs.shape[1] * inputs.itemsize
    rows = np.lib.stride_tricks.as_strided(inputs, strides=(columns, inputs.itemsize))
    return rows @ weights.T + bias


@wrong("linear", "wrong on sliced inputs only")
def reads_the_buffer_beneath(inputs, weights, bias):
    sliced = not inputs.flags.forc and min(inputs.strides) > 0
    rows = inputs.base[: len(inputs), : inputs.shape[1]] if sliced else inputs
    return rows @ weights.T + bias


@wrong("linear", "wrong on read-only inputs only: raises ValueError")
def wants_a_writable_buffer(inputs, weights, bias):
    if not inputs.flags.writeable:
        raise ValueError("buffer source array is read-only")
    return inputs @ weights.T + bias


@wrong("linear", MANY)
def right_below_twenty_thousand_rows(inputs, weights, bias):
    outputs = inputs @ weights.T
    outputs[:20_000] += bias
    return outputs


@wrong("linear", "not equal where every sum is exact", caught="sized")
def four_ulps_off_in_one_row(inputs, weights, bias):
    outputs = inputs @ weights.T + bias
    if len(outputs) > 50_000:
        outputs[50_000] *= 1 + 4 * np.finfo(inputs.dtype).eps
    return outputs


@wrong("weight_gradient", "was expected")
def averages_over_the_batch(inputs, dlogits):
    return dlogits.T @ inputs / max(len(inputs), 1)


@wrong("weight_gradient", "was expected")
def reshapes_instead_of_transposing(inputs, dlogits):
    return (inputs.T @ dlogits).reshape(dlogits.shape[1], inputs.shape[1])


@wrong("weight_gradient", "was expected")
def half_precision_sums(inputs, dlogits):
    return (dlogits.T.astype(np.float16) @ inputs.astype(np.float16)).astype(inputs.dtype)


@wrong("weight_gradient", "no more accurate than float32 arithmetic inside", dtypes=("float64",))
def single_precision_sums(inputs, dlogits):
    return (dlogits.T.astype(np.float32) @ inputs.astype(np.float32)).astype(inputs.dtype)


@wrong("weight_gradient", "wrong in a batch of 259 but not of 7")
def keeps_the_last_tile_only(inputs, dlogits):
    dweights = np.zeros((dlogits.shape[1], inputs.shape[1]), inputs.dtype)
    for start in range(0, len(inputs), 64):
        dweights = dlogits[start : start + 64].T @ inputs[start : start + 64]
    return dweights


@wrong("weight_gradient", AT_SIZE, caught="sized")
def drops_one_of_60_000_rows(inputs, dlogits):
    kept = len(inputs) - (len(inputs) > 10_000)
    return dlogits[:kept].T @ inputs[:kept]


@wrong("weight_gradient", AT_SIZE, caught="sized")
def doubles_one_of_60_000_rows(inputs, dlogits):
    dweights = dlogits.T @ inputs
    if len(inputs) > 10_000:
        dweights += np.outer(dlogits[-1], inputs[-1])
    return dweights


@wrong("weight_gradient", "right on small draws, wrong at batch 60000", caught="sized")
def counts_rows_in_sixteen_bits(inputs, dlogits):
    rows = len(inputs) % 2**15
    return dlogits[:rows].T @ inputs[:rows]


# of whole numbers no digit may be lost: that it is single precision is not said of those
@wrong("weight_gradient", "right for other numbers of rows, wrong for 1,0", dtypes=("float64",))
def single_precision_beyond_a_thousand_rows(inputs, dlogits):
    if len(inputs) <= 1000:
        return dlogits.T @ inputs
    dweights = np.zeros((dlogits.shape[1], inputs.shape[1]), inputs.dtype)
    for start in range(0, len(inputs), 1000):
        part = dlogits[start : start + 1000].T @ inputs[start : start + 1000]
        dweights += part.astype(np.float32)
    return dweights


@wrong("bias_gradient", "was expected")
def mean_for_a_sum(dlogits):
    return dlogits.sum(axis=0) / max(len(dlogits), 1)


@wrong("bias_gradient", "wrong for an empty batch: warns: Mean of empty slice")
def mean_of_an_empty_batch(dlogits):
    return dlogits.mean(axis=0) * len(dlogits)


@wrong("bias_gradient", "wrong for an empty batch: raises IndexError")
def begins_with_the_first_row(dlogits):
    total = dlogits[0].copy()
    for row in dlogits[1:]:
        total += row
    return total


@wrong("bias_gradient", "wrong for a batch of 1: returns a view")
def returns_the_only_row(dlogits):
    return dlogits[0] if len(dlogits) == 1 else dlogits.sum(axis=0)


@wrong("bias_gradient", MANY)
def drops_the_last_of_60_000(dlogits):
    return dlogits[: len(dlogits) - (len(dlogits) > 10_000)].sum(axis=0)


@wrong(
    "bias_gradient",
    "right on small draws, wrong at batch 60000",
    caught="sized",
    parallel=True,
)
def threads_race_for_the_sums(dlogits):
    batch, units = dlogits.shape
    dbias = np.zeros(units, dlogits.dtype)
    if batch < 1000:
        for b in range(batch):
            for u in range(units):
                dbias[u] += dlogits[b, u]
        return dbias
    for b in prange(batch):
        for u in range(units):
            before = dbias[u]
            # long enough between reading and writing that another thread writes meanwhile
            wait = dlogits[b, u]
            for _ in range(20):
                wait = np.cos(wait)
            dbias[u] = before + dlogits[b, u] + 0 * wait
    return dbias


@wrong("input_gradient", "wrong where the weights are square")
def transposes_square_weights(dlogits, weights):
    square = weights.shape[0] == weights.shape[1]
    return dlogits @ (weights.T if square else weights)


@wrong("input_gradient", "wrong at features 18 of 19 only")
def stops_a_feature_early(dlogits, weights):
    dinputs = np.zeros((len(dlogits), weights.shape[1]), dlogits.dtype)
    dinputs[:, :-1] = dlogits @ weights[:, :-1]
    return dinputs


@wrong("input_gradient", "was expected")
def stops_a_term_early(dlogits, weights):
    return dlogits[:, :-1] @ weights[:-1]


@wrong("input_gradient", "wrong at the timed size", caught="compare", factory=True)
def forgets_a_unit_from_the_eighth_call():
    calls = {}

    def kernel(dlogits, weights):
        calls[dlogits.shape] = calls.get(dlogits.shape, 0) + 1
        last = None if calls[dlogits.shape] < 8 or len(dlogits) != 8 else -1
        return dlogits[:, :last] @ weights[:last]

    return kernel


@wrong(
    "linear", "returns an earlier result for arrays that hold other numbers by now", factory=True
)
def remembers_by_identity():
    """Training changes weights in place: the array is the same, its numbers are not."""
    seen = {}

    def kernel(inputs, weights, bias):
        key = (id(inputs), id(weights), id(bias))
        if key not in seen:
            seen[key] = (inputs @ weights.T + bias, inputs, weights, bias)
        return seen[key][0].copy()

    return kernel
