"""exp, log, tanh and the logistic function of all lanes at once.

    exp(x)  = 2^n (1 + r + r^2 q(r))           n = round(x / ln 2), r = x - n ln 2
    log(x)  = k ln 2 + 2 s (1 + s^2 p(s^2))    x = 2^k m, 1/2 <= m^2 <= 2, s = (m - 1) / (m + 1)
    tanh(x) = sign(x) e / (e + 2)              e = exp(2 |x|) - 1

q and p are polynomials fitted to the least greatest relative error on the range of r and s^2: below
3.1e-9 in single precision and 3.7e-18 in double for exp, 0.9e-9 and 1.3e-18 for log. Results are
within three units in the last place (tests/simd), also where they are denormal; NaN and infinity
come out where they do of the C library's. (The reductions are those of W. J. Cody and W. Waite,
*Software Manual for the Elementary Functions*, 1980: ln 2 in two parts, the first with few bits.)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from einbench.jit.simd import arithmetic, emitter
from einbench.jit.simd.arithmetic import (
    absolute,
    greatest,
    has_scale,
    least,
    quotient,
    scale,
    with_sign_of,
)
from einbench.jit.simd.emitter import Emitter

#: files that say what is built here
SOURCES = (__file__, arithmetic.__file__, *emitter.SOURCES)


class _Precision(NamedTuple):
    """What the reductions need to know of a floating-point format."""

    #: bits of the fraction, and what is added to exponents
    fraction: int
    bias: int
    #: exp of less is zero
    least: float
    #: ln 2 = high + low, high times an exponent is exact
    high: float
    low: float
    q: tuple[float, ...]
    p: tuple[float, ...]


_SINGLE = _Precision(
    23, 127, -104.0, 0.693359375, -2.12194440e-4,
    (0.4999999403953552, 0.1666651964187622, 0.04166839271783829, 0.008368780836462975,
     0.001381446490995586),
    (0.3333338797092438, 0.1998872458934784, 0.14937211573123932),
)  # fmt: skip
_DOUBLE = _Precision(
    52, 1023, -746.0, 6.93145751953125e-1, 1.42860682030941723212e-6,
    (0.5000000000000011, 0.1666666666666641, 0.04166666666652908, 0.008333333333495589,
     0.0013888888943949093, 0.00019841269504938867, 2.48014927370808e-05, 2.755758713104476e-06,
     2.763038725527781e-07, 2.5000044371547554e-08),
    (0.33333333333333676, 0.19999999999703588, 0.14285714372100436, 0.11111099186524064,
     0.09091787711341526, 0.07656874827792957, 0.07399561755306835),
)  # fmt: skip
_LOG2_E = 1.4426950408889634074
_LOG_2 = 0.69314718055994530942


def _precision(emit: Emitter) -> _Precision:
    return _SINGLE if emit.align == 4 else _DOUBLE


def exp_of_negative(emit: Emitter, x: Any) -> Any:
    """e to the power of x, for x that is not above zero, or NaN."""
    known, builder = _precision(emit), emit.builder
    x = greatest(emit, x, emit.constant(known.least))
    fraction, whole, summed = _reduced(emit, x)
    result = builder.fadd(fraction, emit.constant(1.0))
    if has_scale():
        return scale(emit, result, whole)
    # n goes to where it would leave the normal numbers, so half that way up first, and then down
    half = (known.bias + 1) // 2
    raised = builder.fmul(result, _two_to(emit, summed, half))
    return builder.fmul(raised, emit.constant(2.0**-half))


def _exp_of_twice_minus_one(emit: Emitter, x: Any) -> Any:
    """exp(2 x) - 1 for x from 0 to where it would overflow, with a small relative error at 0 too.

    For x = n ln 2 / 2 + r it is 2^n (2 r + (2 r)^2 q(2 r)) + 2^n - 1. That ln 2 is rounded once is
    not felt: where n is large, so is the result beside the error.
    """
    known, builder = _precision(emit), emit.builder
    rounding = 1.5 * 2.0**known.fraction
    summed = emit.add_product(x, emit.constant(2 * _LOG2_E), emit.constant(rounding))
    whole = builder.fsub(summed, emit.constant(rounding))
    r = emit.add_product(whole, emit.constant(-_LOG_2 / 2), x)
    # half of exp(2 r) - 1: the coefficients take up the powers of two
    q = tuple(2.0 ** (k + 1) * coefficient for k, coefficient in enumerate(known.q))
    half = emit.add_product(builder.fmul(r, r), _polynomial(emit, q, r), r)
    twice = _two_to(emit, summed, 1)
    less = emit.add_product(twice, emit.constant(0.5), emit.constant(-1.0))
    return emit.add_product(half, twice, less)


def tanh(emit: Emitter, x: Any) -> Any:
    """The hyperbolic tangent of x."""
    # beyond 20 the result is one in both precisions, and the power must not overflow
    magnitude = least(emit, absolute(emit, x), emit.constant(20.0))
    e = _exp_of_twice_minus_one(emit, magnitude)
    found = quotient(emit, e, emit.builder.fadd(e, emit.constant(2.0)))
    return with_sign_of(emit, x, found)


def logistic(emit: Emitter, x: Any) -> Any:
    """1 / (1 + exp(-x)); exp(x) / (1 + exp(x)) for x < 0: small values from a small numerator."""
    one = emit.constant(1.0)
    power = exp_of_negative(emit, emit.builder.fneg(absolute(emit, x)))
    negative = emit.builder.fcmp_ordered("<", x, emit.zero)
    upper = emit.builder.select(negative, power, one)
    return quotient(emit, upper, emit.builder.fadd(power, one))


def log_of_positive(emit: Emitter, x: Any) -> Any:
    """log(x) for x > 0, denormal or not; NaN of NaN."""
    known, builder = _precision(emit), emit.builder
    bits = known.fraction + 1
    small = builder.fcmp_ordered("<", x, emit.constant(2.0 ** (1 - known.bias)))
    raised = builder.fmul(x, emit.constant(2.0**bits))
    found = log_of_normal(emit, builder.select(small, raised, x))
    less = builder.fsub(found, emit.constant(bits * _LOG_2))
    return builder.select(small, less, found)


def log_of_normal(emit: Emitter, x: Any) -> Any:
    """log(x) for x > 0 that is not denormal, as sums of exponentials are; NaN of NaN."""
    known, builder = _precision(emit), emit.builder
    bits = builder.bitcast(x, emit.integer_vector)
    # as if the exponent began at sqrt(1/2), so that m lies about one
    root = {23: 0x3F3504F3, 52: 0x3FE6A09E667F3BCD}[known.fraction]
    beyond = builder.sub(bits, emit.integers(root))
    k = builder.ashr(beyond, emit.integers(known.fraction))
    shifted = builder.sub(bits, builder.shl(k, emit.integers(known.fraction)))
    m = builder.bitcast(shifted, emit.vector)
    one = emit.constant(1.0)
    s = quotient(emit, builder.fsub(m, one), builder.fadd(m, one))
    square = builder.fmul(s, s)
    series = builder.fmul(square, _polynomial(emit, known.p, square))
    twice = builder.fadd(s, s)
    mantissa = emit.add_product(twice, series, twice)
    exponent = builder.sitofp(k, emit.vector)
    low = emit.add_product(exponent, emit.constant(known.low), mantissa)
    found = emit.add_product(exponent, emit.constant(known.high), low)
    # infinity, and NaN, which is neither less nor more
    return builder.select(builder.fcmp_unordered(">=", x, emit.constant(math.inf)), x, found)


def _reduced(emit: Emitter, x: Any) -> tuple[Any, Any, Any]:
    """exp(r) - 1, n, and n + 1.5 2^fraction, for x = n ln 2 + r."""
    known, builder = _precision(emit), emit.builder
    # a sum this large has no bits left for fractions: it is rounded, and its last bits are n
    large = emit.constant(1.5 * 2.0**known.fraction)
    summed = emit.add_product(x, emit.constant(_LOG2_E), large)
    whole = builder.fsub(summed, large)
    r = emit.add_product(whole, emit.constant(-known.high), x)
    r = emit.add_product(whole, emit.constant(-known.low), r)
    return emit.add_product(builder.fmul(r, r), _polynomial(emit, known.q, r), r), whole, summed


def _polynomial(emit: Emitter, coefficients: tuple[float, ...], x: Any) -> Any:
    """sum_k c_k x^k, from the last one on."""
    *others, last = coefficients
    found = emit.constant(last)
    for coefficient in reversed(others):
        found = emit.add_product(found, x, emit.constant(coefficient))
    return found


def _two_to(emit: Emitter, summed: Any, more: int) -> Any:
    """2^(n + more), which is a normal number, for n + 1.5 2^fraction."""
    known, builder = _precision(emit), emit.builder
    # n are the last bits of the sum; those above it leave when they are shifted to the exponent
    shifted = builder.shl(
        builder.bitcast(summed, emit.integer_vector), emit.integers(known.fraction)
    )
    bias = emit.integers((known.bias + more) << known.fraction)
    return builder.bitcast(builder.add(shifted, bias), emit.vector)
