"""Limits of a container: read from files as Linux has them, of both versions, nested or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from einbench.host import cgroup, memory

Made = Callable[..., None]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """``made(own, {file: text})``: what this process's group is, and the files there are."""

    def make(own: str, files: dict[str, str]) -> None:
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        monkeypatch.setattr(cgroup, "_OWN", str(tmp_path / "own"))
        monkeypatch.setattr(cgroup, "_ROOT", str(tmp_path / "cgroup"))

    return make


V1 = "4:memory:/jobs/a\n2:cpu,cpuacct:/jobs/a\n0::/\n"


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/\n", {}, None),
        ("", {"cpu.max": "150000 100000"}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2.0),
        ("0::/a/b\n", {"a/b/cpu.max": "50000 100000", "a/cpu.max": "200000 100000"}, 0.5),
        # the path is another in a container that sees its own group as the root
        ("0::/docker/f00d\n", {"cpu.max": "300000 100000"}, 3.0),
        (V1, {"cpu,cpuacct/jobs/a/cpu.cfs_quota_us": "250000",
              "cpu,cpuacct/jobs/a/cpu.cfs_period_us": "100000"}, 2.5),
        (V1, {"cpu/jobs/cpu.cfs_quota_us": "50000", "cpu/jobs/cpu.cfs_period_us": "100000",
              "cpu/jobs/a/cpu.cfs_quota_us": "-1", "cpu/jobs/a/cpu.cfs_period_us": "100000"}, 0.5),
        ("0::/\n", {"cpu.max": "x"}, None),
        ("0::/../../a\n", {"a/cpu.max": "100000 100000"}, 1.0),
    ],
)  # fmt: skip
def test_the_least_quota_of_all_groups_around_counts(
    own: str, files: dict[str, str], cores: float | None, made: Made
) -> None:
    made(own, files)
    assert cgroup.quota_cores() == cores


@pytest.mark.parametrize(
    ("own", "files", "limit", "left"),
    [
        ("0::/a\n", {"a/memory.max": "1000", "a/memory.current": "700",
                     "a/memory.stat": "anon 400\ninactive_file 300"}, 1000, 600),
        ("0::/a\n", {"a/memory.max": "max", "a/memory.current": "700",
                     "memory.max": "5000", "memory.current": "4000"}, 5000, 1000),
        (V1, {"memory/jobs/a/memory.limit_in_bytes": "2000",
              "memory/jobs/a/memory.usage_in_bytes": "2500"}, 2000, 0),
        (V1, {"memory/jobs/a/memory.limit_in_bytes": "9223372036854771712",
              "memory/jobs/a/memory.usage_in_bytes": "25"}, None, None),
    ],
)  # fmt: skip
def test_memory_is_what_the_tightest_group_has_left(
    own: str, files: dict[str, str], limit: int | None, left: int | None, made: Made
) -> None:
    made(own, files)
    assert (cgroup.memory_limit_bytes(), cgroup.memory_left_bytes()) == (limit, left)
    assert left is None or memory.available_bytes() == left
    assert limit is None or memory.total_bytes() == limit


def test_throttling_is_counted_in_periods_and_seconds(made: Made) -> None:
    made("0::/a\n", {"a/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_usec 250000"})
    assert cgroup.throttled() == (4, 0.25)
    made(V1, {"cpu/jobs/a/cpu.stat": "nr_throttled 6\nthrottled_time 1500000000"})
    assert cgroup.throttled() == (6, 1.5)
    made("", {})
    assert cgroup.throttled() is None
