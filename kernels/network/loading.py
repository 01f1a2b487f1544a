"""A network from the file that one was saved to."""

from __future__ import annotations

import os
from collections.abc import Mapping

from einbench.network import storage
from einbench.network.sequential import Sequential


def load(
    path: str | os.PathLike[str],
    kernels: str | Mapping[str, str] = "auto",
    *,
    seed: int | None = 0,
    whole: bool = True,
) -> Sequential:
    """The network that was saved, on these kernels.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no network, or a damaged one.
    """
    saved = storage.read(path)
    saved.check_promised()
    try:
        net = Sequential(saved.layers, saved.loss, seed=seed, dtype=str(saved.dtype), whole=whole)
    except (TypeError, ValueError) as problem:
        raise saved.refused(f"its network cannot be built: {problem}") from None
    saved.fill(net.parameters)
    net.run_on(kernels)
    return net
