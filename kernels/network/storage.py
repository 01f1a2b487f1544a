"""A network in one npz file: a header that says what it is, and its parameters. No pickle.

header       JSON: schema, dtype, layers in order, loss
0.weights    (units, features), as ``Sequential.parameters`` names them
0.bias       (units,)
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from einbench.host.documents import write_whole
from einbench.names import printable
from einbench.network.layers import LAYERS, Layer, Linear
from einbench.network.losses import LOSSES, Loss
from einbench.network.npz import Refused, read_arrays

Array = npt.NDArray[Any]
SCHEMA = "einbench.network/1"
_HEADER = "header"


class Saved(NamedTuple):
    """What a file holds: a network's architecture, and its parameters by name."""

    path: str | os.PathLike[str]
    layers: list[Layer]
    loss: Loss
    #: as the file says it, whatever that is
    dtype: Any
    arrays: dict[str, Array]

    def check_architecture(self, layers: Sequence[Layer], dtype: np.dtype[Any]) -> None:
        """Refuse another architecture than this.

        Raises:
            ValueError: the first layer that differs is named, or the dtypes.
        """
        for number in range(max(len(self.layers), len(layers))):
            theirs, ours = (
                repr(some[number]) if number < len(some) else "missing"
                for some in (self.layers, layers)
            )
            if theirs != ours:
                raise self.refused(
                    f"another architecture: its layer {number} is {theirs}, this network's is "
                    f"{ours}; make the same layers, or use einbench.network.load"
                )
        if self.dtype != dtype.name:
            raise self.refused(
                f"its parameters are {self.dtype}, this network's {dtype.name}; make the network "
                f"with dtype={self.dtype!r}"
            )

    def check_promised(self) -> None:
        """Refuse layers whose weights the file does not hold, before they are made.

        Raises:
            ValueError: one is missing, or of another shape than its layer says.
        """
        for number, layer in enumerate(self.layers):
            if not isinstance(layer, Linear):
                continue
            name, shape = f"{number}.weights", (layer.units, layer.features)
            if name not in self.arrays:
                raise self.refused(f"the array {name} is missing; save the network again")
            if self.arrays[name].shape != shape:
                raise self.refused(
                    f"the array {name} has shape {self.arrays[name].shape}, its layer {shape}"
                )

    def fill(self, parameters: Mapping[str, Array]) -> None:
        """Write all parameters, after every one of them has been found to fit.

        Raises:
            ValueError: one is missing, belongs to no layer, or has another shape or dtype.
        """
        fill(self.path, self.arrays, parameters)

    def refused(self, why: str) -> ValueError:
        """The error that names the file."""
        return _refused(self.path, why)


def fill(
    path: str | os.PathLike[str], arrays: Mapping[str, Array], parameters: Mapping[str, Array]
) -> None:
    """Write all parameters, after every one of them has been found to fit.

    Raises:
        ValueError: one is missing, belongs to no layer, or has another shape or dtype.
    """
    if missing := [name for name in parameters if name not in arrays]:
        raise _refused(path, f"the array {missing[0]} is missing; save the network again")
    if extra := [name for name in arrays if name not in parameters]:
        raise _refused(path, f"the array {extra[0]!r} belongs to no layer of its network")
    for name, mine in parameters.items():
        theirs = arrays[name]
        if theirs.shape != mine.shape or theirs.dtype != mine.dtype:
            raise _refused(
                path,
                f"the array {name} is {theirs.dtype} {theirs.shape}; expected {mine.dtype} "
                f"{mine.shape}",
            )
    for name, mine in parameters.items():
        np.copyto(mine, arrays[name])


def save(
    path: str | os.PathLike[str],
    layers: Sequence[Layer],
    loss: Loss,
    dtype: np.dtype[Any],
    parameters: Mapping[str, Array],
) -> None:
    """Header and parameters, to a temporary name that is moved into place.

    Raises:
        OSError: the file cannot be written; what was there before is there still.
        ValueError: a layer or loss is not one of the suite's own.
    """
    header: dict[str, Any] = {
        "schema": SCHEMA,
        "dtype": dtype.name,
        "layers": [layer.describe() for layer in layers],
        "loss": loss.describe(),
    }
    names = [(layer.get("layer"), tuple(LAYERS)) for layer in header["layers"]]
    for name, known in (*names, (header["loss"].get("loss"), tuple(LOSSES))):
        if name not in known:
            raise ValueError(f"{name!r} cannot be saved: load would not know how to make it")
    pack(path, header, parameters)


def pack(
    path: str | os.PathLike[str], header: Mapping[str, Any], arrays: Mapping[str, Array]
) -> None:
    """A header and arrays, to a temporary name that is moved into place.

    Raises:
        OSError: the file cannot be written; what was there before is there still.
    """
    content = io.BytesIO()
    packed: dict[str, Any] = {_HEADER: np.array(json.dumps(header)), **arrays}
    np.savez(content, **packed)
    write_whole(path, content.getvalue())


def read(path: str | os.PathLike[str]) -> Saved:
    """What a file holds.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no network, or a damaged one.
    """
    header, arrays = unpack(path, SCHEMA)
    return Saved(path, _layers(path, header), _loss(path, header), header.get("dtype"), arrays)


def unpack(path: str | os.PathLike[str], schema: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header, of this schema, and all arrays.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is none of `pack`, or damaged.
    """
    with open(path, "rb") as opened:  # noqa: PTH123 - a path may be of any kind
        content = opened.read()
    try:
        arrays = read_arrays(content)
    except Refused as problem:
        raise _refused(path, str(problem)) from None
    if _HEADER not in arrays:
        raise _refused(path, "an npz file without a header; expected one that save wrote")
    return _header(path, arrays.pop(_HEADER), schema), arrays


def _refused(path: str | os.PathLike[str], why: str) -> ValueError:
    return ValueError(f"{os.fspath(path)}: {printable(why, 300)}")


def _header(path: str | os.PathLike[str], array: Array, schema: str) -> dict[str, Any]:
    try:
        header = json.loads(_text(array)) if array.dtype.kind == "U" and not array.ndim else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise _refused(path, "its header is no JSON object; expected a file that save wrote")
    if header.get("schema") != schema:
        raise _refused(path, f"schema {header.get('schema')!r}; expected {schema!r}")
    return header


def _text(array: Array) -> str:
    """A text of NumPy's, which may hold what is no character: Python's string of it is invalid.

    Raises:
        ValueError: it does.
    """
    order = "be" if array.dtype.str.startswith(">") else "le"
    return array.tobytes().decode(f"utf-32-{order}").rstrip("\0")


def _layers(path: str | os.PathLike[str], header: Mapping[str, Any]) -> list[Layer]:
    described = header.get("layers")
    if not isinstance(described, list):
        raise _refused(path, "its header lists no layers")
    return [_made(path, f"layer {n}", "layer", one, LAYERS) for n, one in enumerate(described)]


def _loss(path: str | os.PathLike[str], header: Mapping[str, Any]) -> Loss:
    loss: Loss = _made(path, "loss", "loss", header.get("loss"), LOSSES)
    return loss


def _made(
    path: str | os.PathLike[str], where: str, kind: str, described: Any, known: Mapping[str, Any]
) -> Any:
    """A layer or loss from its description."""
    name = described.get(kind) if isinstance(described, dict) else described
    if not isinstance(described, dict) or not isinstance(name, str) or name not in known:
        raise _refused(path, f"{where} is {name!r}; known: {', '.join(known)}")
    arguments = {
        name: value
        for name, value in described.items()
        if name != kind and (name, value) != ("initial", None)  # a function, which is not saved
    }
    try:
        return known[name](**arguments)
    except (TypeError, ValueError) as problem:
        raise _refused(path, f"{where} cannot be made: {problem}") from None
