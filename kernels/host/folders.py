"""Where what einbench keeps between runs lies on disk."""

from __future__ import annotations

import os
import sys

#: in place of a folder for choices: nothing is read from disk or written to it
OFF = "off"


def wisdom_folder() -> str:
    """``$EINBENCH_WISDOM``, or ``wisdom`` in the user's cache directory for einbench."""
    requested = os.environ.get("EINBENCH_WISDOM", "").strip()
    if requested == OFF:
        return os.devnull
    if requested:
        return os.path.abspath(os.path.expanduser(requested))  # noqa: PTH100, PTH111 - loads slowly
    return user_cache("wisdom")


def user_cache(name: str) -> str:
    """The folder of that name in the user's cache directory for einbench; it may not be there."""
    if sys.platform == "linux" and "ANDROID_ROOT" not in os.environ:
        # as platformdirs has it, whose import takes longer than a first answer may
        caches = os.environ.get("XDG_CACHE_HOME", "").strip() or os.path.expanduser("~/.cache")  # noqa: PTH111
        if not os.path.isabs(caches):  # noqa: PTH117 - pathlib loads slowly
            # a user without a home: a folder of that name below the working directory is none
            caches = os.path.join(os.sep, "nonexistent", ".cache")  # noqa: PTH118 - as above
        return os.path.join(caches, "einbench", name)  # noqa: PTH118 - as above
    import platformdirs

    return os.path.join(platformdirs.user_cache_dir("einbench", appauthor=False), name)  # noqa: PTH118
