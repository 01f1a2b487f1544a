"""Numbers as people read them."""

from __future__ import annotations

import pytest

from einbench.units import bytes_text, number_text, percent_text, ratio_text, seconds_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ns"),
        (1.234e-9, "1.23 ns"),
        (4.56e-5, "45.6 µs"),
        (0.0123, "12.3 ms"),
        (0.9996, "1 s"),
        (0.9994e-3, "999 µs"),
        (59.4, "59.4 s"),
        (120.0, "2 min"),
        (7300.0, "2.03 h"),
        (3.6e7, "10,000 h"),
        (1e300, "2.78e+296 h"),
        (float("inf"), "inf h"),
    ],
)
def test_seconds_have_three_digits_and_a_unit(seconds, text):
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (999_900, "1 MB"), (2.408e10, "24.1 GB"), (37_000, "37 kB")],
)
def test_bytes_have_three_digits_and_a_decimal_unit(count, text):
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.0, "1x"),
        (0.85, "0.85x"),
        (12.4, "12x"),
        (3123.0, "3,100x"),
        (1e-5, "<0.001x"),
        (1e300, "1e+300x"),
        (float("inf"), "infx"),
    ],
)
def test_ratios_have_two_digits(ratio, text):
    assert ratio_text(ratio) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.0, "0%"), (0.0004, "<.1%"), (0.015, "1.5%"), (0.384, "38%"), (1.07, "107%")],
)
def test_parts_are_percent(fraction, text):
    assert percent_text(fraction) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.004, "<.01"),
        (0.53, "0.53"),
        (5.31, "5.3"),
        (56.4, "56"),
        (1234.0, "1,234"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_fit_a_narrow_column(value, text):
    assert number_text(value) == text
