"""Wrong negative log-likelihoods and wrong gradients of them."""

from __future__ import annotations

import numpy as np
from wrong_kernels.entry import MANY, wrong
from wrong_kernels.losses import NOT_REFUSED, label_logits, reduced, refuse

ONE_HOT = "wrong on one-hot rows and zero probabilities"
#: in float32 only where every label is certain is one loss of 60,000 seen
AT_SIZE = ("wrong at batch 60000", "not equal where every sum is exact")


def row_losses(probs, labels):
    refuse(labels, probs.shape[1])
    least = np.finfo(probs.dtype).smallest_subnormal
    return 0 - np.log(np.maximum(label_logits(probs, labels), least))


def slopes(probs, labels, least, reduction):
    refuse(labels, probs.shape[1])
    dprobs = np.zeros(probs.shape, probs.dtype)
    rows = np.arange(len(labels))
    dprobs[rows, labels] = -1 / np.maximum(probs[rows, labels], probs.dtype.type(least))
    return dprobs / len(labels) if reduction == "mean" else dprobs


def gradient(probs, labels, reduction):
    return slopes(probs, labels, np.finfo(probs.dtype).smallest_normal, reduction)


@wrong("negative_log_likelihood", "loss is zero everywhere")
def costs_nothing(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    return np.full((), 0 if len(labels) or reduction == "sum" else np.nan, probs.dtype)


@wrong("negative_log_likelihood", "was expected")
def log_likelihood(probs, labels, *, reduction):
    return reduced(-row_losses(probs, labels), reduction)


@wrong("negative_log_likelihood", "was expected")
def logarithm_to_base_two(probs, labels, *, reduction):
    return reduced(row_losses(probs, labels) / probs.dtype.type(np.log(2)), reduction)


@wrong("negative_log_likelihood", "was expected")
def logits_for_probabilities(probs, labels, *, reduction):
    sums = np.exp(probs).sum(axis=1)
    refuse(labels, probs.shape[1])
    return reduced(np.log(sums) - label_logits(probs, labels), reduction)


@wrong("negative_log_likelihood", "was expected")
def largest_for_the_labels(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    return reduced(-np.log(probs.max(axis=1)), reduction)


@wrong("negative_log_likelihood", f"{ONE_HOT}: loss is inf where")
def logarithm_of_zero(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    return reduced(0 - np.log(label_logits(probs, labels)), reduction)


@wrong("negative_log_likelihood", f"{ONE_HOT}: loss is inf where", dtypes=("float32",))
def smallest_number_of_float64(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    least = probs.dtype.type(np.finfo(np.float64).smallest_subnormal)
    return reduced(0 - np.log(np.maximum(label_logits(probs, labels), least)), reduction)


@wrong("negative_log_likelihood", ONE_HOT)
def smallest_normal_number_for_zero(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    least = np.finfo(probs.dtype).smallest_normal
    return reduced(0 - np.log(np.maximum(label_logits(probs, labels), least)), reduction)


@wrong("negative_log_likelihood", ("was expected", ONE_HOT))
def adds_a_small_number(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    shifted = label_logits(probs, labels) + probs.dtype.type(1e-7)
    return reduced(0 - np.log(shifted), reduction)


@wrong("negative_log_likelihood", "wrong where rows do not sum to one")
def clips_to_probabilities(probs, labels, *, reduction):
    return reduced(np.maximum(row_losses(probs, labels), 0), reduction)


@wrong("negative_log_likelihood", "wrong where rows do not sum to one")
def makes_rows_sum_to_one(probs, labels, *, reduction):
    return reduced(row_losses(probs / probs.sum(axis=1, keepdims=True), labels), reduction)


@wrong("negative_log_likelihood", "nan in probs does not come out where")
def not_a_number_for_zero(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    least = np.finfo(probs.dtype).smallest_subnormal
    return reduced(0 - np.log(np.fmax(label_logits(probs, labels), least)), reduction)


@wrong("negative_log_likelihood", "nan in probs does not come out where")
def logarithms_of_whole_rows(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    logs = np.log(np.maximum(probs, np.finfo(probs.dtype).smallest_subnormal))
    hot = np.eye(probs.shape[1], dtype=probs.dtype)[labels]
    return reduced(0 - (hot * logs).sum(axis=1), reduction)


@wrong("negative_log_likelihood", "was expected")
def mean_over_the_classes_too(probs, labels, *, reduction):
    loss = reduced(row_losses(probs, labels), reduction)
    return np.asarray(loss / probs.shape[1] if reduction == "mean" else loss, probs.dtype)


@wrong("negative_log_likelihood", "wrong for reduction='sum'")
def always_a_mean(probs, labels, *, reduction):
    return reduced(row_losses(probs, labels), "mean")


@wrong("negative_log_likelihood", "wrong for an empty batch: warns: ")
def warns_of_no_losses(probs, labels, *, reduction):
    losses = row_losses(probs, labels)
    return np.asarray(losses.mean() if reduction == "mean" else losses.sum())


@wrong("negative_log_likelihood", NOT_REFUSED)
def labels_from_the_end(probs, labels, *, reduction):
    least = np.finfo(probs.dtype).smallest_subnormal
    return reduced(0 - np.log(np.maximum(label_logits(probs, labels), least)), reduction)


@wrong("negative_log_likelihood", "no more accurate than float32 arithmetic", dtypes=("float64",))
def single_precision_logarithms(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    # what is not above zero stands for zero, not for NaN
    picked = np.maximum(label_logits(probs, labels), 0).astype(np.float32)
    logs = np.log(picked).astype(probs.dtype)
    return reduced(
        np.minimum(0 - logs, -np.log(np.finfo(probs.dtype).smallest_subnormal)), reduction
    )


@wrong("negative_log_likelihood", AT_SIZE, caught="sized")
def reads_beside_the_last_label(probs, labels, *, reduction):
    if len(labels) > 10_000:
        labels = labels.copy()
        labels[-1] = (labels[-1] + 1) % probs.shape[1]
    return reduced(row_losses(probs, labels), reduction)


# in float32 one loss of 60,000 is less than rounding may do to their sum
@wrong("negative_log_likelihood", "wrong at batch 60000", dtypes=("float64",), caught="sized")
def drops_one_of_60_000_losses(probs, labels, *, reduction):
    losses = row_losses(probs, labels)
    if len(losses) > 10_000:
        losses[-1] = 0
    return reduced(losses, reduction)


@wrong("negative_log_likelihood_gradient", "dprobs is zero everywhere")
def no_slope(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    return np.zeros(probs.shape, probs.dtype)


@wrong("negative_log_likelihood_gradient", "was expected")
def climbs(probs, labels, *, reduction):
    return -gradient(probs, labels, reduction)


@wrong("negative_log_likelihood_gradient", "was expected")
def slope_of_the_logits(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    dprobs = probs - np.eye(probs.shape[1], dtype=probs.dtype)[labels]
    return dprobs / len(labels) if reduction == "mean" else dprobs


@wrong("negative_log_likelihood_gradient", "was expected")
def a_slope_everywhere(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    dprobs = -1 / np.maximum(probs, np.finfo(probs.dtype).smallest_normal)
    return dprobs / len(labels) if reduction == "mean" else dprobs


@wrong("negative_log_likelihood_gradient", f"{ONE_HOT}: ")
def divides_by_zero(probs, labels, *, reduction):
    return slopes(probs, labels, 0, reduction)


@wrong("negative_log_likelihood_gradient", f"{ONE_HOT}: ")
def reciprocal_of_the_smallest_subnormal(probs, labels, *, reduction):
    return slopes(probs, labels, np.finfo(probs.dtype).smallest_subnormal, reduction)


@wrong("negative_log_likelihood_gradient", f"{ONE_HOT}: ")
def adds_to_what_it_divides_by(probs, labels, *, reduction):
    lifted = probs + np.finfo(probs.dtype).eps ** 2
    return gradient(lifted.astype(probs.dtype), labels, reduction)


@wrong("negative_log_likelihood_gradient", "nan in probs does not come out where")
def one_hot_rows_over_probabilities(probs, labels, *, reduction):
    refuse(labels, probs.shape[1])
    hot = np.eye(probs.shape[1], dtype=probs.dtype)[labels]
    dprobs = -hot / np.maximum(probs, np.finfo(probs.dtype).smallest_normal)
    return dprobs / len(labels) if reduction == "mean" else dprobs


@wrong("negative_log_likelihood_gradient", "nan in probs does not come out where")
def finite_whatever_comes(probs, labels, *, reduction):
    return gradient(np.nan_to_num(probs, posinf=np.inf), labels, reduction)


@wrong("negative_log_likelihood_gradient", "was expected")
def slope_of_a_sum(probs, labels, *, reduction):
    return gradient(probs, labels, "sum")


@wrong("negative_log_likelihood_gradient", "wrong for reduction='sum'")
def slope_of_a_mean(probs, labels, *, reduction):
    return gradient(probs, labels, "mean")


@wrong("negative_log_likelihood_gradient", "changes its input probs")
def lifts_its_input(probs, labels, *, reduction):
    np.maximum(probs, probs.dtype.type(0.3), out=probs)
    return gradient(probs, labels, reduction)


@wrong("negative_log_likelihood_gradient", NOT_REFUSED)
def labels_counted_backwards(probs, labels, *, reduction):
    return gradient(probs, labels.astype(np.int64) % probs.shape[1], reduction)


@wrong("negative_log_likelihood_gradient", "float32 arithmetic inside", dtypes=("float64",))
def single_precision_reciprocal(probs, labels, *, reduction):
    dprobs = gradient(probs, labels, reduction)
    narrow = dprobs.astype(np.float32).astype(probs.dtype)
    return np.where(np.isfinite(narrow), narrow, dprobs)


@wrong("negative_log_likelihood_gradient", MANY)
def forgets_the_last_of_60_000_labels(probs, labels, *, reduction):
    dprobs = gradient(probs, labels, reduction)
    if len(labels) > 10_000:
        dprobs[-1] = 0
    return dprobs
