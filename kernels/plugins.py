"""Kernels that other packages ship, loaded on request and never by themselves.

A package names a module, or a function without arguments, that registers its kernels::

    [project.entry-points."einbench.kernels"]
    fast = "theirs.kernels"
"""

from __future__ import annotations

import functools
from collections.abc import Callable

GROUP = "einbench.kernels"
#: what this process has loaded: one of its own, which starts for a kernel, loads the same
loaded_here: list[str] = []
#: the top-level packages that their entry points name
_PACKAGES: set[str] = set()


def load_plugins() -> list[str]:
    """Load every entry point of the group ``einbench.kernels``.

    A module registers kernels as it is imported; a function is called and registers them then.
    What registered its kernels in this process already is not called again.

    Returns:
        ``distribution: entry point`` of each, in the order they were loaded.

    Raises:
        ValueError: a plugin fails; the message names its distribution and entry point.
    """
    from importlib.metadata import entry_points

    loaded = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        distribution = point.dist.name if point.dist else "an unknown distribution"
        try:
            found = point.load()
            if callable(found):
                _call_once(found)
        except (Exception, SystemExit) as problem:
            raise ValueError(
                f"plugin {point.name!r} ({point.value}) of {distribution} failed: "
                f"{type(problem).__name__}: {problem}; uninstall or repair {distribution}, or "
                "leave plugins out"
            ) from problem
        _PACKAGES.add(point.module.partition(".")[0])
        loaded.append(f"{distribution}: {point.name}")
    loaded_here[:] = loaded
    return loaded


def of_plugin(module: str) -> bool:
    """Whether a module is of a package whose entry points were loaded in this process."""
    return module.partition(".")[0] in _PACKAGES


@functools.cache
def _call_once(register: Callable[[], object]) -> None:
    """As modules run once: a second call would register the same names again."""
    register()
