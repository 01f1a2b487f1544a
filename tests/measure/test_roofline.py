"""The ceilings of the roofline: their use, not their values, which depend on the machine."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.measure import roofline
from einbench.measure.roofline import Roofline, bandwidth, peak_flops

LINEAR = einbench.operation("linear")
SIZES = {"batch": 1000, "features": 784, "units": 128}
FLOPS = 2 * 1000 * 784 * 128
BYTES = 4 * (1000 * 784 + 784 * 128 + 128 + 1000 * 128)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Ceilings of 1e9 FLOP/s and 1e9 bytes/s, and a list of the measurements."""
    asked: list[tuple[object, ...]] = []

    def peak(dtype: object, threads: int) -> float:
        asked.append((dtype, threads))
        return 1e9

    def traffic(read_bytes: int, write_bytes: int, threads: int, *, fresh: bool) -> float:
        assert fresh
        asked.append((read_bytes, write_bytes, threads))
        return 1e9

    monkeypatch.setattr(roofline, "peak_flops", peak)
    monkeypatch.setattr(roofline, "bandwidth", traffic)
    return asked


def test_the_best_time_is_the_longer_of_arithmetic_and_traffic() -> None:
    slow_arithmetic = Roofline(1, {"float32": 1e9}, {(21, 1): 1e12})
    slow_traffic = Roofline(1, {"float32": 1e15}, {(21, 1): 1e9})
    assert slow_arithmetic.best_s(LINEAR, SIZES, "float32") == pytest.approx(FLOPS / 1e9)
    assert slow_traffic.best_s(LINEAR, SIZES, np.float32) == pytest.approx(BYTES / 1e9)


def test_the_fraction_is_the_best_time_over_the_measured_one() -> None:
    roofline = Roofline(1, {"float32": 1e9}, {(21, 1): 1e12})
    assert roofline.fraction(LINEAR, SIZES, "float32", 2 * FLOPS / 1e9) == pytest.approx(0.5)


def test_every_roof_is_measured_once(measured: list[tuple[object, ...]]) -> None:
    roofline = Roofline(2)
    for _ in range(3):
        roofline.fraction(LINEAR, SIZES, "float32", 1.0)
    assert measured == [(np.dtype("float32"), 2), (7 << 18, 1 << 18, 2)]


def test_a_fraction_above_one_has_the_limiting_roof_measured_again(
    measured: list[tuple[object, ...]],
) -> None:
    roofline = Roofline(1, {"float32": 1e6}, {(21, 1): 1e12})
    # at 1e6 FLOP/s the kernel would be 500 times too fast; measured again it is 0.5 of 1e9
    assert roofline.fraction(LINEAR, SIZES, "float32", 2 * FLOPS / 1e9) == pytest.approx(0.5)
    assert measured == [(np.dtype("float32"), 1)]
    roofline = Roofline(1, {"float32": 1e15}, {(21, 1): 1e6})
    assert roofline.fraction(LINEAR, SIZES, "float32", 2 * BYTES / 1e9) == pytest.approx(0.5)
    assert measured[1:] == [(7 << 18, 1 << 18, 1)]


def test_a_roof_measured_again_is_never_lowered(measured: list[tuple[object, ...]]) -> None:
    roofline = Roofline(1, {"float32": 5e9}, {(21, 1): 1e12})
    roofline.fraction(LINEAR, SIZES, "float32", FLOPS / 1e10)
    assert roofline.peaks["float32"] == 5e9


def test_a_kernel_beyond_the_roof_becomes_the_roof_of_its_problem(
    measured: list[tuple[object, ...]],
) -> None:
    roofline = Roofline(1, {"float32": 5e9}, {(21, 1): 1e12})
    assert roofline.fraction(LINEAR, SIZES, "float32", FLOPS / 1e10) == pytest.approx(1.0)
    assert len(measured) == 3  # it was measured again before that was believed
    assert roofline.fraction(LINEAR, SIZES, "float32", FLOPS / 5e9) == pytest.approx(0.5)
    other = {**SIZES, "batch": 2 * SIZES["batch"]}
    assert roofline.fraction(LINEAR, other, "float32", 2 * FLOPS / 5e9) == pytest.approx(1.0)


def test_nothing_to_move_takes_no_time(measured: list[tuple[object, ...]]) -> None:
    softmax = einbench.operation("softmax")
    assert Roofline(1).best_s(softmax, {"batch": 0, "classes": 10}, "float32") == 0.0
    assert measured == []


def test_a_comparison_over_many_sizes_needs_few_measurements(
    measured: list[tuple[object, ...]],
) -> None:
    roofline = Roofline(1)
    for batch in range(1, 60_001, 500):
        roofline.best_s(LINEAR, {**SIZES, "batch": batch}, "float32")
    assert len(measured) < 20
    assert max(sum(key[:2]) for key in measured[1:] if len(key) == 3) <= 1 << 28  # type: ignore[arg-type]


def test_two_rooflines_share_nothing(measured: list[tuple[object, ...]]) -> None:
    Roofline(1).best_s(LINEAR, SIZES, "float32")
    assert Roofline(1).peaks == {}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_peak_is_a_positive_number(dtype: str) -> None:
    assert 1e6 < peak_flops(dtype, 1, budget_s=0.01) < 1e16


@pytest.mark.parametrize(
    ("read_bytes", "write_bytes"),
    [(1 << 16, 0), (0, 1 << 16), (3 << 15, 1 << 15), (1 << 15, 3 << 15), (1 << 20, 1 << 20)],
)
def test_a_bandwidth_is_a_positive_number(read_bytes: int, write_bytes: int) -> None:
    assert 1e6 < bandwidth(read_bytes, write_bytes, 2, budget_s=0.01) < 1e14


@pytest.mark.parametrize("fresh", [False, True])
def test_outputs_that_are_kept_are_one_and_the_same(
    monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    targets: list[np.ndarray] = []
    monkeypatch.setattr(
        roofline, "_traverse", lambda source, target, passes: targets.append(target)
    )
    bandwidth(1 << 16, 1 << 16, 1, budget_s=1e-3, fresh=fresh)
    # all of them are alive: no two fresh ones can share memory
    assert len({target.ctypes.data for target in targets if target.size > 1}) == (
        sum(target.size > 1 for target in targets) if fresh else 1
    )


@pytest.mark.parametrize(("read", "write"), [(5, 5), (9, 5), (5, 9), (0, 4), (4, 0)])
def test_a_pass_reads_and_writes_what_it_says(read: int, write: int) -> None:
    source = np.arange(1, read + 1, dtype=np.uint8)
    target = np.full(write, 99, np.uint8)
    roofline._traverse(source, target, 3)
    both = min(read, write)
    np.testing.assert_array_equal(target, [*source[:both], *[0] * (write - both)])
