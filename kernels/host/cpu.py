"""The processor's model, as it calls itself, and its largest cache."""

from __future__ import annotations

import functools
import platform
import sys

_KEYS = ("model name", "Model", "cpu model")
_THIRD = "/sys/devices/system/cpu/cpu0/cache/index3/size"


def cpu_model() -> str | None:
    """``Intel(R) Xeon(R) ...``; None where the system does not report it."""
    if sys.platform == "linux":
        # line by line: the kernel writes this file as it is read, core by core
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - loads slowly
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() in _KEYS and value.strip():
                    return value.strip()
    if sys.platform == "darwin":
        return sysctl("machdep.cpu.brand_string")
    return platform.processor() or platform.machine() or None


@functools.cache
def third_level_bytes() -> int:
    """Bytes of the shared cache; 0 where there is none, or where reading it takes a subprocess."""
    try:
        with open(_THIRD, encoding="utf-8") as size:  # noqa: PTH123 - loads slowly
            return int(size.read().strip().removesuffix("K")) * 1024
    except (OSError, ValueError):
        return 0


def sysctl(key: str) -> str:
    """A value of sysctl on macOS.

    Raises:
        OSError: it knows no such key.
    """
    import subprocess

    finished = subprocess.run(  # noqa: S603 - a fixed path and fixed keys
        ["/usr/sbin/sysctl", "-n", key], capture_output=True, text=True, check=False, timeout=5
    )
    if finished.returncode:
        raise OSError(finished.stderr)
    return finished.stdout.strip()
