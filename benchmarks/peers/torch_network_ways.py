"""Eager PyTorch for a whole network: the closed form, outputs and intermediates in its own memory.

And autograd, as everybody writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from .torch_given import Calls, Given

functional = torch.nn.functional


class _Buffers:
    """Of everything between inputs and outputs."""

    def __init__(self, given: Given) -> None:
        sizes, batch = given.sizes, given.batch
        hidden = ((batch, sizes["hidden1"]), (batch, sizes["hidden2"]))
        self.o1, self.o2 = map(given.full, hidden)
        self.d1, self.d2 = map(given.full, hidden)
        self.logits, self.probs = (given.full((batch, sizes["classes"])) for _ in range(2))


def _forward(held: _Buffers, tensors: list[Any]) -> Any:
    """To the logits."""
    inputs, w1, b1, w2, b2, w3, b3 = tensors[:7]
    o1 = torch.addmm(b1, inputs, w1.t(), out=held.o1).relu_()
    o2 = torch.addmm(b2, o1, w2.t(), out=held.o2).relu_()
    return torch.addmm(b3, o2, w3.t(), out=held.logits)


def _backward(held: _Buffers, tensors: list[Any], classes: Any) -> None:
    """From the probabilities to d1, d2 and d3, which takes their place."""
    w2, w3 = tensors[3], tensors[5]
    masked = torch.ops.aten.threshold_backward.grad_input
    d3 = held.probs.sub_(classes)
    masked(torch.mm(d3, w3, out=held.d2), held.o2, 0, grad_input=held.d2)
    masked(torch.mm(held.d2, w2, out=held.d1), held.o1, 0, grad_input=held.d1)


def _pairs(held: _Buffers, tensors: list[Any]) -> tuple[tuple[Any, Any], ...]:
    """(d, o) of every layer."""
    return ((held.d1, tensors[0]), (held.d2, held.o1), (held.probs, held.o2))


def _mlp_forward(given: Given) -> Calls:
    tensors, held, out = given.tensors, _Buffers(given), given.out()
    inputs, w1, b1, w2, b2, w3, b3 = tensors
    linear = functional.linear

    def fresh() -> Any:
        o1 = linear(inputs, w1, b1).relu_()
        return torch.softmax(linear(linear(o1, w2, b2).relu_(), w3, b3), 1)

    return {
        "addmm out, relu_": lambda: torch.softmax(_forward(held, tensors), 1, out=out),
        "functional.linear, relu_": fresh,
    }


def _mlp_intermediates(given: Given) -> Calls:
    inputs, w1, b1, w2, b2, w3, b3 = given.tensors
    y1, o1, y2, o2, y3, o3 = outs = given.outs()

    def call() -> Any:
        torch.addmm(b1, inputs, w1.t(), out=y1)
        torch.clamp_min(y1, 0, out=o1)
        torch.addmm(b2, o1, w2.t(), out=y2)
        torch.clamp_min(y2, 0, out=o2)
        torch.addmm(b3, o2, w3.t(), out=y3)
        torch.softmax(y3, 1, out=o3)
        return outs

    return {"addmm out, clamp_min out": call}


def _by_hand(given: Given) -> Callable[[], tuple[Any, list[Any]]]:
    """Logits and gradients."""
    tensors, held = given.tensors, _Buffers(given)
    classes = given.one_hot(tensors[7], given.sizes["classes"])
    outs = [given.full(tuple(p.shape)) for p in tensors[1:7]]

    def call() -> tuple[Any, list[Any]]:
        logits = _forward(held, tensors)
        torch.softmax(logits, 1, out=held.probs)
        _backward(held, tensors, classes)
        for layer, (d, o) in enumerate(_pairs(held, tensors)):
            torch.mm(d.t(), o, out=outs[2 * layer])
            torch.sum(d, 0, out=outs[2 * layer + 1])
        return logits, outs

    return call


def _mlp_logits_gradients(given: Given) -> Calls:
    call = _by_hand(given)

    def both() -> Any:
        logits, gradients = call()
        return [logits, *gradients]

    return {"by hand, out": both}


def _mlp_gradients(given: Given) -> Calls:
    call = _by_hand(given)
    return {"by hand, out": lambda: call()[1]}


def _mlp_sgd_step(given: Given) -> Calls:
    """Products are added to the parameters in one GEMM, as `torch_eager.update` does, or after it.

    In one GEMM the parameters of 60,000 rows are off by 174 units of rounding in single precision
    and 41 in double, of 32 allowed, on a processor without AVX-512; on one with it by 8 at most.
    """
    tensors, held = given.tensors, _Buffers(given)
    labels, rate = tensors[7], float(tensors[8])
    classes = given.one_hot(labels, given.sizes["classes"])
    factor = -rate / given.batch
    outs = [given.full(tuple(p.shape)) for p in tensors[1:7]]
    parameters = tensors[1:7]

    def added_by_gemm(place: int, d: Any, o: Any) -> None:
        torch.addmm(parameters[place], d.t(), o, alpha=factor, out=outs[place])

    def added_after(place: int, d: Any, o: Any) -> None:
        torch.mm(d.t(), o, out=outs[place]).mul_(factor).add_(parameters[place])

    def step(add: Callable[[int, Any, Any], None]) -> Any:
        logits = _forward(held, tensors)
        log_probs = torch.log_softmax(logits, 1, out=held.probs)
        loss = functional.nll_loss(log_probs, labels)
        log_probs.exp_()
        _backward(held, tensors, classes)
        for layer, (d, o) in enumerate(_pairs(held, tensors)):
            weights, bias = 2 * layer, 2 * layer + 1
            add(weights, d, o)
            torch.add(parameters[bias], d.sum(0), alpha=factor, out=outs[bias])
        return [loss, logits, *outs]

    return {
        "by hand, addmm out": lambda: step(added_by_gemm),
        "by hand, mm out, add_": lambda: step(added_after),
    }


def autograd(given: Given) -> Calls:
    """A module's parameters, cross_entropy, torch.autograd.grad; of a step, the update too."""
    if given.name not in ("mlp_gradients", "mlp_logits_gradients", "mlp_sgd_step"):
        return {}
    inputs, *others = given.tensors
    parameters = [p.clone().requires_grad_() for p in others[:6]]
    w1, b1, w2, b2, w3, b3 = parameters
    labels = others[6]
    linear, cross_entropy = functional.linear, functional.cross_entropy
    reduction = "mean" if given.name == "mlp_sgd_step" else "sum"

    def gradients() -> Any:
        o1 = functional.relu(linear(inputs, w1, b1))
        logits = linear(functional.relu(linear(o1, w2, b2)), w3, b3)
        loss = cross_entropy(logits, labels, reduction=reduction)
        return loss, logits, torch.autograd.grad(loss, parameters)

    def step() -> Any:
        loss, logits, found = gradients()
        with torch.no_grad():
            return [loss, logits, *torch._foreach_add(parameters, found, alpha=-rate)]

    def with_logits() -> Any:
        _, logits, found = gradients()
        return [logits, *found]

    if given.name == "mlp_sgd_step":
        rate = float(others[7])
        return {"autograd": step}
    return {"autograd": with_logits if given.name != "mlp_gradients" else lambda: gradients()[2]}


NETWORKS: Mapping[str, Callable[[Given], Calls]] = {
    "mlp_forward": _mlp_forward,
    "mlp_intermediates": _mlp_intermediates,
    "mlp_logits_gradients": _mlp_logits_gradients,
    "mlp_gradients": _mlp_gradients,
    "mlp_sgd_step": _mlp_sgd_step,
}
