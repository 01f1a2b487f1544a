"""What one seed draws for operations and networks, as digests: the same on every platform.

`python -m tests.repeats.inputs` writes `inputs.json` anew, after a draw was changed on purpose.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import einbench
from einbench import network
from einbench.check.hostile import changes
from einbench.operation import Operation

FILE = Path(__file__).with_name("inputs.json")
#: beside the operations: two, three and four operands, axes that are summed, kept and repeated
EXPRESSIONS = ("ij,jk->ik", "bij,bjk->bik", "ab,bc,cd->ad", "ii->i")
_SEED, _BATCH = 2026, 37
INITIAL = ("he", "xavier", "normal", "uniform")


def operations() -> list[Operation]:
    """Those of the suite, and some expressions."""
    return [*einbench.operations.values(), *map(einbench.expression, EXPRESSIONS)]


def digests() -> dict[str, dict[str, str]]:
    """``{"relu float32": {"harmless": ..., "hostile": ..., "exact": ...}, ...}``"""
    of_operations = {
        f"{op.name} {dtype}": {
            "harmless": _digest(op.draw(_BATCH, dtype, seed=_SEED).values()),
            "hostile": _digest(_hostile(op, np.dtype(dtype))),
            "exact": _digest(_exact(op, np.dtype(dtype))),
        }
        for op in operations()
        for dtype in ("float32", "float64")
    }
    return of_operations | {
        f"network {dtype}": {
            "two_classes": _digest(network.two_classes(_BATCH, _SEED, dtype)),
            **{initial: _digest(_weights(initial, dtype)) for initial in INITIAL},
        }
        for dtype in ("float32", "float64")
    }


def _weights(initial: str, dtype: str) -> Iterable[np.ndarray[Any, Any]]:
    layers = [network.Linear(_BATCH, 29, initial=initial)]
    return network.Sequential(layers, dtype=dtype, seed=_SEED).parameters.values()


def _hostile(op: Operation, dtype: np.dtype[Any]) -> Iterator[np.ndarray[Any, Any]]:
    drawn = op.draw(_BATCH, dtype, seed=_SEED)
    rng = np.random.default_rng(_SEED)
    for change, names in changes(op, dtype):
        for name in names:
            with np.errstate(all="ignore"):
                yield np.asarray(change.change(rng, drawn[name]), dtype)


def _exact(op: Operation, dtype: np.dtype[Any]) -> Iterable[np.ndarray[Any, Any]]:
    if op.exact is None:
        return ()
    rng = np.random.default_rng(_SEED)
    return op.exact(rng, dtype, op.all_sizes(_BATCH, {})).values()


def _digest(arrays: Iterable[np.ndarray[Any, Any]]) -> str:
    """Of shapes, dtypes and bits; bits of NaN apart, and in the byte order of most machines."""
    found = hashlib.sha256()
    for array in arrays:
        small = array.astype(array.dtype.newbyteorder("<"))
        found.update(f"{small.dtype.str} {small.shape}".encode() + small.tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    FILE.write_text(json.dumps(digests(), indent=1) + "\n", encoding="utf-8")
