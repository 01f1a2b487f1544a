"""peak <= 2 (inputs + outputs) + 256 MB: the memory of checking a kernel on a problem, shared out.

The inputs, a copy of them that kernels are given, and the output of one kernel are there at a time.
What is left is for the temporaries of that kernel, for the truth, and for the parts of outputs that
are kept until they are judged.
"""

from __future__ import annotations

from einbench.host.memory import available_bytes
from einbench.kernel import Kernel
from einbench.problem import Problem
from einbench.units import bytes_text

#: whatever the size of the inputs
_TEMPORARY_BYTES, _TRUTH_BYTES, _KEPT_BYTES = 64 << 20, 24 << 20, 16 << 20
#: and for a probe of the check, which has no inputs or output of anybody else beside it
_CHECK_BYTES = 128 << 20
#: copies and truths of less than this are made without asking how much memory is left
_SURELY_FITS = 256 << 20


def temporary_bytes(problem: Problem) -> int:
    """Most memory that one call may take beside its output."""
    return _TEMPORARY_BYTES + problem.output_bytes // 2


def truth_bytes(problem: Problem) -> int:
    """Most memory that computing a truth may take."""
    return _TRUTH_BYTES + problem.output_bytes // 4


def part_truth_bytes(problem: Problem) -> int:
    """The same while no kernel's output and nothing that was kept is there."""
    return _CHECK_BYTES + problem.output_bytes


def exact_truth_bytes(problem: Problem) -> int:
    """The same of exact inputs and their truth, while no copy of the inputs is there either."""
    return _CHECK_BYTES + 2 * problem.output_bytes + problem.input_bytes


def kept_bytes(problem: Problem) -> int:
    """Most memory that parts of all kernels' outputs may take together."""
    return _KEPT_BYTES + problem.output_bytes // 8


def needed_bytes(problem: Problem) -> int:
    """What checking and timing take beside the inputs: at most this."""
    return problem.span_bytes + problem.output_bytes + (
        temporary_bytes(problem) + truth_bytes(problem) + kept_bytes(problem)
    )  # fmt: skip


def wide_bytes(problem: Problem, *, exact: bool = False) -> int:
    """About what the reference and its scale take; of whole numbers there is no scale."""
    # the wide precision of an input and of what is made from it, and of an output with its scale
    inputs, outputs = (5, 12) if problem.dtype.itemsize == 4 else (6, 8)
    return (2 if exact else inputs) * problem.input_bytes + outputs * problem.output_bytes


def checked_rows(problem: Problem) -> int:
    """Rows that a probe of the check may have; those of the problem where they are not too many.

    A probe keeps its inputs twice, several results, the bytes of all those, and the truth.
    """
    most, rows = problem.input_bytes + problem.output_bytes + _CHECK_BYTES, problem.rows
    while rows > 1 and problem.batch is not None:
        part = problem.sized({problem.operation.leading or "": rows})
        if 4 * part.input_bytes + 8 * part.output_bytes + wide_bytes(part) <= most:
            break
        rows //= 2
    return rows


def fitting_rows(problem: Problem, spare_bytes: int | None = None) -> int:
    """All rows where checking them fits into the memory that is left, else a power of two of them.

    Of an operation without rows, 1 where it fits and 0 where it does not; 0 too where no row fits.

    Args:
        problem: with its inputs, which are there already.
        spare_bytes: memory that is left; None asks the machine.
    """
    # a view that spans far more than it holds is copied as it lies
    most = 2 * problem.input_bytes + problem.output_bytes + _TEMPORARY_BYTES
    if problem.span_bytes <= most and needed_bytes(problem) <= _SURELY_FITS:
        return problem.rows
    spare_bytes = available_bytes() if spare_bytes is None else spare_bytes
    if problem.span_bytes <= most and needed_bytes(problem) <= spare_bytes:
        return problem.rows
    if problem.batch is None:
        return 0
    rows = 1 << max(problem.rows.bit_length() - 1, 0)
    while rows:
        part = problem.first_rows(rows)
        # half of what is left: the choice is for a call that needs memory as well
        if part.span_bytes <= most and needed_bytes(part) <= spare_bytes // 2:
            break
        rows //= 2
    return rows


def too_much(kernel: Kernel, problem: Problem, most_bytes: int | None = None) -> str:
    """Why a kernel's declared temporaries are too large here; empty where they are not.

    Args:
        kernel: whose.
        problem: at which sizes.
        most_bytes: in place of what a call may take here.
    """
    return too_large(kernel.temporary_bytes(problem.sizes, problem.dtype), problem, most_bytes)


def too_large(needed: int, problem: Problem, most_bytes: int | None = None) -> str:
    """Why so many bytes of temporaries are too many; empty where they are not."""
    most = temporary_bytes(problem) if most_bytes is None else most_bytes
    if needed > _TEMPORARY_BYTES:
        most = min(most, available_bytes() // 2)
    if needed <= most:
        return ""
    return f"needs {bytes_text(needed)} of temporaries, more than {bytes_text(most)}"
