"""Samples and targets of a network as dask arrays: checked, and taken apart into blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from einbench.chunked import is_chunked
from einbench.cluster.operands import refuse
from einbench.network import Sequential
from einbench.network.targets import as_labels, as_rows

Array = npt.NDArray[Any]


def checked_samples(net: Sequential, x: Any) -> Any:
    """A dask array (samples, features) whose blocks are rows.

    Raises:
        TypeError: no dask array of NumPy's real numbers.
        ValueError: another shape, blocks of unknown sizes, or features in several chunks.
    """
    _refuse_others(x, "x")
    features = net.features
    if x.ndim not in (1, 2):
        hint = "; flatten each sample with x.reshape(len(x), -1)" if x.ndim > 2 else ""
        raise ValueError(
            f"x has {x.ndim} dimensions, shape {x.shape}; expected (samples, {features}), or "
            f"({features},) for one sample{hint}"
        )
    rows = x[None, :] if x.ndim == 1 else x
    if rows.shape[1] != features:
        hint = "; samples are rows: pass x.T" if rows.shape[0] == features else ""
        raise ValueError(
            f"x has shape {x.shape}; expected (samples, {features}), for the network takes "
            f"{features} features{hint}"
        )
    if rows.numblocks[1] > 1:
        raise ValueError(
            f"x has its {features} features in {rows.numblocks[1]} chunks; expected whole rows: "
            f"{'x.rechunk({1: -1})' if x.ndim == 2 else 'x.rechunk(-1)'}"
        )
    if not len(rows):
        raise ValueError("x has no samples; expected one at least")
    return rows


def checked_targets(net: Sequential, y: Any, rows: Any) -> Any:
    """Targets of these rows: in their chunks where y is a dask array, else checked whole.

    Raises:
        TypeError: labels that are not integers.
        ValueError: another shape, or what `as_labels` and `as_rows` refuse.
    """
    count, outputs, labels = len(rows), net.outputs, net.loss.labels
    if not is_chunked(y):
        return as_labels(y, count, outputs) if labels else as_rows(y, count, outputs, net.dtype)
    _refuse_others(y, "y")
    if y.ndim == 0:
        y = y[None]
    if y.ndim == 1 and len(y) != count:
        raise ValueError(
            f"y has {len(y)} labels where x has {count} samples; expected one label a sample"
        )
    if y.ndim != 1 and y.shape != (count, outputs):
        raise ValueError(
            f"y has shape {y.shape}; expected ({count},) labels or ({count}, {outputs}) rows, one "
            "a sample"
        )
    if y.ndim == 1 and (labels or outputs > 1) and y.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, got {y.dtype}; convert with y.astype('int64')")
    return y.rechunk((rows.chunks[0], *((outputs,) for _ in range(y.ndim - 1))))


def _refuse_others(values: Any, name: str) -> None:
    """Raise where blocks are not NumPy's real numbers, or their sizes are unknown."""
    refuse(values, name, name)
    if values.dtype.kind not in "biu" and values.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"{name} is of {values.dtype}; expected float32, float64 or integers: convert with "
            f"{name}.astype('float32')"
        )
