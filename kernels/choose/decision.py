"""A decision: the kernel that a call gets, for what, and how that became known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from einbench.choose.book import Remembered
from einbench.choose.fewer import text, threads_of
from einbench.choose.recall import Recalled
from einbench.choose.signature import Signature
from einbench.kernel import Kernel

if TYPE_CHECKING:
    from einbench.choose.estimate import Estimate
    from einbench.choose.outcome import Measured


class NoKernelLeft(ValueError):  # noqa: N818 - what is the matter, as users read it
    """Of an operation at this size: none is right, can run, and fits into memory."""


class Decision(NamedTuple):
    """The kernel to call, for what, and the evidence for it."""

    kernel: Kernel
    signature: Signature
    #: from memory, measured now, or estimated; just one of them, and none where it is a default
    recalled: Recalled | None = None
    measured: Measured | None = None
    estimate: Estimate | None = None
    #: what was chosen in another environment
    hint: Remembered | None = None
    #: ``off`` or ``frozen``, where the default kernel serves because of that
    unmeasured: str = ""

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis} {size}" for axis, size in self.signature.sizes)
        name = f"{self.kernel.operation.name} at {sizes}" if sizes else self.kernel.operation.name
        kernel = text(self.kernel.method, threads_of(self.kernel))
        return f"{name}, {self.signature.dtype}: {kernel}, {self.origin}"

    @property
    def origin(self) -> str:
        """How it became known: measured, remembered, interpolated, estimated, or the default."""
        if self.recalled is not None:
            return "remembered" if self.recalled.exact else "interpolated"
        if self.unmeasured:
            return "default"
        return "measured" if self.measured is not None else "estimated"
