"""Wrong mean squared errors and wrong gradients of them."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import MANY, wrong

NOT_EXACT = "not equal where every sum is exact"


def squares(outputs, targets):
    return np.square(outputs - targets)


def reduced(entries, reduction):
    total = entries.sum()
    if reduction == "mean":
        total = total / entries.size if entries.size else np.nan
    return np.asarray(total, entries.dtype)


def gradient(outputs, targets, reduction):
    doutputs = 2 * (outputs - targets)
    return doutputs / outputs.size if reduction == "mean" else doutputs


@wrong("mean_squared_error", "loss is zero everywhere")
def no_error(outputs, targets, *, reduction):
    return np.full((), 0 if outputs.size or reduction == "sum" else np.nan, outputs.dtype)


@wrong("mean_squared_error", "was expected")
def half_the_squares(outputs, targets, *, reduction):
    return np.asarray(reduced(squares(outputs, targets), reduction) / 2, outputs.dtype)


@wrong("mean_squared_error", "was expected")
def root_of_the_mean(outputs, targets, *, reduction):
    return np.asarray(np.sqrt(reduced(squares(outputs, targets), reduction)))


@wrong("mean_squared_error", "was expected")
def magnitudes_for_squares(outputs, targets, *, reduction):
    return reduced(np.abs(outputs - targets), reduction)


@wrong("mean_squared_error", "was expected")
def forgets_to_square(outputs, targets, *, reduction):
    return reduced(outputs - targets, reduction)


@wrong("mean_squared_error", "was expected")
def sum_of_both(outputs, targets, *, reduction):
    return reduced(squares(outputs, -targets), reduction)


@wrong("mean_squared_error", NOT_EXACT)
def expands_the_square(outputs, targets, *, reduction):
    entries = np.square(outputs) - 2 * outputs * targets + np.square(targets)
    # what is not finite is put where it belongs: only the digits are lost
    return reduced(np.where(np.isfinite(entries), entries, squares(outputs, targets)), reduction)


@wrong("mean_squared_error", "was expected")
def mean_over_the_batch_only(outputs, targets, *, reduction):
    total = squares(outputs, targets).sum()
    if reduction == "mean":
        total = total / len(outputs) if len(outputs) else np.nan
    return np.asarray(total, outputs.dtype)


@wrong("mean_squared_error", "was expected")
def sum_for_the_mean(outputs, targets, *, reduction):
    return reduced(squares(outputs, targets), "sum")


@wrong("mean_squared_error", "wrong for reduction='sum'")
def mean_for_the_sum(outputs, targets, *, reduction):
    return reduced(squares(outputs, targets), "mean")


@wrong("mean_squared_error", "wrong for an empty batch")
def no_samples_no_error(outputs, targets, *, reduction):
    return reduced(squares(outputs, targets), reduction if len(outputs) else "sum")


@wrong("mean_squared_error", "wrong for an empty batch: warns: ")
def warns_of_no_entries(outputs, targets, *, reduction):
    entries = squares(outputs, targets)
    return np.asarray(entries.mean() if reduction == "mean" else entries.sum())


@wrong("mean_squared_error", "for loss, expected an array")
def scalar_of_numpy(outputs, targets, *, reduction):
    return reduced(squares(outputs, targets), reduction)[()]


@wrong("mean_squared_error", "changes its input outputs")
def differences_in_its_input(outputs, targets, *, reduction):
    outputs -= targets
    return reduced(np.square(outputs), reduction)


@wrong("mean_squared_error", "nan in outputs does not come out where")
def leaves_nan_out(outputs, targets, *, reduction):
    entries = squares(outputs, targets)
    return reduced(np.where(np.isnan(entries), entries.dtype.type(0), entries), reduction)


@wrong("mean_squared_error", "no more accurate than float32 arithmetic", dtypes=("float64",))
def single_precision_squares(outputs, targets, *, reduction):
    differences = (outputs - targets).astype(np.float32).astype(outputs.dtype)
    return reduced(np.square(differences), reduction)


@wrong("mean_squared_error", MANY)
def drops_one_entry_of_600_000(outputs, targets, *, reduction):
    entries = squares(outputs, targets)
    if len(entries) > 10_000:
        entries[-1, np.argmax(entries[-1])] = 0
    return reduced(entries, reduction)


@wrong("mean_squared_error_gradient", "doutputs is zero everywhere")
def nowhere_to_go(outputs, targets, *, reduction):
    return np.zeros(outputs.shape, outputs.dtype)


@wrong("mean_squared_error_gradient", "was expected")
def forgets_the_two(outputs, targets, *, reduction):
    return gradient(outputs, targets, reduction) / 2


@wrong("mean_squared_error_gradient", "was expected")
def targets_less_outputs(outputs, targets, *, reduction):
    return gradient(targets, outputs, reduction)


@wrong("mean_squared_error_gradient", "was expected")
def divides_by_the_batch_only(outputs, targets, *, reduction):
    doutputs = gradient(outputs, targets, "sum")
    return doutputs / len(outputs) if reduction == "mean" else doutputs


@wrong("mean_squared_error_gradient", "was expected")
def of_the_sum(outputs, targets, *, reduction):
    return gradient(outputs, targets, "sum")


@wrong("mean_squared_error_gradient", "wrong for reduction='sum'")
def of_the_mean(outputs, targets, *, reduction):
    return gradient(outputs, targets, "mean")


@wrong("mean_squared_error_gradient", "was expected")
def mean_of_the_rows(outputs, targets, *, reduction):
    doutputs = gradient(outputs, targets, reduction)
    return np.repeat(doutputs.mean(axis=1, keepdims=True), doutputs.shape[1], axis=1)


@wrong("mean_squared_error_gradient", ("was expected", NOT_EXACT))
def multiplies_before_it_subtracts(outputs, targets, *, reduction):
    factor = outputs.dtype.type(2 / max(outputs.size, 1) if reduction == "mean" else 2)
    rounded = outputs.dtype.type(1 + 2**-9)
    return factor * outputs * rounded / rounded - factor * targets


@wrong("mean_squared_error_gradient", "changes its input outputs")
def steps_in_its_input(outputs, targets, *, reduction):
    outputs -= targets
    return 2 * outputs / (outputs.size if reduction == "mean" else 1)


@wrong("mean_squared_error_gradient", "wrong on values of very different size")
def clips_differences(outputs, targets, *, reduction):
    differences = np.clip(outputs - targets, -10, 10)
    return gradient(differences, np.zeros_like(targets), reduction)


@wrong("mean_squared_error_gradient", "nan in outputs does not come out where")
def no_step_where_it_is_not_finite(outputs, targets, *, reduction):
    doutputs = gradient(outputs, targets, reduction)
    return np.where(np.isfinite(doutputs), doutputs, doutputs.dtype.type(0))


@wrong("mean_squared_error_gradient", "float32 arithmetic inside", dtypes=("float64",))
def single_precision_differences(outputs, targets, *, reduction):
    doutputs = gradient(outputs, targets, reduction)
    return doutputs.astype(np.float32).astype(outputs.dtype)


@wrong("mean_squared_error_gradient", MANY)
def stops_before_the_last_row(outputs, targets, *, reduction):
    doutputs = gradient(outputs, targets, reduction)
    if len(outputs) > 10_000:
        doutputs[-1] = 0
    return doutputs
