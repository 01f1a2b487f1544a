"""Whether what a kernel raised says anything of the kernel."""

from __future__ import annotations

from einbench.units import one_line

#: how a reason begins that is the machine's: a status of its own, ``unchecked``
COULD_NOT = "could not be checked here: "
#: compilers, whose errors are not of the kernel's results
_COMPILERS = ("numba.", "llvmlite.")


class Misbehaved(Exception):  # noqa: N818 - a finding, not a mistake of the caller
    """What a kernel did to the process that it runs in; the message is the reason as it is shown.

    Args:
        reason: what happened, with the signal, the exit code, seconds or bytes.
        status: as records name it, see `einbench.record.Status`.
    """

    def __init__(self, reason: str, status: str = "crashed") -> None:
        super().__init__(COULD_NOT + reason if status == "unchecked" else reason)
        self.status = status


def said_of(raised: BaseException, verb: str = "") -> str:
    """``raises ValueError: message``, for the verb ``"raises "``; `COULD_NOT` in place of the verb.

    Memory, the disk, an import, a compiler and time that ran out are reasons for not knowing; all
    else that a kernel raises on valid inputs is its own fault. What it did to its process is said
    as it stands.
    """
    if isinstance(raised, Misbehaved):
        return str(raised)
    environment = isinstance(raised, MemoryError | OSError | ImportError)
    compiler = type(raised).__module__.startswith(_COMPILERS)
    return (COULD_NOT if environment or compiler else verb) + one_line(raised)


def is_unknown(reason: str) -> bool:
    """Whether a reason is one for not knowing."""
    return reason.startswith(COULD_NOT)
