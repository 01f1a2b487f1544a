"""Warnings of what is the matter with this machine: never an error, and each once a process."""

from __future__ import annotations

import warnings

_SAID: set[str] = set()


def warn_once(about: str, message: str) -> None:
    """A RuntimeWarning, the first time that something is said about this.

    Where the caller's filters turn warnings into errors it is shown all the same, and not raised:
    it would come out of a kernel, and be taken for the kernel's.
    """
    if about in _SAID:
        return
    _SAID.add(about)
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(message, RuntimeWarning, stacklevel=3)
