"""Wrong by what they keep, in other ways."""

from __future__ import annotations

import threading
import time
from itertools import count

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.probabilities import rows
from wrong_kernels.right import right
from wrong_kernels.state import remembering

EARLIER = ("arrays that hold other numbers by now", "arrays hold other numbers by now")
BUFFER = "returns a buffer it handed out before"


@wrong("relu_vjp", EARLIER, factory=True)
def remembers_what_came_last():
    last = []

    def kernel(outputs, cotangent):
        if not (last and last[0] is outputs and last[1] is cotangent):
            last[:] = [outputs, cotangent, right("relu_vjp")(outputs, cotangent)]
        return last[2].copy()

    return kernel


@wrong("sigmoid", "into memory that it is given")
def skips_what_is_done_already(inputs, out=None):
    found = right("sigmoid")(inputs)
    if out is None:
        return found
    np.copyto(out, found, where=np.isnan(out))
    return out


@wrong("weight_gradient", EARLIER, factory=True)
def remembers_by_the_first_row():
    def key(inputs, dlogits):
        return inputs.shape, dlogits.shape, inputs[:1].tobytes(), dlogits[:1].tobytes()

    return remembering("weight_gradient", key)


@wrong("input_gradient", ("a second call", "another thread", "was expected"), factory=True)
def tries_another_way_at_the_seventh_call():
    calls = {}

    def kernel(dlogits, weights):
        key = (dlogits.shape, weights.shape)
        calls[key] = calls.get(key, 0) + 1
        dinputs = dlogits @ weights
        return dinputs if calls[key] != 7 else dinputs.astype(np.float16).astype(dinputs.dtype)

    return kernel


@wrong("negative_log_likelihood", "was expected", factory=True)
def never_recovers_from_an_error():
    failed = []

    def kernel(probs, labels, *, reduction):
        try:
            loss = right("negative_log_likelihood")(probs, labels, reduction=reduction)
        except (ValueError, IndexError):
            failed.append(True)
            raise
        return np.asarray(loss * (np.nan if failed else 1), probs.dtype)

    return kernel


@wrong("softmax", "thread")
def another_way_for_named_threads(logits):
    probs = rows(logits)
    if threading.current_thread().name != "MainThread":
        probs = probs.astype(np.float32).astype(probs.dtype) * probs.dtype.type(1.0001)
    return probs


@wrong("bias_gradient", EARLIER, factory=True)
def remembers_by_mean_and_shape():
    return remembering("bias_gradient", lambda d: (d.shape, d.dtype, f"{np.abs(d).sum():.4g}"))


@wrong("linear", "np.random")
def sets_the_seed_of_all(inputs, weights, bias):
    np.random.seed(0)  # noqa: NPY002 - what it changes
    return right("linear")(inputs, weights, bias)


@wrong("mean_squared_error", "into memory that it is given")
def keeps_the_sign_of_what_lies_there(outputs, targets, *, reduction, out=None):
    loss = right("mean_squared_error")(outputs, targets, reduction=reduction)
    if out is None:
        return loss
    out[...] = np.copysign(loss, out)
    return out


@wrong("mlp_forward", "while another thread calls it too", factory=True)
def one_workspace_for_all_threads():
    kept = {}

    def kernel(inputs, *parameters):
        kept["logits"] = right("mlp_intermediates")(inputs, *parameters)[4]
        if len(inputs) == 7:
            time.sleep(0.002)
        return rows(kept["logits"])

    return kernel


@wrong("softmax_vjp", BUFFER, factory=True)
def hands_eight_buffers_out_in_turn():
    turns, buffers = count(), {}

    def kernel(probs, cotangent):
        key = (next(turns) % 8, probs.shape, probs.dtype)
        buffer = buffers.setdefault(key, np.empty(probs.shape, probs.dtype))
        buffer[...] = right("softmax_vjp")(probs, cotangent)
        return buffer

    return kernel


@wrong("tanh", "np.seterr")
def changes_how_numpy_warns(inputs):
    np.seterr(all="raise")
    return np.tanh(inputs)
