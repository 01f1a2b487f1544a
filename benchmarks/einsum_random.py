"""Random expressions: `einbench.einsum` and each of its kernels against `numpy.einsum`.

    python benchmarks/einsum_random.py [CASES] [SEED] [--kernels] [--compiled]

Up to 4 operands and 6 indices of sizes 0 to 5; repeated, broadcast and ellipsis axes; C, Fortran,
reversed, strided, repeated and overlapping memory; float, complex, integer and bool; some invalid.
Accepted or refused as `numpy.einsum` without ``optimize`` does, of the same type, dtype, shape and
strides, a view where it is one, equal where whole numbers are summed, else within rounding. With
``--kernels`` every kernel is forced in turn, and how many cases each computed is printed; loops are
then run by Python, those for threads too, and with ``--compiled`` compiled for every case as well,
which takes a second each.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

FLOATS, WHOLE = ("f4", "f8", "c8", "c16", "f2"), ("i1", "i4", "i8", "u1", "u8", "?")


@dataclass
class Case:
    """A call: expression, operands, keywords."""

    text: str
    operands: list[np.ndarray]
    keywords: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        kinds = ", ".join(f"{a.dtype.str}{a.shape}{a.strides}" for a in self.operands)
        return f"{self.text!r} {kinds} {self.keywords}"


def draw(rng: np.random.Generator, dtypes: tuple[str, ...] = FLOATS + WHOLE) -> Case:
    """A case, valid nine times in ten."""
    letters = list(rng.permutation(list("abcxyZ"))[: rng.integers(1, 7)])
    sizes = {
        i: int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.03, 0.12, 0.3, 0.25, 0.15, 0.15]))
        for i in letters
    }
    dots = [int(n) for n in rng.integers(1, 4, rng.integers(0, 3))] if rng.random() < 0.2 else None
    parts, shapes = [], []
    for _ in range(rng.integers(1, 5)):
        own = [str(i) for i in rng.choice(letters, rng.integers(0, 5))]
        if rng.random() < 0.7:
            own = list(dict.fromkeys(own))
        once = {i: 1 if rng.random() < 0.08 else sizes[i] for i in own}
        shape = [once[i] for i in own]
        if dots is not None and rng.random() < 0.8:
            at = int(rng.integers(0, len(own) + 1))
            some = dots[int(rng.integers(0, len(dots) + 1)) :]
            own.insert(at, "...")
            shape[at:at] = [1 if rng.random() < 0.1 else n for n in some]
        parts.append((" " if rng.random() < 0.05 else "").join(own))
        shapes.append(shape)
    text = (" , " if rng.random() < 0.05 else ",").join(parts)
    if rng.random() < 0.75:
        used = sorted({i for part in parts for i in part if i.isalpha()})
        out = [str(i) for i in rng.permutation(used)[: rng.integers(0, len(used) + 1)]]
        if any("..." in part for part in parts):
            out.insert(int(rng.integers(0, len(out) + 1)), "...")
        text += "->" + "".join(out)
    if rng.random() < 0.05:
        text = _spoilt(rng, text)
    if rng.random() < 0.04 and shapes and shapes[0]:
        shapes[0][0] += 1
    mixed = rng.random() < 0.15
    one = rng.choice(dtypes)
    operands = [_array(rng, tuple(s), rng.choice(dtypes) if mixed else one) for s in shapes]
    return Case(text, operands, _keywords(rng))


def _spoilt(rng: np.random.Generator, text: str) -> str:
    at = int(rng.integers(0, len(text) + 1))
    return text[:at] + str(rng.choice(list("qa.,->1 _;é\n"))) + text[at + int(rng.integers(0, 2)) :]


def _keywords(rng: np.random.Generator) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rng.random() < 0.1:
        found["order"] = str(rng.choice(list("CFAK")))
    if rng.random() < 0.08:
        found["dtype"] = str(rng.choice(["f8", "f4", "c16", "i8"]))
    if rng.random() < 0.08:
        found["casting"] = str(rng.choice(["same_kind", "unsafe", "no"]))
    return found


def _array(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "b":
        values = rng.random(shape) < 0.6
    elif kind.kind in "iu":
        values = rng.integers(0 if kind.kind == "u" else -9, 10, shape)
    else:
        values = rng.standard_normal(shape)
        if kind.kind == "c":
            values = values + 1j * rng.standard_normal(shape)
    made = np.asarray(values).astype(kind)
    layout = rng.choice(
        ["C", "C", "F", "reversed", "strided", "repeated", "overlapping", "swapped"]
    )
    if layout == "F":
        return np.asfortranarray(made)
    if layout == "reversed" and made.ndim:
        return np.ascontiguousarray(made[::-1])[::-1]
    if layout == "strided" and made.ndim:
        wide = np.zeros((*shape[:-1], 2 * shape[-1] + 1), kind)
        wide[..., 1::2] = made
        return wide[..., 1::2]
    if layout == "repeated" and made.ndim and made.size:
        return np.broadcast_to(made[:1], shape)
    if layout == "overlapping" and made.ndim == 2 and made.size:
        line = np.resize(made.ravel(), sum(shape) - 1)
        return np.lib.stride_tricks.sliding_window_view(line, shape[1])
    if layout == "swapped" and kind.kind in "fi" and rng.random() < 0.3:
        return made.astype(kind.newbyteorder())
    return made


def call(function: Any, case: Case, **more: Any) -> tuple[Any, Exception | None]:
    """The result, or what was raised."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(case.text, *case.operands, **case.keywords, **more), None
        except (ValueError, TypeError) as problem:
            return None, problem


def unequal_repeats(case: Case) -> bool:
    """NumPy reads beyond an operand whose repeated index has sizes 0 and another."""
    return any(0 in a.shape and len(set(a.shape)) > 1 for a in case.operands)


def difference(case: Case, right: Any, found: Any) -> str:
    """What is different, in words; empty where nothing is."""
    if type(found) is not type(right):
        return f"type {type(found).__name__}, expected {type(right).__name__}"
    if found.dtype != right.dtype or found.shape != right.shape:
        return f"{found.dtype} {found.shape}, expected {right.dtype} {right.shape}"
    if len(case.operands) == 1 and case.operands[0].ndim == 0:
        # a view too, of which NumPy makes a scalar
        return "" if np.array_equal(found, right) else "scalars differ"
    if isinstance(right, np.ndarray):
        shared = any(np.may_share_memory(right, a) for a in case.operands)
        if shared != any(np.may_share_memory(found, a) for a in case.operands):
            return "a view where a copy is expected, or the other way round"
        if found.flags.writeable != right.flags.writeable:
            return f"writeable {found.flags.writeable}"
        if shared:
            return "" if np.array_equal(found, right) else "views differ"
        # of an axis of one entry no stride counts
        if right.size and any(
            n > 1 and s != t
            for n, s, t in zip(right.shape, found.strides, right.strides, strict=True)
        ):
            return f"strides {found.strides}, expected {right.strides}"
    return unequal(case, right, found)


def unequal(case: Case, right: Any, found: Any) -> str:
    """Where values differ by more than rounding; whole numbers must be equal."""
    if right.dtype.kind in "iub":
        return "" if np.array_equal(right, found) else "values differ"
    if right.dtype.kind not in "fc":
        return ""
    wide = np.dtype("c16" if right.dtype.kind == "c" else "f8")
    asked = case.keywords.get("dtype")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ops = [(a if asked is None else a.astype(asked)).astype(wide) for a in case.operands]
        truth = np.einsum(case.text, *ops)
        scale = np.einsum(case.text, *[np.abs(o) for o in ops])
    limit = 64 * np.finfo(right.dtype).eps * scale + np.finfo(right.dtype).tiny
    wrong = ~(np.abs(found - truth) <= limit) & np.isfinite(truth.astype(right.dtype))
    return f"values differ by {np.abs(found - truth).max()}" if np.any(wrong) else ""


def check(case: Case, function: Any) -> tuple[bool, str]:
    """Whether NumPy accepts it, and what is different."""
    right, refused = call(np.einsum, case)
    found, problem = call(function, case)
    if refused is not None or problem is not None:
        if (refused is None) != (problem is None):
            return (
                refused is None,
                f"NumPy: {refused or 'accepts'}; einbench: {problem or 'accepts'}",
            )
        return False, "" if "\n" not in str(problem) else f"more than one line: {problem}"
    return True, difference(case, right, found)


def forced(case: Case, kernel: Any) -> str | None:
    """What is different where a kernel computes all; None where it does not."""
    from einbench.einsum.plans import plan
    from einbench.einsum.task import Refusal

    right, refused = call(np.einsum, case)
    if refused is not None:
        return None
    keywords = case.keywords
    if len(case.operands) == 1:
        # what is a view ignores them, and keeps its byte order
        native = case.operands[0].dtype.newbyteorder("=")
        case = Case(case.text, [case.operands[0].astype(native)])
        keywords, right = {}, np.einsum(case.text, *case.operands)
    dtype = np.dtype(keywords["dtype"]) if "dtype" in keywords else None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = plan(
                case.text, case.operands, dtype, keywords.get("order", "K"),
                keywords.get("casting", "safe"), kernel, views=False,
            )  # fmt: skip
            found = made(*case.operands)
    except Refusal:
        return None
    if "dtype" in keywords and isinstance(right, np.ndarray) and len(case.operands) == 1:
        return None  # of a view NumPy ignores dtype=
    if found.dtype != right.dtype or found.shape != right.shape:
        return f"{found.dtype} {found.shape}, expected {right.dtype} {right.shape}"
    return unequal(case, right, found)


def every_kernel(*, compiled: bool) -> dict[str, Any]:
    """The kernels by name; the loops for threads run by Python among them."""
    from einbench.einsum.compiling import interpreted
    from einbench.einsum.kernels import KERNELS

    found = {n: k for n, k in KERNELS.items() if compiled or not n.startswith("numba")}
    return {
        **found,
        "loop unrolled": partial(interpreted, unroll_from=0),
        "loop for threads": partial(interpreted, parallel=True),
        "both": partial(interpreted, parallel=True, unroll_from=0),
    }


def main(
    cases: int = 20_000, seed: int = 0, *, kernels: bool = False, compiled: bool = False
) -> int:
    """Print what differs, and how many cases were computed by what; the number that differ."""
    from einbench.dropin.calls import einsum

    forcing = every_kernel(compiled=compiled) if kernels or compiled else {}
    rng = np.random.default_rng(seed)
    accepted, differ = 0, 0
    computed: Counter[str] = Counter()
    for _ in range(cases):
        case = draw(rng)
        if unequal_repeats(case):
            continue
        valid, what = check(case, einsum)
        accepted += valid
        if what:
            differ += 1
            print(f"DIFFERS {case}: {what}", flush=True)
        for name, kernel in forcing.items() if valid else ():
            said = forced(case, kernel)
            computed[name] += said is not None
            if said:
                differ += 1
                print(f"DIFFERS {name} {case}: {said}", flush=True)
    print(
        f"{cases:,} cases, {accepted:,} accepted by numpy.einsum {np.__version__}, {differ} differ"
    )
    for name, count in computed.items():
        print(f"{name:16}{count:>8,} computed")
    return differ


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    sys.exit(
        1
        if main(*numbers, kernels="--kernels" in sys.argv, compiled="--compiled" in sys.argv)
        else 0
    )
