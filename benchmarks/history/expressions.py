"""The expressions of benchmarks/einsum/thirty.py, each with the four benchmarks of an operation.

``bmm_3x3.time_kernel`` and so on, at the sizes of that list: the first index is given as the
batch. The profile ``quick`` has three of them, ``regular`` and ``thorough`` all.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from . import cells as _cells
from . import facts as _facts
from . import listing as _listing
from .measured import einbench
from .operations import param_names, repeat, rounds, timeout, version, warmup_time

__all__ = ["param_names", "repeat", "rounds", "timeout", "version", "warmup_time"]

_PROFILE = _cells.PROFILE
_QUICK = ("rowdots 784", "chain", "khatri-rao")
_THIRTY = runpy.run_path(str(Path(__file__).parents[1] / "einsum" / "thirty.py"))["THIRTY"]

#: benchmark -> expression, size of its first index, and of the others. Its name has letters alone:
#: what follows a ``-`` is the number of a cell to asv
_ASKED: dict[str, tuple[str, int, dict[str, int]]] = {}
for _name, _text, _sizes, _ in _THIRTY:
    if _PROFILE.name != "quick" or _name in _QUICK:
        _others = {i: n for i, n in _sizes.items() if i != _text[0]}
        _ASKED["".join(c if c.isalnum() else "_" for c in _name)] = _text, _sizes[_text[0]], _others


def _made(name: str) -> Any:
    text, _, sizes = _ASKED[name]
    return einbench.expression(text, **sizes)


def _ready(name: str, kernel: str, batch: int, dtype: str) -> Callable[[], object]:
    op = _made(name)
    return partial(op[kernel].function, *op.draw(batch, dtype).values())


def setup_cache() -> _facts.Facts:
    """Check and compile everything once per commit and environment."""
    asked = {name: (partial(_made, name), batch) for name, (_, batch, _) in _ASKED.items()}
    return _facts.examine_each(_PROFILE, asked)


setup_cache.timeout = _PROFILE.examine_timeout_s  # type: ignore[attr-defined]  # asv looks here
setup_cache.pretty_source = "checked = einbench.compare()"  # type: ignore[attr-defined]  # as above

_listed = _listing.listed(
    expressions=json.dumps([[text, sizes] for text, _, sizes in _ASKED.values()])
)
for (_name, (_text, _batch, _sizes)), _found in zip(_ASKED.items(), _listed, strict=True):
    _named = replace(_found, operation=_name)
    # the name stays what histories go by; einbench export reads what the benchmark is of
    _stated = {"expression": _text, "sizes": _sizes}
    globals().update(_cells.made(_named, (_batch,), _ready, __name__, **_stated))
