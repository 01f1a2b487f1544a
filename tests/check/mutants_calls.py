"""Small changes of a call in a kernel's text."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: a kind, and the text that takes the place of the call
Proposal = tuple[str, str]

_OPPOSITE = {"max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum"}


@dataclass(frozen=True)
class _Call:
    """A call in pieces of text."""

    called: str
    arguments: list[str]
    keywords: Mapping[str, str]
    #: what its method is one of, where there is something before the last dot
    owner: str

    @property
    def name(self) -> str:
        return self.called.rsplit(".", 1)[-1]

    @property
    def of_numpy(self) -> bool:
        return self.owner == "np"

    def text(self, function: str = "", *given: str, **others: str) -> str:
        """The call with another function, arguments or keywords in the place of its own."""
        named = {**self.keywords, **others}
        parts = [*(given or self.arguments), *(f"{k}={v}" for k, v in named.items())]
        return f"{function or self.called}({', '.join(parts)})"


def calls(node: ast.Call) -> Iterator[Proposal]:
    """Every change that is known of a call."""
    owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    call = _Call(
        ast.unparse(node.func),
        [ast.unparse(a) for a in node.args],
        {k.arg: ast.unparse(k.value) for k in node.keywords if k.arg},
        owner,
    )
    for propose in (_turns, _extremes, _reductions, _axes, _products, _memory, _elementwise):
        yield from propose(call)


def _turns(call: _Call) -> Iterator[Proposal]:
    """Loops that leave out a turn, or take them in another order."""
    arguments = call.arguments
    if call.name in ("range", "prange"):
        first, last = ("0", arguments[0]) if len(arguments) == 1 else arguments[:2]
        yield "slice", call.text("", f"{first} + 1", last)
        yield "slice", call.text("", first, f"{last} - 1")
        yield "slice", call.text("", first, last, "2")
    if call.name == "enumerate":
        yield "slice", call.text("", f"{arguments[0]}[:-1]")
        yield "slice", call.text("", f"{arguments[0]}[::-1]")
        yield "index", call.text("", arguments[0], "-1")
    if call.name == "zip":
        yield "slice", call.text("", *(f"{a}[1:]" for a in arguments))
        yield "slice", call.text("", *(f"{a}[:-1]" for a in arguments))
        yield "index", call.text("", arguments[0], *(f"{a}[::-1]" for a in arguments[1:]))


def _extremes(call: _Call) -> Iterator[Proposal]:
    """The smallest for the largest, and a maximum that does not see NaN."""
    if call.name in _OPPOSITE:
        before = call.called[: len(call.called) - len(call.name)]
        yield "minmax", call.text(before + _OPPOSITE[call.name])
    if call.called == "np.maximum":
        yield "nan", call.text("np.fmax")


def _reductions(call: _Call) -> Iterator[Proposal]:
    """Methods of an array: other reductions, and other numbers for its maximum."""
    array = call.owner
    if not array or call.name not in ("max", "sum") or call.arguments:
        return
    yield "nan", call.text(f"np.nan{call.name}", array)
    if call.name == "sum":
        yield "reduction", call.text(f"{array}.mean")
        yield "reduction", call.text(f"{array}.prod")
    elif "axis" not in call.keywords:
        yield "stabiliser", f"({array}).dtype.type(0)"
    else:
        yield "stabiliser", call.text(f"{array}.mean")
        if "keepdims" in call.keywords:
            yield "stabiliser", f"{array}.max(keepdims=True)"
            yield "stabiliser", f"{array}[:, :1]"
        else:
            yield "stabiliser", f"np.full(len({array}), {array}.max(initial=0))"


def _axes(call: _Call) -> Iterator[Proposal]:
    if "axis" in call.keywords:
        yield "axis", call.text(axis=f"1 - {call.keywords['axis']}")
        yield "axis", call.text(axis="None")
    if "keepdims" in call.keywords:
        yield "keepdims", call.text(keepdims="False")
    if call.name == "einsum":
        for spec in _other_specs(call.arguments[0]):
            yield "axis", call.text("", repr(spec), *call.arguments[1:])


def _products(call: _Call) -> Iterator[Proposal]:
    if call.name in ("matmul", "dot", "product"):
        first, *others = call.arguments
        yield "axis", call.text("", f"{first}.T", *others)
        yield "sign", f"-{call.text()}"
        yield "narrow", f"np.float32({call.text()})"
        yield "narrow", call.text("", f"np.float16({first})", *others)


def _memory(call: _Call) -> Iterator[Proposal]:
    """New arrays, and numbers of their dtype."""
    if call.of_numpy and call.name in ("empty", "zeros", "empty_like"):
        if call.name == "zeros":
            yield "reset", call.text("np.empty")
            yield "reset", f"np.ones({call.arguments[0]}, {call.arguments[-1]})"
        if len(call.arguments) > 1:
            yield "narrow", call.text("", call.arguments[0], "np.float32")
            yield "narrow", call.text("", call.arguments[0], "np.float16")
    if call.called.endswith(".dtype.type"):
        yield "narrow", call.text("np.float32")
        yield "narrow", call.text("np.float16")


def _elementwise(call: _Call) -> Iterator[Proposal]:
    if not call.of_numpy:
        return
    first, *others = call.arguments or [""]
    if call.name in ("exp", "log", "tanh", "square"):
        for changed in ("nan_to_num", "float32", "float16"):
            kind = "nan" if changed == "nan_to_num" else "narrow"
            yield kind, call.text("", f"np.{changed}({first})")
        yield "term", f"({first})"
    if call.name == "subtract" and ("max" in others[0] or "largest" in others[0]):
        yield "stabiliser", call.text("", first, "0")
        yield "stabiliser", call.text("", f"np.minimum({first}, 80)", "0")
    if call.name in ("subtract", "multiply") and "out" not in call.keywords:
        for array in call.arguments:
            yield "input", call.text(out=array)


def _other_specs(text: str) -> Iterator[str]:
    """Einsum's subscripts with two letters exchanged in one operand or in the result."""
    spec = text.strip("'\"")
    if "->" not in spec:
        return
    inputs, result = spec.split("->")
    terms = [*inputs.split(","), result]
    letters = sorted(set(spec) & set("abcdefghijklmnopqrstuvwxyz"))
    for number, term in enumerate(terms):
        for one in letters:
            for other in letters:
                if one < other and (one in term or other in term):
                    swapped = term.translate(str.maketrans(one + other, other + one))
                    new = [*terms[:number], swapped, *terms[number + 1 :]]
                    yield ",".join(new[:-1]) + "->" + new[-1]
