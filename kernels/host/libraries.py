"""Shared libraries that wheels put beside Python and not into a module: their places."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

#: what the newest library of each wheel is called, then older ones
_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "tbb": {"darwin": ("libtbb.12.dylib",), "win32": ("tbb12.dll",), "": ("libtbb.so.12",)},
    "mkl": {
        "darwin": ("libmkl_rt.2.dylib",),
        "win32": ("mkl_rt.3.dll", "mkl_rt.2.dll"),
        "": ("libmkl_rt.so.3", "libmkl_rt.so.2"),
    },
}


def why_missing(requires: Sequence[str]) -> str:
    """Which of these imports or libraries is not installed, as a reason; empty where all are."""
    for name in requires:
        if not _is_installed(name):
            if is_library(name) and (found := _distribution(name)):
                return (
                    f"{name} {found.version} is installed, but {_files(name)[0]} is nowhere among "
                    f"its files; pip install --target leaves it out: install {name} without"
                )
            return f"{name} is not installed (pip install {name.partition('.')[0]})"
    return ""


def _is_installed(name: str) -> bool:
    if is_library(name):
        return library(name) is not None
    import importlib.util

    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package that ``name`` would lie in
        return False


def is_library(name: str) -> bool:
    """Whether what is installed under this name is a library, which Python cannot import."""
    return name in _NAMES


@functools.cache
def library(name: str) -> str | None:
    """Path of the library of that wheel in this environment; None where it is not installed.

    The linker does not look into the environment, so a library is loaded by its path.
    """
    files = _files(name)
    return _below(sys.prefix, files) or _below(_data_folder(), files) or _listed(name, files)


def _files(name: str) -> tuple[str, ...]:
    known = _NAMES[name]
    return known.get(sys.platform, known[""])


def _distribution(name: str) -> Distribution | None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _listed(name: str, files: Sequence[str]) -> str | None:
    """The first that is there of what the distribution itself lists: of a user's install, say."""
    found = _distribution(name)
    for listed in (found and found.files) or ():
        if listed.name in files:
            path = os.path.normpath(str(listed.locate()))
            if os.path.isfile(path):  # noqa: PTH113 - as below
                return path
    return None


def _data_folder() -> str:
    """Where wheels put files that are no modules: of Debian's own Python not ``sys.prefix``."""
    import sysconfig  # reading what Python was built with takes milliseconds

    return sysconfig.get_path("data")


def _below(folder: str, files: tuple[str, ...]) -> str | None:
    for part in ("lib", os.path.join("Library", "bin"), "bin"):  # noqa: PTH118 - loads slowly
        for file in files:
            path = os.path.join(folder, part, file)  # noqa: PTH118 - as above
            if os.path.isfile(path):  # noqa: PTH113 - as above
                return path
    return None
