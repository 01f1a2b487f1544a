"""What must hold between operations and within one, whatever the numbers are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.kernel import Kernel

Array = np.ndarray[Any, Any]
Agree = Callable[..., None]

EPS = np.finfo(np.float64).eps
SIZES = {"features": 6, "units": 5, "hidden1": 7, "hidden2": 5, "classes": 4}


def draw(name: str, batch: int = 6, dtype: str = "float64") -> dict[str, Array]:
    op = einbench.operation(name)
    return op.draw(batch, dtype, seed=17, **{axis: SIZES[axis] for axis in op.sizes})


def every_kernel(*names: str) -> pytest.MarkDecorator:
    found = [kernel for name in names for kernel in einbench.operation(name)]
    return pytest.mark.parametrize("kernel", found, ids=repr)


def every_pair(first: str, second: str) -> pytest.MarkDecorator:
    pairs = list(product(einbench.operation(first), einbench.operation(second)))
    return pytest.mark.parametrize(("kernel", "other"), pairs, ids=repr)


@every_kernel("softmax_jacobian")
def test_rows_and_columns_of_a_jacobian_sum_to_zero_and_it_is_symmetric(kernel: Kernel) -> None:
    jacobian = kernel(**draw("softmax_jacobian"))
    assert abs(jacobian).max() > 0.1
    assert (np.einsum("bii->bi", jacobian) > 0).all()
    np.testing.assert_allclose(jacobian.sum(axis=2), 0, atol=4 * EPS)
    np.testing.assert_allclose(jacobian.sum(axis=1), 0, atol=4 * EPS)
    np.testing.assert_allclose(jacobian, jacobian.transpose(0, 2, 1), rtol=4 * EPS)


@every_pair("softmax_vjp", "softmax_jacobian")
def test_a_vjp_is_the_cotangent_times_the_jacobian(
    kernel: Kernel, other: Kernel, agree: Agree
) -> None:
    arrays = draw("softmax_vjp")
    expected = np.einsum("bi,bij->bj", arrays["cotangent"], other(arrays["probs"]))
    agree(kernel, arrays.values(), expected)


@every_kernel("softmax_vjp")
def test_a_cotangent_that_is_the_same_everywhere_comes_to_nothing(kernel: Kernel) -> None:
    probs, cotangent = draw("softmax_vjp").values()
    moved = kernel(probs, cotangent + 3.0)
    assert abs(moved).max() > 0.1
    np.testing.assert_allclose(moved, kernel(probs, cotangent), atol=64 * EPS)


@every_kernel("softmax", "cross_entropy", "cross_entropy_gradient")
def test_a_number_added_to_a_whole_row_changes_nothing(kernel: Kernel) -> None:
    """Equal to the last bit, for the numbers are such that adding them rounds nothing."""
    arrays = draw(kernel.operation.name)
    z = np.round(arrays.pop("logits") * 1024) / 1024
    shifts = np.array([0.0, 1.0, -7.0, 300.0, -2048.0, 4096.0])[:, None]
    for dtype in ("float32", "float64"):
        still = kernel(z.astype(dtype), *arrays.values())
        assert abs(still).max() > 0.01
        np.testing.assert_array_equal(kernel((z + shifts).astype(dtype), *arrays.values()), still)


@every_pair("cross_entropy_gradient", "softmax")
def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot(
    kernel: Kernel, other: Kernel, agree: Agree
) -> None:
    logits, labels = draw("cross_entropy_gradient").values()
    expected = other(logits)
    expected[np.arange(len(labels)), labels] -= 1
    agree(kernel, [logits, labels], expected, reduction="sum")
    agree(kernel, [logits, labels], expected / len(labels), reduction="mean")


@every_kernel("cross_entropy_gradient")
def test_every_row_of_the_gradient_of_cross_entropy_sums_to_zero(kernel: Kernel) -> None:
    gradient = kernel(**draw("cross_entropy_gradient"), reduction="sum")
    assert abs(gradient).max() > 0.1
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=8 * EPS)


@every_pair("softmax_vjp", "negative_log_likelihood_gradient")
def test_the_gradient_of_likelihood_through_softmax_is_that_of_cross_entropy(
    kernel: Kernel, other: Kernel, agree: Agree
) -> None:
    logits, labels = draw("cross_entropy_gradient").values()
    probs = einbench.operation("softmax")["ufunc"](logits)
    joint = einbench.operation("cross_entropy_gradient")["indexed"]
    for reduction in ("sum", "mean"):
        cotangent = other(probs, labels, reduction=reduction)
        agree(kernel, [probs, cotangent], joint(logits, labels, reduction=reduction))


@every_pair("negative_log_likelihood", "softmax")
def test_negative_log_likelihood_of_softmax_is_cross_entropy(
    kernel: Kernel, other: Kernel, agree: Agree
) -> None:
    logits, labels = draw("cross_entropy").values()
    expected = einbench.operation("cross_entropy")["indexed"]
    for reduction in ("sum", "mean"):
        loss = expected(logits, labels, reduction=reduction)
        agree(kernel, [other(logits), labels], loss, reduction=reduction)


@every_kernel("negative_log_likelihood_gradient")
def test_the_gradient_of_likelihood_times_the_probabilities_is_minus_one_hot(
    kernel: Kernel,
) -> None:
    probs, labels = draw("negative_log_likelihood_gradient").values()
    products = kernel(probs, labels, reduction="sum") * probs
    np.testing.assert_allclose(products, -np.eye(SIZES["classes"])[labels], rtol=EPS)


@every_pair("mean_squared_error", "mean_squared_error_gradient")
def test_a_squared_error_is_a_quarter_of_the_squares_of_its_gradient(
    kernel: Kernel, other: Kernel, agree: Agree
) -> None:
    arrays = draw("mean_squared_error")
    slopes = other(**arrays, reduction="sum").astype(np.longdouble)
    agree(kernel, arrays.values(), (slopes**2).sum() / 4, reduction="sum")


@every_kernel("mean_squared_error")
def test_outputs_and_targets_may_change_places(kernel: Kernel) -> None:
    outputs, targets = draw("mean_squared_error").values()
    loss = kernel(outputs, targets)
    assert loss > 0.1
    assert kernel(targets, outputs) == loss
    assert kernel(outputs, outputs) == 0


@every_kernel(
    "cross_entropy", "negative_log_likelihood", "mean_squared_error", "weight_gradient",
    "bias_gradient", "mlp_gradients",
)  # fmt: skip
def test_what_is_summed_over_the_batch_is_the_sum_over_single_samples(
    kernel: Kernel, agree: Agree
) -> None:
    op = kernel.operation
    options = {"reduction": "sum"} if op.options else {}
    arrays = draw(op.name)
    single = [
        kernel(**{n: a[b : b + 1] if op.inputs[n].axes.startswith("batch") else a
                  for n, a in arrays.items()}, **options)
        for b in range(6)
    ]  # fmt: skip
    if len(op.outputs) == 1:
        expected = np.sum(np.asarray(single, np.longdouble), axis=0)
    else:
        expected = tuple(
            np.sum(np.asarray(each, np.longdouble), axis=0) for each in zip(*single, strict=True)
        )
    agree(kernel, arrays.values(), expected, **options)


@every_kernel(
    "cross_entropy", "cross_entropy_gradient", "negative_log_likelihood",
    "negative_log_likelihood_gradient", "mean_squared_error", "mean_squared_error_gradient",
)  # fmt: skip
def test_a_mean_is_the_sum_over_the_batch_size_or_over_all_entries(
    kernel: Kernel, agree: Agree
) -> None:
    arrays = draw(kernel.operation.name)
    count = 6 * SIZES["classes"] if "targets" in arrays else 6
    expected = kernel(**arrays, reduction="sum").astype(np.longdouble) / count
    agree(kernel, arrays.values(), expected, reduction="mean")
    np.testing.assert_array_equal(kernel(**arrays), kernel(**arrays, reduction="mean"))


@every_pair("mlp_forward", "mlp_intermediates")
def test_the_network_gives_the_last_of_its_intermediates(
    kernel: Kernel, other: Kernel, agree: Agree
) -> None:
    arrays = draw("mlp_forward")
    agree(kernel, arrays.values(), other(**arrays).o3)


@every_pair("mlp_intermediates", "linear")
def test_the_network_is_its_layers_one_after_another(
    kernel: Kernel, other: Kernel, agree: Agree
) -> None:
    arrays = draw("mlp_intermediates")
    relu, softmax = einbench.operation("relu")["ufunc"], einbench.operation("softmax")["ufunc"]
    x, w1, b1, w2, b2, w3, b3 = arrays.values()
    y1 = other(x, w1, b1)
    o1 = relu(y1)
    y2 = other(o1, w2, b2)
    o2 = relu(y2)
    y3 = other(o2, w3, b3)
    agree(kernel, arrays.values(), (y1, o1, y2, o2, y3, softmax(y3)))


@every_pair("mlp_gradients", "input_gradient")
def test_the_gradients_of_the_network_are_those_of_its_layers_chained(
    kernel: Kernel, other: Kernel, agree: Agree
) -> None:
    arrays = draw("mlp_gradients")
    *forward, labels = arrays.values()
    x, _, _, w2, _, w3, _ = forward
    each = {name: einbench.operation(name) for name in ("relu_vjp", "cross_entropy_gradient")}
    dweights = einbench.operation("weight_gradient")["matmul"]
    dbias = einbench.operation("bias_gradient")["sum"]
    y = einbench.operation("mlp_intermediates")["matmul"](*forward)
    d3 = each["cross_entropy_gradient"]["indexed"](y.y3, labels, reduction="sum")
    d2 = each["relu_vjp"]["ufunc"](y.o2, other(d3, w3))
    d1 = each["relu_vjp"]["ufunc"](y.o1, other(d2, w2))
    expected = (
        dweights(x, d1), dbias(d1), dweights(y.o1, d2), dbias(d2), dweights(y.o2, d3), dbias(d3),
    )  # fmt: skip
    agree(kernel, arrays.values(), expected)


def assert_same_product(left: tuple[Array, Array], right: tuple[Array, Array]) -> None:
    """<a, b> = <c, d> within the rounding of the longer sum."""
    magnitude = max(np.abs(a * b).sum() for a, b in (left, right))
    product_left, product_right = ((a * b).sum() for a, b in (left, right))
    assert abs(product_left) > 0.001 * magnitude
    assert abs(product_left - product_right) < 100 * EPS * magnitude


@every_pair("input_gradient", "linear")
def test_the_input_gradient_is_the_adjoint_of_the_layer_in_its_inputs(
    kernel: Kernel, other: Kernel
) -> None:
    """<X W^T, G> = <X, G W>"""
    x, w, bias = draw("linear").values()
    g = draw("weight_gradient")["dlogits"]
    assert_same_product((other(x, w, 0 * bias), g), (x, kernel(g, w)))


@every_pair("weight_gradient", "linear")
def test_the_weight_gradient_is_the_adjoint_of_the_layer_in_its_weights(
    kernel: Kernel, other: Kernel
) -> None:
    """<X W^T, G> = <W, G^T X>"""
    x, w, bias = draw("linear").values()
    g = draw("weight_gradient")["dlogits"]
    assert_same_product((other(x, w, 0 * bias), g), (w, kernel(x, g)))


@every_pair("bias_gradient", "linear")
def test_the_bias_gradient_is_the_adjoint_of_the_layer_in_its_bias(
    kernel: Kernel, other: Kernel
) -> None:
    """<1 b^T, G> = <b, sum_b G[b]>"""
    x, w, bias = draw("linear").values()
    g = draw("bias_gradient")["dlogits"]
    assert_same_product((other(0 * x, w, bias), g), (bias, kernel(g)))


@every_kernel("tanh")
def test_tanh_is_odd(kernel: Kernel) -> None:
    inputs = draw("tanh")["inputs"]
    assert abs(kernel(inputs)).max() > 0.5
    np.testing.assert_allclose(kernel(-inputs), -kernel(inputs), rtol=4 * EPS)


@every_kernel("sigmoid")
def test_sigmoid_and_its_mirror_image_sum_to_one(kernel: Kernel) -> None:
    inputs = draw("sigmoid")["inputs"]
    np.testing.assert_allclose(kernel(inputs) + kernel(-inputs), 1, rtol=4 * EPS)


@every_kernel("relu")
def test_relu_less_its_mirror_image_is_the_input(kernel: Kernel) -> None:
    inputs = draw("relu")["inputs"]
    np.testing.assert_array_equal(kernel(inputs) - kernel(-inputs), inputs)
