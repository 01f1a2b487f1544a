"""Figures and formulas of the systems this project started from, one way or another around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.kernel import Kernel

Array = np.ndarray[Any, Any]

# samples are columns, and those of A need not sum to one
A = np.array([[5, 4], [7, 9], [3, 2]])
Y = np.array([[1, 0], [0, 0], [0, 1]])
JACOBIANS = np.array([
    [[-20, -35, -15], [-35, -42, -21], [-15, -21, -6]],
    [[-12, -36, -8], [-36, -72, -18], [-8, -18, -2]],
])  # fmt: skip
DLDZ = np.array([[4, 4], [7, 9], [3, 1]])

both_dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


def every_kernel(*names: str) -> pytest.MarkDecorator:
    found = [kernel for name in names for kernel in einbench.operation(name)]
    return pytest.mark.parametrize("kernel", found, ids=repr)


@both_dtypes
@every_kernel("softmax_jacobian")
def test_the_jacobians_of_the_worked_example_come_out_to_the_digit(
    kernel: Kernel, dtype: str
) -> None:
    np.testing.assert_array_equal(kernel(A.astype(dtype).T), JACOBIANS)


@both_dtypes
@every_kernel("softmax_vjp")
def test_the_gradient_of_the_worked_example_comes_out_to_the_digit(
    kernel: Kernel, dtype: str
) -> None:
    probs = A.astype(dtype)
    dlda = -Y.astype(dtype) / probs
    dldz = kernel(probs.T, dlda.T).T
    np.testing.assert_array_max_ulp(dldz, DLDZ.astype(dtype), maxulp=2)
    np.testing.assert_array_equal(dldz.round(5), DLDZ)


@both_dtypes
@every_kernel("negative_log_likelihood_gradient")
def test_the_gradient_of_the_likelihood_in_the_worked_example_is_minus_y_over_a(
    kernel: Kernel, dtype: str
) -> None:
    """dLdA = -Y / A, the labels being the rows of Y that hold its ones."""
    dlda = kernel(A.astype(dtype).T, Y.argmax(axis=0), reduction="sum").T
    np.testing.assert_array_equal(dlda, -Y.astype(dtype) / A.astype(dtype))


@both_dtypes
@every_kernel("negative_log_likelihood")
def test_the_likelihood_of_the_worked_example_is_minus_y_log_a(kernel: Kernel, dtype: str) -> None:
    loss = kernel(A.astype(dtype).T, Y.argmax(axis=0), reduction="sum")
    np.testing.assert_array_max_ulp(loss, -(Y * np.log(A)).sum().astype(dtype), maxulp=2)
    np.testing.assert_allclose(loss, -np.log(10), rtol=1e-6)


@every_kernel("negative_log_likelihood")
def test_a_probability_of_zero_costs_what_the_smallest_number_does(
    kernel: Kernel,
) -> None:
    """-log p with p = 0 replaced by the smallest subnormal."""
    nothing, label = np.array([[0.0, 1.0]]), np.array([0])
    for reduction in ("mean", "sum"):
        loss = kernel(nothing, label, reduction=reduction)
        np.testing.assert_array_max_ulp(loss, np.float64(744.4400719213812), maxulp=1)
    narrow = kernel(nothing.astype("float32"), label)
    np.testing.assert_array_max_ulp(narrow, np.float32(103.278929903), maxulp=1)
    assert str(kernel(np.array([[1.0, 0.0]]), label)) == "0.0"


@both_dtypes
@every_kernel("negative_log_likelihood", "negative_log_likelihood_gradient")
def test_probabilities_that_are_not_numbers_stay_so_at_the_label_and_count_nowhere_else(
    kernel: Kernel, dtype: str
) -> None:
    probs = np.array([[np.nan, 0.5]], dtype)
    assert np.isnan(kernel(probs, np.array([0]))).any()
    assert np.isfinite(kernel(probs, np.array([1]))).all()


@both_dtypes
@every_kernel("negative_log_likelihood_gradient")
def test_the_gradient_at_a_probability_of_zero_is_finite_where_minus_y_over_a_is_not(
    kernel: Kernel, dtype: str
) -> None:
    limits = np.finfo(dtype)
    probs = np.array([[0, 1], [limits.smallest_subnormal, 1], [limits.smallest_normal, 1]], dtype)
    dprobs = kernel(probs, np.zeros(3, int), reduction="sum")
    np.testing.assert_array_equal(dprobs[:, 0], -1 / limits.smallest_normal)
    np.testing.assert_array_equal(dprobs[:, 1], 0)


@both_dtypes
@every_kernel("mean_squared_error", "mean_squared_error_gradient")
def test_mean_squared_error_is_over_all_entries(kernel: Kernel, dtype: str) -> None:
    """L = sum (y - t)^2 / (n m), dY = 2 (y - t) / (n m), with n = 2 samples of m = 4."""
    y = np.array([[1, 0, 2, 0], [0, 3, 0, 0]], dtype)
    t = np.array([[0, 0, 0, 0], [0, 0, 0, 4]], dtype)
    expected = 30 / 8 if kernel.operation.name == "mean_squared_error" else 2 * (y - t) / 8
    np.testing.assert_array_equal(kernel(y, t), expected)


@both_dtypes
@every_kernel("mean_squared_error")
def test_outputs_close_to_large_targets_keep_the_digits_of_their_distance(
    kernel: Kernel, dtype: str
) -> None:
    """y^2 - 2 y t + t^2 has none of them left."""
    y, t = np.full((3, 4), 4097, dtype), np.full((3, 4), 4096, dtype)
    far = dtype == "float32"
    y, t = (y, t) if far else (y + 2.0**40, t + 2.0**40)
    assert (y * y - 2 * y * t + t * t != 1).all()
    assert kernel(y, t) == 1


@every_kernel("softmax_jacobian")
def test_the_jacobian_is_that_of_both_einsum_forms_with_samples_in_columns(kernel: Kernel) -> None:
    a, one = A.astype(float), np.eye(3)
    form_1 = np.einsum("jk,jk,ji->ijk", a, 1 - a, one)
    form_1 += np.einsum("jk,ik,ji->ijk", -a, a, 1 - one)
    form_2 = np.einsum("ji,jk->ijk", a * (1 - a), one)
    form_2 += np.einsum("ki,ji,jk->ijk", -a, a, 1 - one)
    jacobian = kernel(a.T)
    np.testing.assert_array_equal(jacobian.transpose(1, 2, 0), form_1)
    np.testing.assert_array_equal(jacobian, form_2)
    dlda = -Y / a
    np.testing.assert_allclose(np.einsum("ikj,kj->ij", form_1, dlda), DLDZ, rtol=1e-15)
    np.testing.assert_allclose(np.einsum("jik,kj->ij", jacobian, dlda), DLDZ, rtol=1e-15)


def columns(*shape: int, seed: int = 5) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


@every_kernel("linear")
def test_a_layer_with_samples_in_columns_takes_transposed_views(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    """Z = W^T A + W0 with W (m, n) and A (m, batch)."""
    w, a, w0 = columns(4, 3), columns(4, 6, seed=6), columns(3, 1, seed=7)
    agree(kernel, [a.T, w.T, w0[:, 0]], (w.T @ a + w0).T)


@every_kernel("weight_gradient")
def test_the_weight_gradient_with_samples_in_columns_is_a_dz_transposed(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    """dW = A dZ^T for W (m, n): ours is (n, m)."""
    a, dz = columns(4, 6), columns(3, 6, seed=6)
    agree(kernel, [a.T, dz.T], (a @ dz.T).T)


@every_kernel("input_gradient")
def test_what_a_layer_with_samples_in_columns_passes_on_is_w_dz(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    w, dz = columns(4, 3), columns(3, 6, seed=6)
    agree(kernel, [dz.T, w.T], (w @ dz).T)


@every_kernel("bias_gradient")
def test_the_bias_gradient_with_samples_in_columns_sums_along_rows(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    dz = columns(3, 6)
    agree(kernel, [dz.T], dz.sum(axis=1))


@every_kernel("softmax")
def test_softmax_over_the_first_axis_is_softmax_of_the_view(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    z = columns(5, 6)
    agree(kernel, [z.T], (np.exp(z) / np.exp(z).sum(axis=0)).T)


@every_kernel("tanh_vjp", "relu_vjp")
def test_activations_with_samples_in_columns_go_back_as_written(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    """(1 - A^2) dA, and dA (A != 0)."""
    z, da = columns(5, 6), columns(5, 6, seed=6)
    if kernel.operation.name == "tanh_vjp":
        a = np.tanh(z)
        agree(kernel, [a.T, da.T], ((1 - a**2) * da).T)
    else:
        a = np.maximum(z, 0)
        agree(kernel, [a.T, da.T], (da * (a != 0)).T)


@every_kernel("cross_entropy")
def test_cross_entropy_of_columns_is_minus_y_log_yhat(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    z = columns(3, 6)
    labels = np.array([0, 2, 1, 1, 0, 2])
    yhat = np.exp(z) / np.exp(z).sum(axis=0)
    agree(
        kernel, [z.T, labels], -(np.eye(3)[labels].T * np.log(yhat)).sum(), reduction="sum"
    )  # fmt: skip


@every_kernel("weight_gradient")
def test_the_weight_gradient_is_the_products_minus_o2_on_the_row_of_the_label(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    """dW3 = sum_b o3[b, i] o2[b, k], minus o2[b] on row label[b], db3 = o3 - onehot."""
    o2, o3 = abs(columns(6, 4)), abs(columns(6, 3, seed=6))
    labels = np.array([0, 2, 1, 1, 0, 2])
    expected = np.einsum("bi,bk->ik", o3, o2)
    for sample, label in zip(o2, labels, strict=True):
        expected[label] -= sample
    agree(kernel, [o2, o3 - np.eye(3)[labels]], expected)


@every_kernel("weight_gradient")
def test_the_weight_gradient_of_weights_in_out_is_its_transpose(
    kernel: Kernel, agree: Callable[..., None]
) -> None:
    x, g = columns(6, 4), columns(6, 3, seed=6)
    agree(kernel, [x, g], (x[:, :, None] * g[:, None, :]).sum(axis=0).T)


@pytest.mark.parametrize(("dtype", "gap"), [("float64", 1000.0), ("float32", 200.0)])
@every_kernel("cross_entropy")
def test_a_label_of_probability_zero_costs_its_distance_not_the_log_of_a_smallest_number(
    kernel: Kernel, dtype: str, gap: float
) -> None:
    """-log 0 with 0 replaced by the smallest subnormal is 744.44 whatever the logits."""
    logits = np.array([[gap, 0.0], [0.0, 0.0]], dtype)
    assert np.exp(logits[0, 1] - logits[0, 0]) == 0
    loss = kernel(logits, np.array([1, 0]), reduction="sum")
    np.testing.assert_allclose(loss, gap + np.log(2), rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("dtype", "size"), [("float64", 710.0), ("float32", 89.0)])
@every_kernel("softmax")
def test_softmax_does_not_overflow_where_exponentials_do(
    kernel: Kernel, dtype: str, size: float
) -> None:
    logits = np.array([[size, size, 0.0]], dtype)
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(logits[0, 0]))
    np.testing.assert_allclose(kernel(logits), [[0.5, 0.5, 0.0]], atol=1e-30)
