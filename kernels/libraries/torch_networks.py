"""Eager PyTorch for a whole network: the closed form, outputs and intermediates in its own memory.

And autograd, as in PyTorch's tutorials.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from einbench.libraries.torch_given import Call, Tensors, way


class _Network:
    """Memory for everything between inputs and outputs, and the closed form that fills it."""

    def __init__(self, given: Tensors) -> None:
        sizes, batch = given.sizes, given.batch
        self.torch, self.tensors = given.torch, given.tensors
        hidden = ((batch, sizes["hidden1"]), (batch, sizes["hidden2"]))
        self.o1, self.o2 = map(given.full, hidden)
        self.d1, self.d2 = map(given.full, hidden)
        self.logits, self.probs = (given.full((batch, sizes["classes"])) for _ in range(2))
        self._masked = self.torch.ops.aten.threshold_backward.grad_input

    def forward(self) -> Any:
        """To the logits."""
        inputs, w1, b1, w2, b2, w3, b3 = self.tensors[:7]
        addmm = self.torch.addmm
        o1 = addmm(b1, inputs, w1.t(), out=self.o1).relu_()
        o2 = addmm(b2, o1, w2.t(), out=self.o2).relu_()
        return addmm(b3, o2, w3.t(), out=self.logits)

    def backward(self, classes: Any) -> None:
        """From the probabilities to d1, d2 and d3, which takes their place."""
        w2, w3, mm, masked = self.tensors[3], self.tensors[5], self.torch.mm, self._masked
        d3 = self.probs.sub_(classes)
        masked(mm(d3, w3, out=self.d2), self.o2, 0, grad_input=self.d2)
        masked(mm(self.d2, w2, out=self.d1), self.o1, 0, grad_input=self.d1)

    @property
    def pairs(self) -> tuple[tuple[Any, Any], ...]:
        """(d, o) of every layer."""
        return ((self.d1, self.tensors[0]), (self.d2, self.o1), (self.probs, self.o2))


@way("mlp_forward", "addmm_out_relu")
def forward(given: Tensors) -> Call:
    """Products in memory that is there."""
    network, out, softmax = _Network(given), given.out(), given.torch.softmax
    return lambda: softmax(network.forward(), 1, out=out)


@way("mlp_forward", "functional_linear_relu")
def forward_fresh(given: Tensors) -> Call:
    """New memory, activations in place."""
    inputs, w1, b1, w2, b2, w3, b3 = given.tensors
    linear, softmax = given.torch.nn.functional.linear, given.torch.softmax

    def fresh() -> Any:
        o1 = linear(inputs, w1, b1).relu_()
        return softmax(linear(linear(o1, w2, b2).relu_(), w3, b3), 1)

    return fresh


@way("mlp_intermediates", "addmm_out_clamp_min_out")
def intermediates(given: Tensors) -> Call:
    """Every output in memory that is there."""
    inputs, w1, b1, w2, b2, w3, b3 = given.tensors
    y1, o1, y2, o2, y3, o3 = outs = given.outs()
    torch = given.torch

    def call() -> Any:
        torch.addmm(b1, inputs, w1.t(), out=y1)
        torch.clamp_min(y1, 0, out=o1)
        torch.addmm(b2, o1, w2.t(), out=y2)
        torch.clamp_min(y2, 0, out=o2)
        torch.addmm(b3, o2, w3.t(), out=y3)
        torch.softmax(y3, 1, out=o3)
        return outs

    return call


def _by_hand(given: Tensors) -> Callable[[], tuple[Any, list[Any]]]:
    """Logits and gradients."""
    torch, tensors, network = given.torch, given.tensors, _Network(given)
    classes = given.one_hot(tensors[7], given.sizes["classes"])
    outs = [given.full(tuple(p.shape)) for p in tensors[1:7]]

    def call() -> tuple[Any, list[Any]]:
        logits = network.forward()
        torch.softmax(logits, 1, out=network.probs)
        network.backward(classes)
        for layer, (d, o) in enumerate(network.pairs):
            torch.mm(d.t(), o, out=outs[2 * layer])
            torch.sum(d, 0, out=outs[2 * layer + 1])
        return logits, outs

    return call


@way("mlp_logits_gradients", "by_hand_out")
def logits_gradients(given: Tensors) -> Call:
    """The closed form."""
    call = _by_hand(given)

    def both() -> Any:
        logits, gradients = call()
        return [logits, *gradients]

    return both


@way("mlp_gradients", "by_hand_out")
def gradients(given: Tensors) -> Call:
    """The closed form."""
    call = _by_hand(given)
    return lambda: call()[1]


def _step(given: Tensors, add: Callable[[int, Any, Any, Any, Any], None]) -> Call:
    """By hand; ``add(place, d, o, factor, out)`` adds products to the weights at that place."""
    torch, tensors, network = given.torch, given.tensors, _Network(given)
    labels, rate = tensors[7], float(tensors[8])
    classes = given.one_hot(labels, given.sizes["classes"])
    factor = -rate / given.batch
    outs = [given.full(tuple(p.shape)) for p in tensors[1:7]]
    nll_loss = torch.nn.functional.nll_loss

    def step() -> Any:
        logits = network.forward()
        log_probs = torch.log_softmax(logits, 1, out=network.probs)
        loss = nll_loss(log_probs, labels)
        log_probs.exp_()
        network.backward(classes)
        for layer, (d, o) in enumerate(network.pairs):
            weights, bias = 2 * layer, 2 * layer + 1
            add(weights, d, o, factor, outs[weights])
            torch.add(tensors[1 + bias], d.sum(0), alpha=factor, out=outs[bias])
        return [loss, logits, *outs]

    return step


@way("mlp_sgd_step", "by_hand_addmm_out")
def step_in_one_product(given: Tensors) -> Call:
    """Products are added to the parameters in one GEMM.

    Of 60,000 rows they are then off by 174 units of rounding in single precision and 41 in double,
    of 32 allowed, on a processor without AVX-512; on one with it by 8 at most.
    """
    addmm, parameters = given.torch.addmm, given.tensors[1:7]

    def add(place: int, d: Any, o: Any, factor: Any, out: Any) -> None:
        addmm(parameters[place], d.t(), o, alpha=factor, out=out)

    return _step(given, add)


@way("mlp_sgd_step", "by_hand_mm_out_add")
def step_added_after(given: Tensors) -> Call:
    """Products are added when they are summed."""
    mm, parameters = given.torch.mm, given.tensors[1:7]

    def add(place: int, d: Any, o: Any, factor: Any, out: Any) -> None:
        mm(d.t(), o, out=out).mul_(factor).add_(parameters[place])

    return _step(given, add)


def _autograd(given: Tensors, reduction: str) -> Callable[[], tuple[Any, Any, Any, Any]]:
    """A module's parameters, cross_entropy, torch.autograd.grad: loss, logits, gradients."""
    torch, functional = given.torch, given.torch.nn.functional
    inputs, *others = given.tensors
    parameters = [p.clone().requires_grad_() for p in others[:6]]
    w1, b1, w2, b2, w3, b3 = parameters
    labels = others[6]
    linear, cross_entropy = functional.linear, functional.cross_entropy

    def call() -> tuple[Any, Any, Any, Any]:
        o1 = functional.relu(linear(inputs, w1, b1))
        logits = linear(functional.relu(linear(o1, w2, b2)), w3, b3)
        loss = cross_entropy(logits, labels, reduction=reduction)
        return loss, logits, torch.autograd.grad(loss, parameters), parameters

    return call


@way("mlp_gradients", "autograd", mode="enable_grad")
def gradients_autograd(given: Tensors) -> Call:
    """As in PyTorch's tutorials."""
    call = _autograd(given, "sum")
    return lambda: call()[2]


@way("mlp_logits_gradients", "autograd", mode="enable_grad")
def logits_gradients_autograd(given: Tensors) -> Call:
    """As in PyTorch's tutorials."""
    call = _autograd(given, "sum")

    def both() -> Any:
        _, logits, found, _ = call()
        return [logits, *found]

    return both


@way("mlp_sgd_step", "autograd", mode="enable_grad")
def step_autograd(given: Tensors) -> Call:
    """And the update, of all parameters in one call."""
    call, torch, rate = _autograd(given, "mean"), given.torch, float(given.tensors[8])

    def step() -> Any:
        loss, logits, found, parameters = call()
        with torch.no_grad():
            return [loss, logits, *torch._foreach_add(parameters, found, alpha=-rate)]

    return step
