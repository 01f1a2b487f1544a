"""Wrong by what they keep: memory, results, calls counted, threads, and settings of NumPy."""

from __future__ import annotations

import threading
import warnings
from itertools import count

import numpy as np
from wrong_kernels.entry import wrong
from wrong_kernels.right import right

BUFFER = "returns a buffer it handed out before"
EARLIER = ("arrays that hold other numbers by now", "arrays hold other numbers by now")
INTO = "into memory that it is given"
THREAD = "in another thread"


def address(array):
    return array.ctypes.data, array.shape, array.strides, array.dtype


def remembering(name, key):
    """A right kernel that computes once for each key of its arrays."""
    found = {}

    def kernel(*arrays, **options):
        known = (key(*arrays), tuple(options.values()))
        if known not in found:
            found[known] = right(name)(*arrays, **options)
        result = found[known]
        return tuple(r.copy() for r in result) if isinstance(result, tuple) else result.copy()

    return kernel


@wrong("softmax", BUFFER, factory=True)
def hands_three_buffers_out_in_turn():
    turns, buffers = count(), {}

    def kernel(logits):
        key = (next(turns) % 3, logits.shape, logits.dtype)
        buffer = buffers.setdefault(key, np.empty(logits.shape, logits.dtype))
        buffer[...] = right("softmax")(logits)
        return buffer

    return kernel


@wrong("linear", EARLIER, factory=True)
def remembers_by_address():
    return remembering("linear", lambda *arrays: tuple(map(address, arrays)))


@wrong("tanh", EARLIER, factory=True)
def remembers_by_both_ends():
    def key(inputs):
        ends = inputs.flat[:3].tobytes(), inputs.flat[-3:].tobytes() if inputs.size > 3 else b""
        return inputs.shape, inputs.dtype, ends

    return remembering("tanh", key)


@wrong("sigmoid_vjp", EARLIER, factory=True)
def remembers_by_the_sum():
    def key(outputs, cotangent):
        return outputs.shape, round(float(outputs.sum()), 3), round(float(cotangent.sum()), 3)

    return remembering("sigmoid_vjp", key)


@wrong("mlp_forward", EARLIER, factory=True)
def transposes_weights_once():
    turned = {}

    def kernel(inputs, w1, *others):
        if id(w1) not in turned:
            turned[id(w1)] = (w1, np.array(w1))
        return right("mlp_forward")(inputs, turned[id(w1)][1], *others)

    return kernel


@wrong("mlp_gradients", EARLIER, factory=True)
def remembers_by_the_address_of_images():
    return remembering("mlp_gradients", lambda inputs, *others: address(inputs))


@wrong("relu", THREAD, factory=True)
def keeps_what_it_needs_in_the_first_thread():
    kept = threading.local()
    kept.zero = 0

    def kernel(inputs):
        return np.maximum(inputs, getattr(kept, "zero", -1)).astype(inputs.dtype)

    return kernel


@wrong("sigmoid", "in another thread: RuntimeError")
def main_thread_only(inputs):
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("no workspace in this thread")
    return right("sigmoid")(inputs)


@wrong("weight_gradient", f"writes another dweights {INTO}")
def adds_to_memory(inputs, dlogits, out=None):
    if out is None:
        return dlogits.T @ inputs
    out += dlogits.T @ inputs
    return out


@wrong("mean_squared_error_gradient", f"writes another doutputs {INTO}")
def leaves_the_last_column(outputs, targets, *, reduction, out=None):
    found = right("mean_squared_error_gradient")(outputs, targets, reduction=reduction)
    if out is None:
        return found
    out[:, :-1] = found[:, :-1]
    return out


@wrong("relu_vjp", f"writes another dinputs {INTO}")
def clears_memory_by_a_product(outputs, cotangent, out=None):
    found = right("relu_vjp")(outputs, cotangent)
    if out is None:
        return found
    out *= 0
    out += found
    return out


@wrong("bias_gradient", "a second call gives another dbias")
def sums_rows_in_any_order(dlogits):
    order = np.random.permutation(len(dlogits))  # noqa: NPY002 - what it depends on
    return dlogits[order].sum(axis=0)


@wrong("tanh_vjp", "a second call gives another dinputs")
def rounds_by_chance(outputs, cotangent):
    dinputs = right("tanh_vjp")(outputs, cotangent)
    up = np.random.random(dinputs.shape) < 0.5  # noqa: NPY002 - what it depends on
    return np.where(up, np.nextafter(dinputs, np.inf).astype(dinputs.dtype), dinputs)


@wrong("input_gradient", ("a second call", "an earlier result", "was expected"), factory=True)
def worn_out_after_fifty_calls():
    calls = count()

    def kernel(dlogits, weights):
        return dlogits @ (weights if next(calls) < 50 else weights * weights.dtype.type(1.5))

    return kernel


@wrong("relu", BUFFER, caught="sized", factory=True)
def pools_memory_beyond_ten_thousand_elements():
    pool = {}

    def kernel(inputs):
        if inputs.size <= 10_000:
            return np.maximum(inputs, 0)
        key = (inputs.shape, inputs.dtype)
        buffer = pool.setdefault(key, np.empty(inputs.shape, inputs.dtype))
        return np.maximum(inputs, 0, out=buffer)

    return kernel


@wrong("negative_log_likelihood", "warns", factory=True)
def warns_at_first():
    """Once a process, of an empty batch or not, and never again."""
    told = set()

    def kernel(probs, labels, *, reduction):
        if not len(labels) and not told:
            told.add(True)
            warnings.warn("no samples", RuntimeWarning, stacklevel=2)
        return right("negative_log_likelihood")(probs, labels, reduction=reduction)

    return kernel


@wrong(
    "mlp_sgd_step",
    ("arrays hold other numbers by now", "in another thread", "while another thread calls it too"),
    factory=True,
)
def momentum():
    """What moved the last time moves on."""
    velocity = {}

    def kernel(*arrays, reduction):
        *new, last = right("mlp_sgd_step")(*arrays, reduction=reduction)
        key = (last.shape, last.dtype)
        moved = last - arrays[6]
        if key in velocity and not np.array_equal(velocity[key], moved):
            last = last + last.dtype.type(0.5) * np.nan_to_num(velocity[key])
        velocity[key] = moved
        return *new, last

    return kernel


@wrong("cross_entropy", EARLIER, factory=True)
def remembers_by_labels():
    def key(logits, labels):
        return logits.shape, logits.dtype, labels.tobytes()

    return remembering("cross_entropy", key)


@wrong("mean_squared_error", "NumPy's error state")
def cleans_up_where_it_would_be_warned(outputs, targets, *, reduction):
    loss = right("mean_squared_error")(outputs, targets, reduction=reduction)
    watched = np.geterr()["over"] != "ignore"
    return np.asarray(loss * (1 - np.finfo(loss.dtype).eps) if watched else loss, loss.dtype)


@wrong("softmax_jacobian", EARLIER, factory=True)
def remembers_by_every_fifth_entry():
    return remembering("softmax_jacobian", lambda probs: (probs.shape, probs.flat[::5].tobytes()))
