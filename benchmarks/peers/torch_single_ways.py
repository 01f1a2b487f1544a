"""Eager PyTorch for everything but whole networks: memory for outputs is its own.

Where it is not clear which of its functions is the fastest, there are several ways. Labels may be
rows of zeros and a one, prepared off the clock: its own losses take them so. Nothing else of the
mathematics is prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch

from .torch_given import Calls, Given

functional = torch.nn.functional
aten = torch.ops.aten


def _linear(given: Given) -> Calls:
    inputs, weights, bias = given.tensors
    out, turned = given.out(), weights.t()
    ways: dict[str, Callable[[], object]] = {
        "addmm out": partial(torch.addmm, bias, inputs, turned, out=out),
        "functional.linear": partial(functional.linear, inputs, weights, bias),
    }
    if given.batch == 1:
        row, out_row = inputs[0], given.out()
        first = out_row[0]

        def addmv() -> object:
            torch.addmv(bias, weights, row, out=first)
            return out_row

        ways["addmv out"] = addmv
    return ways


def _relu(given: Given) -> Calls:
    (inputs,) = given.tensors
    return {
        "clamp_min out": partial(torch.clamp_min, inputs, 0, out=given.out()),
        "relu out": partial(aten.relu.out, inputs, out=given.out()),
        "relu": partial(torch.relu, inputs),
    }


def _tanh(given: Given) -> Calls:
    (inputs,) = given.tensors
    return {"tanh out": partial(torch.tanh, inputs, out=given.out())}


def _sigmoid(given: Given) -> Calls:
    (inputs,) = given.tensors
    return {"sigmoid out": partial(torch.sigmoid, inputs, out=given.out())}


def _relu_vjp(given: Given) -> Calls:
    outputs, cotangent = given.tensors
    out, product = given.out(), given.out()
    mask = torch.empty(outputs.shape, dtype=torch.bool)

    def masked() -> object:
        torch.gt(outputs, 0, out=mask)
        return torch.mul(cotangent, mask, out=product)

    return {
        "threshold_backward": partial(
            aten.threshold_backward.grad_input, cotangent, outputs, 0, grad_input=out
        ),
        "gt mul out": masked,
    }


def _tanh_vjp(given: Given) -> Calls:
    outputs, cotangent = given.tensors
    back = aten.tanh_backward.grad_input
    return {"tanh_backward": partial(back, cotangent, outputs, grad_input=given.out())}


def _sigmoid_vjp(given: Given) -> Calls:
    outputs, cotangent = given.tensors
    back = aten.sigmoid_backward.grad_input
    return {"sigmoid_backward": partial(back, cotangent, outputs, grad_input=given.out())}


def _softmax(given: Given) -> Calls:
    (logits,) = given.tensors
    return {
        "softmax out": partial(torch.softmax, logits, 1, out=given.out()),
        "_softmax out": partial(aten._softmax.out, logits, 1, False, out=given.out()),
    }


def _softmax_jacobian(given: Given) -> Calls:
    (probs,) = given.tensors
    column, row = probs[:, :, None], probs[:, None, :]
    by_mul, by_bmm = given.out(), given.out()
    mul_diagonal, bmm_diagonal = (j.diagonal(dim1=1, dim2=2) for j in (by_mul, by_bmm))
    negative = torch.empty_like(probs)
    negative_row = negative[:, None, :]
    identity = torch.eye(probs.shape[1], dtype=given.dtype)
    difference = given.out()

    def mul() -> object:
        torch.neg(probs, out=negative)
        torch.mul(column, negative_row, out=by_mul)
        mul_diagonal.add_(probs)
        return by_mul

    def bmm() -> object:
        torch.neg(probs, out=negative)
        torch.bmm(column, negative_row, out=by_bmm)
        bmm_diagonal.add_(probs)
        return by_bmm

    def identity_less() -> object:
        return torch.sub(identity, row, out=difference).mul_(column)

    def baddbmm() -> object:
        return torch.diag_embed(probs).baddbmm_(column, row, alpha=-1)

    return {
        "mul out, diagonal": mul, "bmm out, diagonal": bmm,
        "identity sub out": identity_less, "diag_embed baddbmm_": baddbmm,
    }  # fmt: skip


def _softmax_vjp(given: Given) -> Calls:
    probs, cotangent = given.tensors
    out, closed, products = given.out(), given.out(), given.out()
    sums = given.full((given.batch, 1))

    def formula() -> object:
        torch.mul(probs, cotangent, out=products)
        torch.sum(products, 1, keepdim=True, out=sums)
        return torch.sub(cotangent, sums, out=closed).mul_(probs)

    return {
        "_softmax_backward_data": partial(
            aten._softmax_backward_data.out, cotangent, probs, 1, given.dtype, grad_input=out
        ),
        "closed form out": formula,
    }


def _weight_gradient(given: Given) -> Calls:
    inputs, dlogits = given.tensors
    turned = dlogits.t()
    ways: dict[str, Callable[[], object]] = {
        "mm out": partial(torch.mm, turned, inputs, out=given.out())
    }
    if given.batch == 1:
        ways["outer out"] = partial(torch.outer, dlogits[0], inputs[0], out=given.out())
        ways["mul out"] = partial(torch.mul, turned, inputs, out=given.out())
    return ways


def _bias_gradient(given: Given) -> Calls:
    (dlogits,) = given.tensors
    ones = torch.ones(given.batch, dtype=given.dtype)
    return {
        "sum out": partial(torch.sum, dlogits, 0, out=given.out()),
        "mv out": partial(torch.mv, dlogits.t(), ones, out=given.out()),
    }


def _input_gradient(given: Given) -> Calls:
    dlogits, weights = given.tensors
    ways: dict[str, Callable[[], object]] = {
        "mm out": partial(torch.mm, dlogits, weights, out=given.out())
    }
    if given.batch == 1:
        turned, row, out = weights.t(), dlogits[0], given.out()
        first = out[0]

        def mv() -> object:
            torch.mv(turned, row, out=first)
            return out

        ways["mv out"] = mv
    return ways


def _cross_entropy(given: Given) -> Calls:
    logits, labels = given.tensors
    log_probs, sums = given.full(tuple(logits.shape)), given.full((given.batch,))
    chosen = labels[:, None]

    def log_softmax() -> object:
        return functional.nll_loss(torch.log_softmax(logits, 1, out=log_probs), labels)

    def logsumexp() -> object:
        torch.logsumexp(logits, 1, out=sums)
        return sums.sub_(logits.gather(1, chosen).view(-1)).mean()

    return {
        "functional.cross_entropy": partial(functional.cross_entropy, logits, labels),
        "log_softmax out, nll_loss": log_softmax, "logsumexp out": logsumexp,
    }  # fmt: skip


def _cross_entropy_gradient(given: Given) -> Calls:
    logits, labels = given.tensors
    classes = given.one_hot(labels, logits.shape[1])
    share = 1 / given.batch
    dense, sparse, chosen = given.out(), given.out(), labels[:, None]
    less = torch.full_like(chosen, -1.0, dtype=given.dtype)

    def subtracted() -> object:
        return torch.softmax(logits, 1, out=dense).sub_(classes).mul_(share)

    def scattered() -> object:
        return torch.softmax(logits, 1, out=sparse).scatter_add_(1, chosen, less).mul_(share)

    return {
        "softmax out, sub_ one-hot": subtracted,
        "softmax out, scatter_add_": scattered,
    }


def _negative_log_likelihood(given: Given) -> Calls:
    probs, labels = given.tensors
    least = torch.finfo(given.dtype).tiny
    chosen = labels[:, None]
    picked = given.full((given.batch, 1))

    def gathered() -> object:
        torch.gather(probs, 1, chosen, out=picked)
        return picked.clamp_min_(least).log_().mean().neg_()

    def nll_loss() -> object:
        return functional.nll_loss(torch.log(probs), labels)

    return {"gather out, log_, mean": gathered, "log, nll_loss": nll_loss}


def _negative_log_likelihood_gradient(given: Given) -> Calls:
    probs, labels = given.tensors
    least = torch.finfo(given.dtype).tiny
    classes = given.one_hot(labels, probs.shape[1])
    share = -1 / given.batch
    dense, clamped, sparse = given.out(), given.out(), given.out()
    chosen = labels[:, None]
    picked = given.full((given.batch, 1))

    def divided() -> object:
        torch.clamp_min(probs, least, out=clamped)
        return torch.div(classes, clamped, out=dense).mul_(share)

    def scattered() -> object:
        torch.gather(probs, 1, chosen, out=picked)
        picked.clamp_min_(least).reciprocal_().mul_(share)
        return sparse.zero_().scatter_(1, chosen, picked)

    return {"zero_, scatter_": scattered, "div out of one-hot": divided}


def _mean_squared_error(given: Given) -> Calls:
    outputs, targets = given.tensors
    difference = given.full(tuple(outputs.shape))
    flat = difference.view(-1)
    share = 1 / outputs.numel()

    def dot() -> object:
        torch.sub(outputs, targets, out=difference)
        return torch.dot(flat, flat).mul_(share)

    return {
        "functional.mse_loss": partial(functional.mse_loss, outputs, targets),
        "sub out, dot": dot,
    }


def _mean_squared_error_gradient(given: Given) -> Calls:
    outputs, targets = given.tensors
    out, back = given.out(), aten.mse_loss_backward.grad_input
    one = torch.ones((), dtype=given.dtype)
    factor = 2 / outputs.numel()
    return {
        "sub out, mul_": lambda: torch.sub(outputs, targets, out=out).mul_(factor),
        "mse_loss_backward": partial(back, one, outputs, targets, 1, grad_input=given.out()),
    }


SINGLES: Mapping[str, Callable[[Given], Calls]] = {
    "linear": _linear, "relu": _relu, "tanh": _tanh, "sigmoid": _sigmoid, "relu_vjp": _relu_vjp,
    "tanh_vjp": _tanh_vjp, "sigmoid_vjp": _sigmoid_vjp, "softmax": _softmax,
    "softmax_jacobian": _softmax_jacobian, "softmax_vjp": _softmax_vjp,
    "weight_gradient": _weight_gradient, "bias_gradient": _bias_gradient,
    "input_gradient": _input_gradient, "cross_entropy": _cross_entropy,
    "cross_entropy_gradient": _cross_entropy_gradient,
    "negative_log_likelihood": _negative_log_likelihood,
    "negative_log_likelihood_gradient": _negative_log_likelihood_gradient,
    "mean_squared_error": _mean_squared_error,
    "mean_squared_error_gradient": _mean_squared_error_gradient,
}  # fmt: skip
