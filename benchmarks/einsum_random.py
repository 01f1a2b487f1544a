"""Random expressions: `einbench.einsum` and each of its kernels against `numpy.einsum`.

    python benchmarks/einsum_random.py [CASES] [SEED] [--larger] [--kernels] [--compiled]

Up to 4 operands and 6 indices of sizes 0 to 5; repeated, broadcast and ellipsis axes; C, Fortran,
reversed, strided, repeated, overlapping and unaligned memory; float, complex, integer and bool;
``out=``, ``dtype=``, ``casting=``, ``order=`` and both forms of a call; some invalid. With
``--larger`` 2 or 3 operands of sizes 1 to 70. Accepted or refused as `numpy.einsum` without
``optimize`` does, of the same type, dtype, shape and strides, a view where it is one, equal where
whole numbers are summed, else within rounding. With ``--kernels`` every kernel is forced in turn,
and how many cases each computed is printed; loops are then run by Python, those for threads too,
and with ``--compiled`` compiled for every case as well, which takes a second each.
Choosing is off.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections import Counter
from functools import partial
from math import prod
from typing import Any

import numpy as np
from einsum_draws import Case, draw, draw_larger, reads_beyond

#: products that loops run by Python compute at most
MOST_LOOPED = 20_000


def call(function: Any, case: Case) -> tuple[Any, Exception | None, dict[str, Any]]:
    """The result, or what was raised, and the keywords that were given."""
    arguments, keywords = case.arguments()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(*arguments, **keywords), None, keywords
        except (ValueError, TypeError) as problem:
            return None, problem, keywords


def difference(case: Case, right: Any, found: Any) -> str:
    """What is different, in words; empty where nothing is."""
    if type(found) is not type(right):
        return f"type {type(found).__name__}, expected {type(right).__name__}"
    if not isinstance(right, np.ndarray | np.generic):
        return "" if found == right else f"{found!r}, expected {right!r}"
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
    asked = case.keywords.get("dtype")
    return unequal(case, right, found, None if asked is None else np.dtype(asked))


def unequal(case: Case, right: Any, found: Any, work: np.dtype[Any] | None) -> str:
    """Where values differ by more than rounding; whole numbers must be equal."""
    if right.dtype.kind not in "fc":
        return "" if np.array_equal(right, found) else "values differ"
    truth, limit = _truth(case, right.dtype if work is None else work, right.dtype)
    wrong = ~(np.abs(found - truth) <= limit) & np.isfinite(truth.astype(right.dtype))
    return f"values differ by {np.abs(found - truth).max()}" if np.any(wrong) else ""


def _truth(case: Case, work: np.dtype[Any], dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The result in a wide dtype, and the rounding that one of the other dtype allows."""
    wide = np.result_type(work, np.float64)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ops = [a.astype(work).astype(wide) for a in case.operands]
        truth = np.einsum(case.text, *ops)
        scale = np.einsum(case.text, *[np.abs(o) for o in ops])
    # equal terms are rounded the same way, so that nothing evens out
    even = 0 if all(all(a.strides) for a in case.operands) else prod(_sizes(case)) / 2
    return truth, (64 + even) * np.finfo(dtype).eps * scale + np.finfo(dtype).tiny


def _sizes(case: Case) -> tuple[int, ...]:
    from einbench.einsum.language import parse
    from einbench.einsum.shapes import bind

    return bind(parse(case.text), [a.shape for a in case.operands]).sizes


def filled(case: Case, found: Any, out: np.ndarray) -> str:
    """What is wrong with memory that was given for the result."""
    assert case.out is not None  # noqa: S101 - asked of such cases alone
    if found is not out:
        return "not the memory that was given"
    # what lies between its elements is not touched
    before, after = case.out.memory, np.frombuffer(out.base, np.uint8)
    mine = np.zeros(len(before), np.uint8)
    raw = np.dtype(f"V{out.itemsize}")
    place = case.out.place
    np.ndarray(place.shape, raw, mine.data, place.offset, place.strides)[...] = np.frombuffer(
        b"\1" * out.itemsize, raw
    )[0]
    if not np.array_equal(before[mine == 0], after[mine == 0]):
        return "memory beside out was written"
    asked = case.keywords.get("dtype")
    work = np.dtype(asked) if asked else np.result_type(*case.operands, out)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # NumPy's own rounds sums to the dtype of out whenever it empties its buffer
        # of operands cast before: for a view it ignores dtype=
        right = np.asarray(np.einsum(case.text, *[a.astype(work) for a in case.operands]))
        if work.kind not in "fc":
            return "" if np.array_equal(right.astype(out.dtype), found) else "values differ"
        if out.dtype.kind in "fc":
            narrow = max(work, out.dtype, key=lambda dtype: np.finfo(dtype).eps)
            truth, limit = _truth(case, work, narrow)
            expected = truth if out.dtype.kind == "c" else truth.real
            wrong = ~(np.abs(found - expected) <= limit) & np.isfinite(expected.astype(narrow))
            return "values differ" if np.any(wrong & np.isfinite(right)) else ""
        # a number at the edge between two whole ones, or beyond them all, may go either way
        edge = np.abs(right.real - np.rint(right.real)) < 1e-2 * (np.abs(right.real) + 1)
        most = 100 if out.itemsize == 1 else 1e4
        sure = np.isfinite(right) & ~edge & (np.abs(right.real) < most)
        if out.dtype.kind == "u":
            sure &= right.real > 0
        wrong = sure & (right.astype(out.dtype) != found)
    return "values differ" if np.any(wrong) else ""


def check(case: Case, function: Any) -> tuple[bool, str]:
    """Whether NumPy accepts it, and what is different."""
    right, refused, _ = call(np.einsum, case)
    found, problem, given = call(function, case)
    if refused is not None or problem is not None:
        if (refused is None) != (problem is None):
            return (
                refused is None,
                f"NumPy: {refused or 'accepts'}; einbench: {problem or 'accepts'}",
            )
        return False, "" if "\n" not in str(problem) else f"more than one line: {problem}"
    if case.out is not None and any(a.dtype.char in "gG" for a in (*case.operands, found)):
        # NumPy itself computes those, and rounds to out as it does
        return True, "" if np.array_equal(right, found, equal_nan=True) else "not NumPy's values"
    if case.out is not None:
        return True, filled(case, found, given["out"])
    return True, difference(case, right, found)


def forced(case: Case, kernel: Any) -> str | None:
    """What is different where a kernel computes all; None where it does not."""
    from einbench.einsum.plans import plan
    from einbench.einsum.task import Refusal

    case = Case(case.text, case.operands, case.keywords)
    right, refused, _ = call(np.einsum, case)
    if refused is not None:
        return None
    keywords = case.keywords
    if len(case.operands) == 1:
        # what is a view ignores them, and keeps its byte order
        native = case.operands[0].dtype.newbyteorder("=")
        case = Case(case.text, [case.operands[0].astype(native)])
        keywords, right = {}, np.einsum(case.text, *case.operands)
    dtype = np.dtype(keywords["dtype"]) if "dtype" in keywords else None
    computed: list[bool] = []

    def noted(task: Any) -> Any:
        run = kernel(task)
        computed.append(True)
        return run

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = plan(
                case.text, case.operands, dtype, keywords.get("order", "K"),
                keywords.get("casting", "safe"), noted, views=False,
            )  # fmt: skip
            found = made(*case.operands)
    except Refusal:
        return None
    if not computed:
        return None  # nothing to compute, or passed to NumPy
    if "dtype" in keywords and isinstance(right, np.ndarray) and len(case.operands) == 1:
        return None  # of a view NumPy ignores dtype=
    if found.dtype != right.dtype or found.shape != right.shape:
        return f"{found.dtype} {found.shape}, expected {right.dtype} {right.shape}"
    return unequal(case, right, found, dtype)


def every_kernel(*, compiled: bool, looped: bool = True) -> dict[str, Any]:
    """The kernels by name; the loops for threads run by Python among them."""
    from einbench.einsum.compiling import interpreted
    from einbench.einsum.kernels import KERNELS

    found = {n: k for n, k in KERNELS.items() if compiled or not n.startswith("numba")}
    ways = {
        "loop": interpreted,
        "loop unrolled": partial(interpreted, unroll_from=0),
        "loop for threads": partial(interpreted, parallel=True),
        "both": partial(interpreted, parallel=True, unroll_from=0),
    }
    return {**found, **{name: partial(_short, way) for name, way in ways.items()}}


def _short(way: Any, task: Any) -> Any:
    from einbench.einsum.task import Refusal

    if task.contraction.iterations > MOST_LOOPED:
        raise Refusal("Python's loops would take seconds")
    return way(task)


def main(
    cases: int = 20_000, seed: int = 0, *, larger: bool = False, kernels: bool = False,
    compiled: bool = False,
) -> int:  # fmt: skip
    """Print what differs, and how many cases were computed by what; the number that differ."""
    from einbench.dropin.calls import einsum

    forcing = every_kernel(compiled=compiled) if kernels or compiled else {}
    rng = np.random.default_rng(seed)
    tried, accepted, differ = 0, 0, 0
    computed: Counter[str] = Counter()
    while tried < cases:
        case = (draw_larger if larger else draw)(rng)
        if reads_beyond(case):
            continue
        tried += 1
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
        f"{cases:,} cases, {accepted:,} accepted by numpy.einsum {np.__version__}, "
        f"{cases - accepted:,} refused, {differ} differ; seed {seed}{', larger' * larger}"
    )
    for name, count in computed.items():
        print(f"{name:16}{count:>8,} computed")
    return differ


if __name__ == "__main__":
    # what is computed is set by the case, and by no measurement
    os.environ["EINBENCH_WISDOM"] = "off"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="?", type=int, default=20_000, help="to draw")
    parser.add_argument("seed", nargs="?", type=int, default=0, help="of the draws")
    for flag in ("larger", "kernels", "compiled"):
        parser.add_argument(f"--{flag}", action="store_true", help="see above")
    sys.exit(1 if main(**vars(parser.parse_args())) else 0)
