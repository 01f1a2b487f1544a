"""Wrong kernels that are right in new memory, and wrong in memory that they are given."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong

INTO = "into memory that it is given"
SECOND = "into memory that it is given the second time"


def rows(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@wrong("softmax", f"writes another probs {INTO}")
def ignores_what_it_is_given(logits, out=None):
    return rows(logits)


@wrong("softmax", f"writes another probs {INTO}")
def leaves_the_last_row_as_it_was(logits, out=None):
    if out is None:
        return rows(logits)
    out[:-1] = rows(logits)[:-1]
    return out


@wrong("bias_gradient", f"writes another dbias {INTO}")
def adds_onto_what_lies_there(dlogits, out=None):
    if out is None:
        return dlogits.sum(axis=0)
    out += dlogits.sum(axis=0)
    return out


@wrong("bias_gradient", f"writes another dbias {SECOND}")
def adds_onto_what_is_a_number(dlogits, out=None):
    """New memory often holds NaN in tests; what lies there the second time is no such."""
    sums = dlogits.sum(axis=0)
    if out is None:
        return sums
    out[...] = np.where(np.isnan(out), 0, out) + sums
    return out


@wrong("relu", f"writes another outputs {SECOND}", factory=True)
def garbage_the_second_time():
    called = set()

    def kernel(inputs, out=None):
        found = np.maximum(inputs, 0)
        if out is None:
            return found
        place = out.ctypes.data
        out[...] = np.full_like(found, 1e-20) if place in called else found
        called.add(place)
        return out

    return kernel


@wrong("mlp_gradients", f"writes another db1 {INTO}")
def turns_round_one_of_what_it_is_given(inputs, w1, b1, w2, b2, w3, b3, labels, out=None):
    found = gradients(inputs, w1, b1, w2, b2, w3, b3, labels)
    if out is None:
        return found
    dw1, db1, dw2, db2, dw3, db3 = out
    for target, value in zip((dw1, db1[::-1], dw2, db2, dw3, db3), found, strict=True):
        target[...] = value
    return out


def gradients(inputs, w1, b1, w2, b2, w3, b3, labels):
    import einbench

    right = einbench.operation("mlp_gradients")["matmul"].function
    return right(inputs, w1, b1, w2, b2, w3, b3, labels)


@wrong("relu", "changes its input inputs")
def works_in_its_input(inputs, out=None):
    if out is None or not inputs.flags.writeable:
        found = np.maximum(inputs, 0)
        return found if out is None else np.copyto(out, found)
    np.maximum(inputs, 0, out=inputs)
    out[...] = inputs
    return out


@wrong("sigmoid", "second call raises ValueError")
def refuses_what_it_is_given(inputs, out=None):
    if out is not None:
        raise ValueError("no memory was expected")
    with np.errstate(over="ignore"):
        power = np.exp(-np.abs(inputs))
    return np.where(inputs < 0, power, 1).astype(inputs.dtype) / (1 + power)
