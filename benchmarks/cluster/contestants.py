"""What `ratios.py` times: one operation on rows in chunks, four ways, on the same workers.

einbench    ``einbench.auto`` on dask arrays
dask        dask.array's own operators: ``g.T @ x``, and a network layer by layer
blocks      a function of NumPy's for each block, by ``map_blocks``; its results summed by dask
loop        einbench's kernel, conversion included, over the same blocks in a loop in each worker
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
from distributed import Client

import einbench
from einbench.cluster.block import Block
from einbench.cluster.calls import frozen_call
from einbench.cluster.mapped import Mapped

Array = npt.NDArray[Any]
_SHAPES = ((128, 784), (128,), (128, 128), (128,), (10, 128), (10,))


class Rows(NamedTuple):
    """The files, as workers open them, and rows of a chunk."""

    images: Mapped
    labels: Mapped
    dlogits: Mapped
    block: int

    def cut(self, mapped: Mapped) -> Any:
        """As a dask array."""
        return da.from_array(mapped, chunks=(self.block, *mapped.shape[1:]))


Contestants = dict[str, Callable[[Client], list[Array]]]


def contestants(operation: str, rows: Rows) -> tuple[Contestants, str]:
    """Name -> what gives the results of the operation on all rows; and the kernel chosen."""
    x = rows.cut(rows.images)
    if operation == "weight_gradient":
        rest: tuple[Any, ...] = (rows.dlogits,)
        others = (rows.cut(rows.dlogits),)
        own: Callable[..., Any] = einbench.auto.weight_gradient
        ways = {
            "dask": partial(_products, x, *others),
            "blocks": partial(_by_blocks, x, others[0], (), _weights),
        }
    else:
        drawn = einbench.operation("mlp_gradients").draw(batch=1)
        parameters = tuple(drawn[name] for name in list(drawn)[1:-1])
        rest = (*parameters, rows.labels)
        others = (*parameters, rows.cut(rows.labels))
        own = einbench.auto.mlp_gradients
        ways = {
            "dask": partial(_layers, x, parameters, others[-1]),
            "blocks": partial(_by_blocks, x, others[-1], parameters, _network),
        }

    def computed(make: Callable[[], Any], client: Client) -> list[Array]:
        made = make()
        return list(
            client.gather(client.compute(list(made) if isinstance(made, tuple) else [made]))
        )

    found: Contestants = {"einbench": partial(computed, lambda: own(x, *others))}
    found |= {name: partial(computed, make) for name, make in ways.items()}
    kernel = frozen_call(operation, x, *others).frozen.choices[0][1]
    return found | {"loop": partial(_loop, operation, rows, rest)}, kernel


def _scaled(x: Any) -> Any:
    return x.map_blocks(_float, dtype=np.float32)


def _float(pixels: Array) -> Array:
    # one pass: NumPy multiplies bytes by a number faster than it divides them
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


def _products(x: Any, dlogits: Any) -> Any:
    return dlogits.T @ _scaled(x)


def _weights(x: Array, dlogits: Array) -> list[Array]:
    return [dlogits.T @ _float(x)]


def _network(x: Array, labels: Array, *parameters: Array) -> list[Array]:
    """Forward and back of a block, in place where NumPy can."""
    w1, b1, w2, b2, w3, b3 = parameters
    rows = _float(x)
    o1 = rows @ w1.T
    o1 += b1
    np.maximum(o1, 0, out=o1)
    o2 = o1 @ w2.T
    o2 += b2
    np.maximum(o2, 0, out=o2)
    d3 = o2 @ w3.T
    d3 += b3
    d3 -= d3.max(axis=1, keepdims=True)
    np.exp(d3, out=d3)
    d3 /= d3.sum(axis=1, keepdims=True)
    d3[np.arange(len(labels)), labels] -= 1
    d2 = d3 @ w3
    d2 *= o2 > 0
    d1 = d2 @ w2
    d1 *= o1 > 0
    return [d1.T @ rows, d1.sum(axis=0), d2.T @ o1, d2.sum(axis=0), d3.T @ o2, d3.sum(axis=0)]


def _by_blocks(x: Any, other: Any, parameters: Sequence[Array], function: Any) -> Any:
    """All results of a block in one row, rows summed by dask, and parted again."""
    shapes = _SHAPES if parameters else _SHAPES[:1]
    count = sum(int(np.prod(shape)) for shape in shapes)
    names = ("rows", "columns")
    more = [each for parameter in parameters for each in (parameter, None)]
    each = da.blockwise(
        partial(_flat, function), names, x, ("rows", "columns"), other,
        ("rows", "units")[: other.ndim], *more,
        adjust_chunks={"rows": 1, "columns": count}, concatenate=True, dtype=np.float32,
    )  # fmt: skip
    whole = each.sum(axis=0, split_every=4)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    starts = (0, *ends[:-1])
    return tuple(
        whole[a:b].reshape(shape) for a, b, shape in zip(starts, ends, shapes, strict=True)
    )


def _flat(function: Any, x: Array, other: Array, *parameters: Array) -> Array:
    return np.concatenate([part.ravel() for part in function(x, other, *parameters)])[None, :]


def _layers(x: Any, parameters: Sequence[Array], labels: Any) -> Any:
    """Layer by layer, as one writes it with dask.array; rows with no entry in common."""
    w1, b1, w2, b2, w3, b3 = parameters
    rows = _scaled(x)
    o1 = da.maximum(rows @ w1.T + b1, 0)
    o2 = da.maximum(o1 @ w2.T + b2, 0)
    z = o2 @ w3.T + b3
    e = da.exp(z - z.max(axis=1, keepdims=True))
    d3 = e / e.sum(axis=1, keepdims=True) - (labels[:, None] == np.arange(10)[None, :])
    d3 = d3.astype(np.float32)
    d2 = (d3 @ w3) * (o2 > 0)
    d1 = (d2 @ w2) * (o1 > 0)
    return (d1.T @ rows, d1.sum(axis=0), d2.T @ o1, d2.sum(axis=0), d3.T @ o2, d3.sum(axis=0))


def _loop(operation: str, rows: Rows, rest: Sequence[Any], client: Client) -> list[Array]:
    """Each worker takes every second block, say: nothing is scheduled but that."""
    addresses = sorted(client.nthreads())
    block = frozen_call(operation, rows.cut(rows.images), *map(partial(_cut, rows), rest))
    waiting = [
        client.submit(
            _some_blocks, block, rows, rest, number, len(addresses), workers=[address], pure=False,
        )
        for number, address in enumerate(addresses)
    ]  # fmt: skip
    parts = client.gather(waiting)
    return [np.sum(each, axis=0) for each in zip(*parts, strict=True)]


def _cut(rows: Rows, each: Any) -> Any:
    return rows.cut(each) if isinstance(each, Mapped) else each


def _some_blocks(
    block: Block, rows: Rows, rest: Sequence[Any], first: int, step: int
) -> list[Array]:
    total: list[Array] = []
    for start in range(first * rows.block, rows.images.shape[0], step * rows.block):
        part = slice(start, start + rows.block)
        found = block(rows.images[part], *(r[part] if isinstance(r, Mapped) else r for r in rest))
        found = found if isinstance(found, tuple) else (found,)
        for number, each in enumerate(found):
            if len(total) <= number:
                total.append(each)
            else:
                np.add(total[number], each, out=total[number])
    return total


dask.config.set({"array.slicing.split-large-chunks": False})
