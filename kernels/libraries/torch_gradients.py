"""Eager PyTorch for gradients and losses: memory for outputs is its own.

Labels may be rows of zeros and a one, prepared off the clock: its own losses take them so. Nothing
else of the mathematics is prepared.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from einbench.libraries.torch_given import Call, Tensors, one_row, way


@way("weight_gradient", "mm_out")
def weights_mm(given: Tensors) -> Call:
    """A product with the transposed cotangent."""
    inputs, dlogits = given.tensors
    return partial(given.torch.mm, dlogits.t(), inputs, out=given.out())


@way("weight_gradient", "outer_out", applies=one_row)
def weights_outer(given: Tensors) -> Call:
    """Of one row an outer product."""
    inputs, dlogits = given.tensors
    return partial(given.torch.outer, dlogits[0], inputs[0], out=given.out())


@way("weight_gradient", "mul_out", applies=one_row)
def weights_mul(given: Tensors) -> Call:
    """The same by broadcasting."""
    inputs, dlogits = given.tensors
    return partial(given.torch.mul, dlogits.t(), inputs, out=given.out())


@way("bias_gradient", "sum_out")
def bias_sum(given: Tensors) -> Call:
    """A sum of rows."""
    return partial(given.torch.sum, *given.tensors, 0, out=given.out())


@way("bias_gradient", "mv_out")
def bias_mv(given: Tensors) -> Call:
    """A product with ones."""
    (dlogits,) = given.tensors
    ones = given.torch.ones(given.batch, dtype=given.dtype)
    return partial(given.torch.mv, dlogits.t(), ones, out=given.out())


@way("input_gradient", "mm_out")
def inputs_mm(given: Tensors) -> Call:
    """A product."""
    return partial(given.torch.mm, *given.tensors, out=given.out())


@way("input_gradient", "mv_out", applies=one_row)
def inputs_mv(given: Tensors) -> Call:
    """A product with one row."""
    dlogits, weights = given.tensors
    torch, turned, row, out = given.torch, weights.t(), dlogits[0], given.out()
    first = out[0]

    def mv() -> Any:
        torch.mv(turned, row, out=first)
        return out

    return mv


@way("cross_entropy", "functional_cross_entropy")
def cross_entropy(given: Tensors) -> Call:
    """Its own loss."""
    return partial(given.torch.nn.functional.cross_entropy, *given.tensors)


@way("cross_entropy", "log_softmax_out_nll_loss")
def cross_entropy_log_softmax(given: Tensors) -> Call:
    """Its two parts, log-probabilities in memory that is there."""
    logits, labels = given.tensors
    torch, log_probs = given.torch, given.full(tuple(logits.shape))
    nll_loss = torch.nn.functional.nll_loss
    return lambda: nll_loss(torch.log_softmax(logits, 1, out=log_probs), labels)


@way("cross_entropy", "logsumexp_out")
def cross_entropy_logsumexp(given: Tensors) -> Call:
    """logsumexp less the logit of the label."""
    logits, labels = given.tensors
    torch, sums, chosen = given.torch, given.full((given.batch,)), labels[:, None]

    def logsumexp() -> Any:
        torch.logsumexp(logits, 1, out=sums)
        return sums.sub_(logits.gather(1, chosen).view(-1)).mean()

    return logsumexp


@way("cross_entropy_gradient", "softmax_out_sub_one_hot")
def cross_entropy_gradient_dense(given: Tensors) -> Call:
    """softmax less rows of zeros and a one."""
    logits, labels = given.tensors
    torch, out, share = given.torch, given.out(), 1 / given.batch
    classes = given.one_hot(labels, logits.shape[1])
    return lambda: torch.softmax(logits, 1, out=out).sub_(classes).mul_(share)


@way("cross_entropy_gradient", "softmax_out_scatter_add")
def cross_entropy_gradient_sparse(given: Tensors) -> Call:
    """softmax, and one less at each label."""
    logits, labels = given.tensors
    torch, out, share, chosen = given.torch, given.out(), 1 / given.batch, labels[:, None]
    less = torch.full_like(chosen, -1.0, dtype=given.dtype)
    return lambda: torch.softmax(logits, 1, out=out).scatter_add_(1, chosen, less).mul_(share)


@way("negative_log_likelihood", "gather_out_log_mean")
def likelihood_gather(given: Tensors) -> Call:
    """The logarithm of the gathered entries only."""
    probs, labels = given.tensors
    torch, least, chosen = given.torch, given.torch.finfo(given.dtype).tiny, labels[:, None]
    picked = given.full((given.batch, 1))

    def gathered() -> Any:
        torch.gather(probs, 1, chosen, out=picked)
        return picked.clamp_min_(least).log_().mean().neg_()

    return gathered


@way("negative_log_likelihood", "log_nll_loss")
def likelihood_nll_loss(given: Tensors) -> Call:
    """As in PyTorch's tutorials."""
    probs, labels = given.tensors
    torch, nll_loss = given.torch, given.torch.nn.functional.nll_loss
    return lambda: nll_loss(torch.log(probs), labels)


@way("negative_log_likelihood_gradient", "zero_scatter")
def likelihood_gradient_sparse(given: Tensors) -> Call:
    """Zeros, and the entries of the labels scattered into them."""
    probs, labels = given.tensors
    torch, least, chosen = given.torch, given.torch.finfo(given.dtype).tiny, labels[:, None]
    out, picked, share = given.out(), given.full((given.batch, 1)), -1 / given.batch

    def scattered() -> Any:
        torch.gather(probs, 1, chosen, out=picked)
        picked.clamp_min_(least).reciprocal_().mul_(share)
        return out.zero_().scatter_(1, chosen, picked)

    return scattered


@way("negative_log_likelihood_gradient", "div_out_of_one_hot")
def likelihood_gradient_dense(given: Tensors) -> Call:
    """Rows of zeros and a one over the probabilities."""
    probs, labels = given.tensors
    torch, least, share = given.torch, given.torch.finfo(given.dtype).tiny, -1 / given.batch
    classes, out, clamped = given.one_hot(labels, probs.shape[1]), given.out(), given.out()

    def divided() -> Any:
        torch.clamp_min(probs, least, out=clamped)
        return torch.div(classes, clamped, out=out).mul_(share)

    return divided


@way("mean_squared_error", "functional_mse_loss")
def squared_error(given: Tensors) -> Call:
    """Its own loss."""
    return partial(given.torch.nn.functional.mse_loss, *given.tensors)


@way("mean_squared_error", "sub_out_dot")
def squared_error_dot(given: Tensors) -> Call:
    """The difference times itself."""
    outputs, targets = given.tensors
    torch, difference = given.torch, given.full(tuple(outputs.shape))
    flat, share = difference.view(-1), 1 / outputs.numel()

    def dot() -> Any:
        torch.sub(outputs, targets, out=difference)
        return torch.dot(flat, flat).mul_(share)

    return dot


@way("mean_squared_error_gradient", "sub_out_mul")
def squared_error_gradient(given: Tensors) -> Call:
    """The difference, scaled in place."""
    outputs, targets = given.tensors
    torch, out, factor = given.torch, given.out(), 2 / outputs.numel()
    return lambda: torch.sub(outputs, targets, out=out).mul_(factor)


@way("mean_squared_error_gradient", "mse_loss_backward")
def squared_error_backward(given: Tensors) -> Call:
    """What autograd calls."""
    outputs, targets = given.tensors
    torch, back = given.torch, given.torch.ops.aten.mse_loss_backward.grad_input
    one = torch.ones((), dtype=given.dtype)
    return partial(back, one, outputs, targets, 1, grad_input=given.out())
