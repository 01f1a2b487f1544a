"""exp, log, tanh and the logistic function: how far off, and where no number is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.jit.bodies import Intrinsic
from einbench.jit.compiled import Compiled
from einbench.jit.linked import Pointer, linked
from einbench.jit.simd import functions
from einbench.jit.simd.emitter import Emitter

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

Array = np.ndarray[Any, Any]
DTYPES = ("float32", "float64")
#: units in the last place that a result may be off
LIMIT = 3
CLASSES = 10


def _over(formula: Callable[[Emitter, Any], Any]) -> Intrinsic:
    """``name(x, count, c)``: c = formula(x) of whole vectors."""

    def build() -> Any:
        from numba import types
        from numba.extending import intrinsic

        def over(typing: Any, x: Any, count: Any, c: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
                emit = Emitter(builder, x.dtype.bitwidth)
                with emit.steps(emit.number(0), given[1], emit.lanes) as place:
                    found = formula(emit, emit.load(builder.gep(given[0], [place])))
                    emit.store(found, builder.gep(given[2], [place]))
                return context.get_dummy_value()

            return types.void(x, types.int64, c), generate

        return intrinsic(over)

    return Intrinsic(build, __file__, also=(functions.__file__,))


_exp_all, _log_all = _over(functions.exp_of_negative), _over(functions.log_of_normal)


@linked()
def _exp_of(x: Pointer, count: int, c: Pointer) -> None:
    _exp_all(x, count, c)


@linked()
def _log_of(x: Pointer, count: int, c: Pointer) -> None:
    _log_all(x, count, c)


def exp_body(x: Array) -> Array:
    result = np.empty(x.shape, x.dtype)
    _exp_of(x, x.size, result)
    return result


def log_body(x: Array) -> Array:
    result = np.empty(x.shape, x.dtype)
    _log_of(x, x.size, result)
    return result


_EXP, _LOG = Compiled(exp_body, method="numba"), Compiled(log_body, method="numba")


def filled(x: Array) -> Array:
    """To whole vectors, however wide."""
    return np.concatenate([x, np.ones(-x.size % 16, x.dtype)])


def exp(x: Array) -> Array:
    return np.asarray(_EXP(filled(x))[: x.size])


def log(x: Array) -> Array:
    return np.asarray(_LOG(filled(x))[: x.size])


def simd(name: str, *arrays: Array, **options: str) -> Any:
    return einbench.operation(name)["simd"](*arrays, **options)


def decades(dtype: str, count: int = 60_000) -> Array:
    """Positive numbers of all decades that the dtype has, denormal ones among them."""
    info = np.finfo(dtype)
    least, most = np.log2(float(info.smallest_subnormal)), info.maxexp
    powers = np.random.default_rng(1).uniform(least, most, count).astype(np.longdouble)
    with np.errstate(under="ignore", over="ignore"):
        found = (2**powers).astype(dtype)
    found = found[(found > 0) & np.isfinite(found)]
    assert (found < info.smallest_normal).sum() > 1000
    return found


def dense(dtype: str) -> Array:
    """Numbers of either sign: all decades, and many from where the function is no straight line."""
    rng = np.random.default_rng(2)
    info = np.finfo(dtype)
    ends = float(np.log(info.max)), -float(np.log(float(info.smallest_subnormal)))
    parts = [
        decades(dtype),
        rng.uniform(0, 1, 30_000),
        rng.uniform(0, 10, 40_000),
        rng.uniform(0, 1.1 * max(ends), 40_000),
        np.arange(130) * np.log(2),  # where the reduction goes from one power of two to the next
        (np.arange(130) + 0.5) * np.log(2),
        *(end + rng.uniform(-1, 1, 5_000) for end in ends),
        [info.max, info.smallest_normal, info.smallest_subnormal, info.eps, 20, 19.99, 9, 0],
    ]
    found = np.concatenate([np.asarray(part, dtype) for part in parts])
    with np.errstate(over="ignore", under="ignore"):
        after = np.nextafter(found, np.asarray(np.inf, dtype))
    found = np.concatenate([found, -found, after])
    return found[np.isfinite(found)]


def in_rows(values: Array) -> Array:
    return np.resize(values, (-(-values.size // CLASSES), CLASSES))


def ulps(found: Array, true: Array) -> Array:
    """Difference in units in the last place of the true result; infinite ones must be so."""
    info = np.finfo(found.dtype)
    finite = np.abs(true) <= info.max
    np.testing.assert_array_equal(np.isfinite(found) | (np.abs(true) > info.max * 0.999), True)
    exponent = np.maximum(np.frexp(np.where(finite, true, 1))[1], info.minexp + 1)
    unit = np.ldexp(np.longdouble(1), exponent - info.nmant - 1)
    compared = finite & np.isfinite(found)
    difference = np.where(compared, found, 0).astype(np.longdouble) - np.where(compared, true, 0)
    return np.asarray(np.abs(difference) / unit)


def within(found: Array, true: Array) -> None:
    off = ulps(found, true)
    worst = int(off.argmax())
    assert off.max() < LIMIT, (worst, found.flat[worst], true.flat[worst])


def logistic(x: Array) -> Array:
    power = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, power, 1) / (1 + power))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_an_activation_is_right_to_three_units_in_the_last_place(name: str, dtype: str) -> None:
    x = in_rows(dense(dtype))
    with np.errstate(under="ignore"):
        true = {"tanh": np.tanh, "sigmoid": logistic}[name](x.astype(np.longdouble))
    found = simd(name, x)
    within(found, true)
    least = np.finfo(dtype).smallest_normal
    assert ((np.abs(found) < least) & (found != 0)).sum() > 100
    # both rise, and neither leaves its range
    assert np.abs(found).max() == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_of_negative_is_right_to_three_units_in_the_last_place(
    dtype: str,
) -> None:
    x = -np.abs(dense(dtype))
    with np.errstate(under="ignore"):
        true = np.exp(x.astype(np.longdouble))
    found = exp(x)
    within(found, true)
    least = np.finfo(dtype).smallest_normal
    assert ((found < least) & (found > 0)).sum() > 100


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_is_right_to_three_units_in_the_last_place(dtype: str) -> None:
    positive = dense(dtype)
    x = positive[positive >= np.finfo(dtype).smallest_normal]
    near_one = 1 + np.random.default_rng(3).uniform(-0.5, 1, 40_000)
    steps = 1 + np.arange(-200, 200) * np.finfo(dtype).eps
    x = np.concatenate([x, near_one.astype(dtype), steps.astype(dtype)])
    within(log(x), np.log(x.astype(np.longdouble)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_and_log_of_what_is_no_number(dtype: str) -> None:
    given = np.array([np.nan, -np.inf, 0.0, -0.0, -1e30], dtype)
    np.testing.assert_array_equal(exp(given), [np.nan, 0, 1, 1, 0])
    np.testing.assert_array_equal(log(np.array([np.nan, 1.0], dtype)), [np.nan, 0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_a_far_smaller_logit_is_exp_to_three_units(dtype: str) -> None:
    """Beside a probability of one the other is exp itself, down to where it is denormal."""
    drawn = -np.abs(dense(dtype))
    z = np.stack([np.zeros_like(drawn), drawn], axis=1)
    z = z[: len(z) // 16 * 16]
    with np.errstate(under="ignore"):
        power = np.exp(z[:, 1].astype(np.longdouble))
    probs = simd("softmax", z)
    within(probs, np.stack([1 / (1 + power), power / (1 + power)], axis=1))
    far = z[:, 1] < 2 * np.log(np.finfo(dtype).eps)
    assert (probs[far, 0] == 1).all()
    np.testing.assert_array_equal(probs[far, 1], exp(z[far, 1]))
    least = np.finfo(dtype).smallest_normal
    assert ((probs[:, 1] < least) & (probs[:, 1] > 0)).sum() > 100


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_ties_is_a_logarithm_to_three_units(dtype: str) -> None:
    """``k`` equal logits beside infinitely smaller ones: log k, in a group of rows and alone."""
    for batch in (1, 16):
        for k in range(1, 41):
            for classes in {k, max(k, 7), 33}:
                z = np.full((batch, max(classes, k)), -np.inf, dtype)
                # every other row of the batch has a loss of log 1, which is nothing
                z[:, 0] = 5
                z[batch // 2, -k:] = 5
                z[batch // 2, 0] = 5 if k == z.shape[1] else -np.inf
                labels = np.zeros(batch, np.int64)
                labels[batch // 2] = z.shape[1] - 1
                loss = simd("cross_entropy", z, labels, reduction="sum")
                within(loss, np.log(np.asarray(k, np.longdouble)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_what_is_no_number_and_signs_of_zero(name: str, dtype: str) -> None:
    x = np.zeros((3, 17), dtype)
    x[1, :6] = np.nan, np.inf, -np.inf, 0.0, -0.0, -np.nan
    found = simd(name, x)[1, :6]
    expected = {
        "relu": [np.nan, np.inf, 0, 0, 0, np.nan],
        "tanh": [np.nan, 1, -1, 0, 0, np.nan],
        "sigmoid": [np.nan, 1, 0, 0.5, 0.5, np.nan],
    }[name]
    np.testing.assert_array_equal(found, expected)
    if name == "tanh":
        np.testing.assert_array_equal(np.signbit(found[3:5]), [False, True])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["relu_vjp", "tanh_vjp", "sigmoid_vjp"])
def test_a_cotangent_that_is_no_number_stays_one_element(name: str, dtype: str) -> None:
    outputs = np.full((3, 17), 0.5, dtype)
    cotangent = np.ones((3, 17), dtype)
    cotangent[1, :3] = np.nan, np.inf, -np.inf
    found = simd(name, outputs, cotangent)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(cotangent))
    assert np.isnan(found[1, 0])
    np.testing.assert_array_equal(np.sign(found[1, 1:3]), [1, -1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [1, 5, 16, 17, 32, 33])
def test_softmax_has_nan_in_rows_that_hold_one_and_in_no_other(classes: int, dtype: str) -> None:
    z = np.random.default_rng(4).standard_normal((40, classes)).astype(dtype)
    z[3, classes // 2], z[7, 0], z[37, -1] = np.nan, np.inf, np.nan
    if classes > 1:
        z[11, 0] = -np.inf
    probs = simd("softmax", z)
    lost = [3, 7, 37]
    assert np.isnan(probs[[3, 37]]).all()
    assert np.isnan(probs[7, 0])
    assert np.isfinite(np.delete(probs, lost, axis=0)).all()
    if classes > 1:
        assert probs[11, 0] == 0
    loss = simd("cross_entropy", z, np.zeros(40, np.int64), reduction="sum")
    assert np.isnan(loss)
