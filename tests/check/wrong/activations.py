"""Wrong activations, and wrong VJPs of them."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import wrong


@wrong("relu", "nan in inputs does not come out where the mathematics puts it")
def swallows_nan(inputs):
    return np.where(inputs > 0, inputs, inputs.dtype.type(0))


@wrong("relu", "-inf in inputs does not come out where the mathematics puts it")
def multiplies_by_its_mask(inputs):
    return inputs * (inputs > 0)


@wrong("relu", "inf in inputs does not come out where the mathematics puts it")
def caps_infinity(inputs):
    return np.minimum(np.maximum(inputs, 0), np.finfo(inputs.dtype).max)


@wrong("relu", "was expected")
def leaks(inputs):
    return np.where(inputs > 0, inputs, inputs.dtype.type(0.01) * inputs)


@wrong("relu", "changes its input inputs")
def works_in_place(inputs):
    return np.maximum(inputs, 0, out=inputs)


@wrong("relu", "returns a view: outputs shares memory with the input inputs")
def returns_the_input_where_nothing_is_cut(inputs):
    return inputs if (inputs >= 0).all() and inputs.size else np.maximum(inputs, 0)


@wrong("relu", "wrong on denormal inputs")
def flushes_denormals(inputs):
    return np.where(inputs > np.finfo(inputs.dtype).tiny, inputs, np.minimum(np.abs(inputs), 0))


@wrong("relu", "returns a buffer it handed out before", factory=True)
def swaps_two_buffers():
    buffers = {}

    def kernel(inputs):
        pair = buffers.setdefault(inputs.shape, [np.empty_like(inputs) for _ in range(2)])
        pair.reverse()
        return np.maximum(inputs, 0, out=pair[0])

    return kernel


@wrong("tanh", "exponentials overflow or become denormal")
def quotient_of_exponentials(inputs):
    # expm1 keeps small values right; what is left is the overflow
    power = np.expm1(2 * inputs)
    return power / (power + 2)


@wrong("tanh", "was expected")
def sigmoid_minus_one(inputs):
    return 2 / (1 + np.exp(-2 * inputs)) - 1


@wrong("tanh", "was expected")
def rational_approximation(inputs):
    square = inputs * inputs
    return np.clip(inputs * (27 + square) / (27 + 9 * square), -1, 1)


@wrong("tanh", "no more accurate than float32 arithmetic inside", dtypes=("float64",))
def single_precision_tanh(inputs):
    return np.tanh(inputs.astype(np.float32)).astype(inputs.dtype)


@wrong("tanh", "wrong on Fortran-ordered inputs only")
def takes_memory_order(inputs):
    return np.tanh(inputs.ravel(order="K")).reshape(inputs.shape)


@wrong("sigmoid", "exponentials overflow")
def overflowing_exponential(inputs):
    return 1 / (1 + np.exp(-inputs))


@wrong("sigmoid", "exponentials overflow or become denormal")
def clips_its_inputs(inputs):
    clipped = np.clip(inputs, -30, 30)
    powers = np.exp(-np.abs(clipped))
    return np.where(clipped < 0, powers, 1) / (1 + powers)


@wrong("sigmoid", "was expected")
def half_of_tanh(inputs):
    return (1 + np.tanh(inputs / 2)) / 2


@wrong("sigmoid", "wrong on negative-stride inputs only")
def never_turns_back(inputs):
    rows = inputs[::-1] if inputs.strides[0] < 0 else inputs
    powers = np.exp(-np.abs(rows))
    return np.where(rows < 0, powers, 1) / (1 + powers)


@wrong("relu_vjp", "changes its input cotangent")
def writes_into_the_gradient(outputs, cotangent):
    cotangent[outputs <= 0] = 0
    return cotangent.copy()


@wrong("relu_vjp", "changes its input cotangent")
def restores_with_rounding(outputs, cotangent):
    cotangent *= 3
    result = np.where(outputs <= 0, outputs.dtype.type(0), cotangent / 3)
    cotangent /= 3
    return result


@wrong("relu_vjp", "wrong on read-only inputs only: raises ValueError")
def borrows_its_input(outputs, cotangent):
    off = outputs <= 0
    kept = cotangent[off]
    cotangent[off] = 0
    result = cotangent.copy()
    cotangent[off] = kept
    return result


@wrong("relu_vjp", "nan in cotangent does not come out where the mathematics puts it")
def product_with_the_mask(outputs, cotangent):
    return cotangent * ~(outputs <= 0)


@wrong("relu_vjp", "was expected")
def passes_at_zero(outputs, cotangent):
    return np.where(outputs < 0, outputs.dtype.type(0), cotangent)


@wrong("relu_vjp", "returns a view: dinputs is read-only")
def freezes_its_output(outputs, cotangent):
    result = np.where(outputs <= 0, outputs.dtype.type(0), cotangent)
    result.flags.writeable = False
    return result


@wrong("tanh_vjp", "was expected")
def tanh_of_the_output(outputs, cotangent):
    return (1 - np.tanh(outputs) ** 2) * cotangent


@wrong("tanh_vjp", "wrong shape: dinputs is ")
def flattens(outputs, cotangent):
    return ((1 - outputs * outputs) * cotangent).ravel()


@wrong("tanh_vjp", "no more accurate than float32 arithmetic inside", dtypes=("float64",))
def single_precision_square(outputs, cotangent):
    return (1 - np.square(outputs.astype(np.float32))) * cotangent


@wrong("sigmoid_vjp", "was expected")
def derivative_of_tanh(outputs, cotangent):
    return (1 - outputs * outputs) * cotangent


@wrong("sigmoid_vjp", "was expected")
def sigmoid_of_the_output(outputs, cotangent):
    again = 1 / (1 + np.exp(-outputs))
    return again * (1 - again) * cotangent


@wrong("sigmoid_vjp", "returns an earlier result", factory=True)
def remembers_by_shape():
    results = {}

    def kernel(outputs, cotangent):
        key = (outputs.shape, outputs.dtype)
        if key not in results:
            results[key] = (1 - outputs) * outputs * cotangent
        return results[key].copy()

    return kernel
