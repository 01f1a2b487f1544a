"""Wrong networks: forward, with intermediates, and their gradients."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.probabilities import rows


def layers(inputs, w1, b1, w2, b2, w3, b3):
    y1 = inputs @ w1.T + b1
    o1 = np.maximum(y1, 0)
    y2 = o1 @ w2.T + b2
    o2 = np.maximum(y2, 0)
    y3 = o2 @ w3.T + b3
    return y1, o1, y2, o2, y3, rows(y3)


def back(inputs, w1, b1, w2, b2, w3, b3, labels, *, masks=(True, True)):
    if labels.size and (labels.min() < 0 or labels.max() >= len(b3)):
        raise ValueError("labels must lie in [0, classes)")
    _, o1, _, o2, _, d3 = layers(inputs, w1, b1, w2, b2, w3, b3)
    d3[np.arange(len(labels)), labels] -= 1
    d2 = d3 @ w3
    if masks[1]:
        d2[o2 <= 0] = 0
    d1 = d2 @ w2
    if masks[0]:
        d1[o1 <= 0] = 0
    return (
        d1.T @ inputs, d1.sum(axis=0), d2.T @ o1, d2.sum(axis=0), d3.T @ o2, d3.sum(axis=0),
    )  # fmt: skip


@wrong("mlp_forward", "was expected")
def forgets_the_last_bias(inputs, w1, b1, w2, b2, w3, b3):
    return layers(inputs, w1, b1, w2, b2, w3, np.zeros_like(b3))[-1]


@wrong("mlp_forward", "was expected")
def no_second_relu(inputs, w1, b1, w2, b2, w3, b3):
    hidden = np.maximum(inputs @ w1.T + b1, 0) @ w2.T + b2
    return rows(hidden @ w3.T + b3)


@wrong("mlp_forward", "was expected")
def returns_logits(inputs, *parameters):
    return layers(inputs, *parameters)[4]


@wrong("mlp_forward", "no more accurate than float32 arithmetic inside", dtypes=("float64",))
def single_precision_network(inputs, *parameters):
    narrow = [array.astype(np.float32) for array in (inputs, *parameters)]
    return layers(*narrow)[-1].astype(inputs.dtype)


@wrong("mlp_forward", "nan in inputs does not come out where the mathematics puts it: probs is NaN")
def one_maximum_for_the_batch(inputs, *parameters):
    logits = layers(inputs, *parameters)[4]
    powers = np.exp(logits - logits.max(initial=-np.inf))
    return powers / powers.sum(axis=1, keepdims=True)


@wrong("mlp_forward", "wrong in a batch of 259 but not of 7")
def tiles_of_a_hundred_rows(inputs, *parameters):
    tile = min(100, max(len(inputs), 1))
    probs = np.zeros((len(inputs), len(parameters[-1])), inputs.dtype)
    for start in range(0, len(inputs) - tile + 1, tile):
        probs[start : start + tile] = layers(inputs[start : start + tile], *parameters)[-1]
    return probs


@wrong("mlp_forward", "nan in inputs does not come out where the mathematics puts it")
def relu_swallows_nan(inputs, w1, b1, w2, b2, w3, b3):
    hidden = inputs @ w1.T + b1
    hidden = np.where(hidden > 0, hidden, hidden.dtype.type(0)) @ w2.T + b2
    return rows(np.where(hidden > 0, hidden, hidden.dtype.type(0)) @ w3.T + b3)


@wrong("mlp_intermediates", "returns a view: o1 shares memory with y1")
def relu_in_place(inputs, w1, b1, w2, b2, w3, b3):
    y1 = inputs @ w1.T + b1
    o1 = np.maximum(y1, 0, out=y1)
    y2 = o1 @ w2.T + b2
    o2 = np.maximum(y2, 0, out=y2)
    y3 = o2 @ w3.T + b3
    return y1, o1, y2, o2, y3, rows(y3)


@wrong("mlp_intermediates", "returns a view: o2 shares memory with o1")
def all_in_one_block(inputs, *parameters):
    six = layers(inputs, *parameters)
    block = np.concatenate([six[1], six[3]], axis=1)
    hidden1 = six[1].shape[1]
    return six[0], block[:, :hidden1], six[2], block[:, hidden1:], six[4], six[5]


@wrong("mlp_intermediates", "y1[")
def pre_activations_after_relu(inputs, *parameters):
    _, o1, y2, o2, y3, o3 = layers(inputs, *parameters)
    return o1.copy(), o1, y2, o2, y3, o3


@wrong("mlp_intermediates", "wrong shape: y1 is (7, 7), expected (7, 11)")
def wrong_order(inputs, *parameters):
    y1, o1, y2, o2, y3, o3 = layers(inputs, *parameters)
    return y2, o1, y1, o2, y3, o3


@wrong("mlp_intermediates", "returns 5 outputs, expected 6: y1, o1, y2, o2, y3, o3")
def without_probabilities(inputs, *parameters):
    return layers(inputs, *parameters)[:5]


@wrong("mlp_intermediates", "returns ndarray, expected a tuple of 6 arrays")
def probabilities_only(inputs, *parameters):
    return layers(inputs, *parameters)[-1]


@wrong("mlp_gradients", "was expected")
def no_mask_in_the_first_layer(*arrays):
    return back(*arrays, masks=(False, True))


@wrong("mlp_gradients", "was expected")
def no_mask_in_the_second_layer(*arrays):
    return back(*arrays, masks=(True, False))


@wrong("mlp_gradients", "was expected")
def gradients_of_the_mean(*arrays):
    return tuple(gradient / max(len(arrays[0]), 1) for gradient in back(*arrays))


@wrong("mlp_gradients", "db2 is zero everywhere")
def one_bias_never_learns(*arrays):
    dw1, db1, dw2, db2, dw3, db3 = back(*arrays)
    return dw1, db1, dw2, np.zeros_like(db2), dw3, db3


@wrong("mlp_gradients", "label -1 of 10 classes is not refused")
def labels_from_the_end(*arrays):
    return back(*arrays[:-1], arrays[-1].astype(np.int64) % arrays[-2].shape[0])


@wrong("mlp_gradients", "no more accurate than float32 arithmetic inside", dtypes=("float64",))
def single_precision_backward(*arrays):
    *floating, labels = arrays
    narrow = [array.astype(np.float32) for array in floating]
    return tuple(gradient.astype(arrays[0].dtype) for gradient in back(*narrow, labels))


@wrong("mlp_gradients", ("wrong at batch 60000", "not equal where every sum"), caught="sized")
def drops_the_last_sample(inputs, *others):
    *parameters, labels = others
    kept = len(inputs) - (len(inputs) > 10_000)
    return back(inputs[:kept], *parameters, labels[:kept])


def step(arrays, *, scale=1.0, reduction="mean", loss_of=None):
    *others, labels, rate = arrays
    parameters, batch = others[1:], len(labels)
    gradients = back(*others, labels)
    logits = layers(*others)[4]
    gaps = logits.max(axis=1, keepdims=True) - logits
    picked = gaps[np.arange(batch), labels]
    losses = np.log(np.exp(-gaps).sum(axis=1)) + picked
    share = rate.dtype.type(scale)
    loss = (losses if loss_of is None else loss_of(losses)).sum()
    if reduction == "mean":
        share = share / batch if batch else share * np.nan
        loss = loss / batch if batch else np.nan
    dtype = others[0].dtype
    stepped = [
        p - (rate * share).astype(dtype) * g for p, g in zip(parameters, gradients, strict=True)
    ]
    return np.asarray(loss, dtype), logits, *stepped


@wrong("mlp_sgd_step", "was expected")
def never_moves(*arrays, reduction):
    return step(arrays, scale=0, reduction=reduction)


@wrong("mlp_sgd_step", "was expected")
def climbs(*arrays, reduction):
    return step(arrays, scale=-1, reduction=reduction)


@wrong("mlp_sgd_step", "was expected")
def always_the_mean(*arrays, reduction):
    return step(arrays, reduction="mean")


@wrong("mlp_sgd_step", "was expected")
def forgets_the_rate(*arrays, reduction):
    *others, rate = arrays
    return step((*others, np.ones_like(rate)), reduction=reduction)


@wrong("mlp_sgd_step", "was expected")
def loss_without_the_first_sample(*arrays, reduction):
    return step(arrays, reduction=reduction, loss_of=lambda losses: losses[1:])


@wrong("mlp_sgd_step", "returns a view")
def hands_the_old_biases_on(*arrays, reduction):
    outputs = list(step(arrays, reduction=reduction))
    outputs[3] = arrays[2]
    return tuple(outputs)


@wrong("mlp_logits_gradients", "logits is zero everywhere")
def no_logits(*arrays):
    logits = layers(*arrays[:-1])[4]
    return np.zeros_like(logits), *back(*arrays)


@wrong("mlp_logits_gradients", "was expected")
def probabilities_for_logits(*arrays):
    return layers(*arrays[:-1])[5], *back(*arrays)


@wrong("mlp_logits_gradients", "was expected")
def logits_without_the_last_mask(*arrays):
    return layers(*arrays[:-1])[4], *back(*arrays, masks=(True, False))
