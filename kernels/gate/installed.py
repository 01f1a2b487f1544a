"""The package of this interpreter's own environment, under whichever name its commit gave it.

A process that measures a commit loads this file by its path, with the interpreter of that commit's
environment: it imports nothing of the suite, and nothing else that is not Python's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit
from urllib.request import url2pathname

#: newest first; before version 0.2 the package bore the name of its folder
NAMES = ("einbench", "kernels")


def import_installed() -> ModuleType:
    """The installed package, never a folder of that name that happens to be in the way.

    It is imported only after its place is known: nothing of another commit is run.

    Raises:
        ImportError: none is installed here; the message names what was found in other places.
    """
    homes = [Path(sys.prefix).resolve(), *_editable()]
    others = []
    for name in NAMES:
        spec = importlib.util.find_spec(name)
        # without an origin it is a folder that pip left behind because numba's cache is in it
        if spec is None or spec.origin is None:
            continue
        place = Path(spec.origin).resolve()
        if any(place.is_relative_to(home) for home in homes):
            return importlib.import_module(name)
        others.append(f"{name} was found in {place.parent}; ")
    raise ImportError(
        f"neither {' nor '.join(NAMES)} is installed in {sys.prefix}: "
        f"{''.join(others)}pip install the commit that is to be measured there"
    )


def _editable() -> Iterator[Path]:
    """The checkout that this environment's own distribution refers to, if it does."""
    for found in metadata.distributions(name=NAMES[0], path=[p for p in sys.path if _within(p)]):
        origin = json.loads(found.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            yield Path(url2pathname(urlsplit(origin["url"]).path)).resolve()


def _within(path: str) -> bool:
    return Path(path).resolve().is_relative_to(Path(sys.prefix).resolve())
