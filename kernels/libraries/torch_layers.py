"""Eager PyTorch for single layers and their derivatives: memory for outputs is its own.

Where it is not clear which of its functions is the fastest, there are several ways.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from einbench.libraries.torch_given import Call, Tensors, one_row, way


@way("linear", "addmm_out")
def linear_addmm(given: Tensors) -> Call:
    """addmm with the transposed weights."""
    inputs, weights, bias = given.tensors
    return partial(given.torch.addmm, bias, inputs, weights.t(), out=given.out())


@way("linear", "functional_linear")
def functional_linear(given: Tensors) -> Call:
    """As a module calls it: new memory."""
    return partial(given.torch.nn.functional.linear, *given.tensors)


@way("linear", "addmv_out", applies=one_row)
def linear_addmv(given: Tensors) -> Call:
    """A product with one row."""
    inputs, weights, bias = given.tensors
    torch, row, out = given.torch, inputs[0], given.out()
    first = out[0]

    def addmv() -> Any:
        torch.addmv(bias, weights, row, out=first)
        return out

    return addmv


@way("relu", "clamp_min_out")
def relu_clamp_min(given: Tensors) -> Call:
    """clamp_min at zero."""
    return partial(given.torch.clamp_min, *given.tensors, 0, out=given.out())


@way("relu", "relu_out")
def relu_out(given: Tensors) -> Call:
    """The operator behind relu."""
    return partial(given.torch.ops.aten.relu.out, *given.tensors, out=given.out())


@way("relu", "relu")
def relu(given: Tensors) -> Call:
    """New memory."""
    return partial(given.torch.relu, *given.tensors)


@way("tanh", "tanh_out")
def tanh(given: Tensors) -> Call:
    """tanh."""
    return partial(given.torch.tanh, *given.tensors, out=given.out())


@way("sigmoid", "sigmoid_out")
def sigmoid(given: Tensors) -> Call:
    """sigmoid."""
    return partial(given.torch.sigmoid, *given.tensors, out=given.out())


@way("relu_vjp", "threshold_backward")
def relu_threshold_backward(given: Tensors) -> Call:
    """What autograd calls."""
    outputs, cotangent = given.tensors
    back = given.torch.ops.aten.threshold_backward.grad_input
    return partial(back, cotangent, outputs, 0, grad_input=given.out())


@way("relu_vjp", "gt_mul_out")
def relu_gt_mul(given: Tensors) -> Call:
    """A mask, and a product with it."""
    outputs, cotangent = given.tensors
    torch, product = given.torch, given.out()
    mask = torch.empty(outputs.shape, dtype=torch.bool)

    def masked() -> Any:
        torch.gt(outputs, 0, out=mask)
        return torch.mul(cotangent, mask, out=product)

    return masked


@way("tanh_vjp", "tanh_backward")
def tanh_backward(given: Tensors) -> Call:
    """What autograd calls."""
    outputs, cotangent = given.tensors
    back = given.torch.ops.aten.tanh_backward.grad_input
    return partial(back, cotangent, outputs, grad_input=given.out())


@way("sigmoid_vjp", "sigmoid_backward")
def sigmoid_backward(given: Tensors) -> Call:
    """What autograd calls."""
    outputs, cotangent = given.tensors
    back = given.torch.ops.aten.sigmoid_backward.grad_input
    return partial(back, cotangent, outputs, grad_input=given.out())


@way("softmax", "softmax_out")
def softmax(given: Tensors) -> Call:
    """softmax along the classes."""
    return partial(given.torch.softmax, *given.tensors, 1, out=given.out())


@way("softmax", "aten_softmax_out")
def aten_softmax(given: Tensors) -> Call:
    """The operator behind it."""
    return partial(given.torch.ops.aten._softmax.out, *given.tensors, 1, False, out=given.out())


@way("softmax_jacobian", "mul_out_diagonal")
def jacobian_mul(given: Tensors) -> Call:
    """An outer product by broadcasting, and probabilities added to its diagonal."""
    (probs,) = given.tensors
    torch, out, negative = given.torch, given.out(), given.torch.empty_like(probs)
    column, row, diagonal = probs[:, :, None], negative[:, None, :], out.diagonal(dim1=1, dim2=2)

    def mul() -> Any:
        torch.neg(probs, out=negative)
        torch.mul(column, row, out=out)
        diagonal.add_(probs)
        return out

    return mul


@way("softmax_jacobian", "bmm_out_diagonal")
def jacobian_bmm(given: Tensors) -> Call:
    """The same by a product of matrices for every row."""
    (probs,) = given.tensors
    torch, out, negative = given.torch, given.out(), given.torch.empty_like(probs)
    column, row, diagonal = probs[:, :, None], negative[:, None, :], out.diagonal(dim1=1, dim2=2)

    def bmm() -> Any:
        torch.neg(probs, out=negative)
        torch.bmm(column, row, out=out)
        diagonal.add_(probs)
        return out

    return bmm


@way("softmax_jacobian", "identity_sub_out")
def jacobian_identity(given: Tensors) -> Call:
    """p (I - p)."""
    (probs,) = given.tensors
    torch, out, column, row = given.torch, given.out(), probs[:, :, None], probs[:, None, :]
    identity = torch.eye(probs.shape[1], dtype=given.dtype)

    def identity_less() -> Any:
        return torch.sub(identity, row, out=out).mul_(column)

    return identity_less


@way("softmax_jacobian", "diag_embed_baddbmm")
def jacobian_baddbmm(given: Tensors) -> Call:
    """diag(p) - p p^T, in new memory."""
    (probs,) = given.tensors
    torch, column, row = given.torch, probs[:, :, None], probs[:, None, :]

    def baddbmm() -> Any:
        return torch.diag_embed(probs).baddbmm_(column, row, alpha=-1)

    return baddbmm


@way("softmax_vjp", "softmax_backward_data")
def softmax_backward(given: Tensors) -> Call:
    """What autograd calls."""
    probs, cotangent = given.tensors
    back = given.torch.ops.aten._softmax_backward_data.out
    return partial(back, cotangent, probs, 1, given.dtype, grad_input=given.out())


@way("softmax_vjp", "closed_form_out")
def softmax_vjp_closed_form(given: Tensors) -> Call:
    """p (g - sum p g)."""
    probs, cotangent = given.tensors
    torch, closed, products = given.torch, given.out(), given.out()
    sums = given.full((given.batch, 1))

    def formula() -> Any:
        torch.mul(probs, cotangent, out=products)
        torch.sum(products, 1, keepdim=True, out=sums)
        return torch.sub(cotangent, sums, out=closed).mul_(probs)

    return formula
