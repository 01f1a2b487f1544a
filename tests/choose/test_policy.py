"""EINBENCH_CHOICE and choosing(): off and frozen time nothing, write nothing, and repeat."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choose_support import Bench, choice, run

import einbench
from einbench.choose import candidates, environment, looked_at, measuring, policy
from einbench.choose.kept import refuse_unwritable
from einbench.choose.signature import signature
from einbench.choose.wisdom import wisdom
from einbench.contexts import ALONE, PROGRAM
from einbench.dropin import measured
from einbench.measure import blocks, timing

Start = Callable[..., Any]
STILL = ("off", "frozen")


@pytest.fixture
def nothing_timed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever measures raises, and afterwards every file is as it was."""

    def refuse(*given: Any, **named: Any) -> Any:
        raise AssertionError("something is measured")

    for module, name in (
        (measuring, "measure"), (measuring, "check_one"), (candidates, "first_times"),
        (timing, "interleave"), (blocks, "interleave"), (measured, "measured"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, refuse)
    before = files(folder)
    yield
    assert files(folder) == before


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = sorted(folder.rglob("*")) if folder.exists() else []
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in found if p.is_file()}


def remembered(bench: Bench, kernel: str, batch: int = 4, **more: Any) -> None:
    """Have memory say so, of a choice on one thread."""
    array = np.zeros((batch, 3), np.float32)
    asked = signature(bench.op, bench.op.bind(array), environment.Threads(1, 1))
    here = environment.environment(bench.op)
    known = choice(kernel=kernel, environment=here)._replace(signature=asked, **more)
    passed = {(here, "float32"): {kernel: 0.0}}
    wisdom().remember(bench.op.name, known, passed=passed)


@pytest.mark.usefixtures("nothing_timed")
@pytest.mark.parametrize("still", STILL)
def test_off_and_frozen_take_the_last_kernel_and_measure_nothing(still: str, start: Start) -> None:
    bench = start(loop=1e-3, middle=1e-3, last=5e-3)
    decision = bench.decide(choice=still)
    assert (decision.kernel.method, decision.origin) == ("last", "default")


def test_frozen_answers_from_memory_and_off_does_not(
    start: Start, folder: Path, request: pytest.FixtureRequest
) -> None:
    bench = start(loop=1e-3, last=1e-3)
    remembered(bench, "loop")
    request.getfixturevalue("nothing_timed")
    frozen, off = bench.decide(choice="frozen"), bench.decide(choice="off")
    assert (frozen.kernel.method, frozen.origin) == ("loop", "remembered")
    assert (off.kernel.method, off.origin) == ("last", "default")


def test_frozen_takes_what_would_be_measured_again_by_now(
    start: Start, request: pytest.FixtureRequest
) -> None:
    bench = start(loop=1e-3, last=1e-3)
    remembered(bench, "loop", disturbed=1, left_out={"last": "unchecked: no memory"})
    request.getfixturevalue("nothing_timed")
    assert bench.decide(choice="frozen").kernel.method == "loop"


def test_what_was_imported_is_looked_at_and_not_checked_into_memory(
    start: Start, request: pytest.FixtureRequest
) -> None:
    bench = start(loop=1e-3, last=1e-3)
    remembered(bench, "loop")
    book = wisdom().book(bench.op.name)
    wisdom().forget(bench.op.name)
    wisdom().merge(bench.op.name, book._replace(checks=()))
    request.getfixturevalue("nothing_timed")
    assert bench.decide(choice="frozen").kernel.method == "loop"


def test_a_damaged_file_stays_where_it_is(start: Start, folder: Path) -> None:
    bench = start(loop=1e-3)
    folder.mkdir()
    Path(wisdom().path(bench.op.name)).write_text("{")
    before = files(folder)
    with einbench.choosing("frozen"), pytest.warns(RuntimeWarning, match="not JSON"):
        assert bench.decide().origin == "default"
    assert files(folder) == before


def test_a_kernel_of_another_module_is_no_default_and_a_wrong_one_neither(start: Start) -> None:
    bench = start(loop=1e-3, right=1e-3)
    bench.kernel("wrong", 1e-3, lambda inputs: 3 * inputs)
    bench.op.kernel("foreign")(lambda inputs: 2 * inputs)
    assert bench.op["foreign"].origin.module != bench.op["loop"].origin.module
    assert bench.decide(choice="off").kernel.method == "right"


@pytest.mark.usefixtures("nothing_timed")
@pytest.mark.parametrize("still", STILL)
def test_auto_and_fastest_ask_the_environment(
    still: str, auto: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EINBENCH_CHOICE", still.upper())
    drawn = einbench.operation("softmax_vjp").draw(batch=5)
    found = einbench.fastest("softmax_vjp", **drawn)
    assert found.origin == "default"
    assert "nothing is timed" in str(found)
    np.testing.assert_array_equal(auto.softmax_vjp(**drawn), found(**drawn))
    np.testing.assert_array_equal(
        einbench.einsum("bi,bi->b", drawn["probs"], drawn["cotangent"]),
        np.einsum("bi,bi->b", drawn["probs"], drawn["cotangent"]),
    )


def test_what_auto_decided_holds_again_after_the_block(auto: Any) -> None:
    drawn = einbench.operation("relu").draw(batch=3)
    auto.relu(**drawn)
    with einbench.choosing("off"):
        assert not auto._dispatchers[einbench.operation("relu")].decided
        auto.relu(**drawn)
        assert policy.now() == ("off", PROGRAM)
        with einbench.choosing(context=ALONE):
            assert policy.now() == ("off", ALONE)
    assert policy.now() == ("on", PROGRAM)
    assert not auto._dispatchers[einbench.operation("relu")].decided


def test_blocks_of_two_threads_may_end_in_any_order() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with einbench.choosing("off"):
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    with einbench.choosing("frozen"):
        thread.start()
        assert entered.wait(30)
    assert policy.now().choice == "off"
    leave.set()
    thread.join()
    assert policy.now().choice == "on"


SCRIPT = """
import hashlib, numpy as np, einbench
digest = hashlib.sha256()
for name in ("relu", "softmax_vjp", "linear"):
    drawn = einbench.operation(name).draw(batch=9)
    print(repr(einbench.fastest(name, **drawn)))
    digest.update(getattr(einbench.auto, name)(**drawn).tobytes())
rng = np.random.default_rng(0)
a, b, c = (rng.random((40, 40), np.float32) for _ in range(3))
digest.update(einbench.einsum("ij,jk->ik", a, b).tobytes())
digest.update(einbench.einsum("ij,jk,kl->il", a, b, c).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.long
@pytest.mark.parametrize("still", STILL)
def test_new_processes_repeat_the_kernels_and_the_bits(still: str, folder: Path) -> None:
    runs = [run(SCRIPT, EINBENCH_CHOICE=still).stdout for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0].count("default") == 3
    assert not folder.exists()


@pytest.mark.parametrize("still", STILL)
def test_what_must_measure_is_refused(still: str, start: Start) -> None:
    bench = start(loop=1e-3)
    with pytest.raises(ValueError, match=f"again measures, and choice {still}"):
        bench.decide(again=True, choice=still)
    with (
        einbench.choosing(still),
        pytest.raises(ValueError, match=f"EINBENCH_CHOICE={still}: nothing is measured"),
    ):
        refuse_unwritable(wisdom(), [bench.op.name])


def test_any_other_setting_is_named_in_one_line(start: Start, monkeypatch: Any) -> None:
    said = "EINBENCH_CHOICE=never: expected on, frozen or off (or unset it)"
    with pytest.raises(ValueError, match="choice never: expected on, frozen or off"):
        einbench.fastest("relu", choice="never", **einbench.operation("relu").draw(batch=2))
    with pytest.raises(ValueError, match="expected on, frozen or off"), einbench.choosing("never"):
        pass
    monkeypatch.setenv("EINBENCH_CHOICE", "never")
    with pytest.raises(ValueError, match="EINBENCH_CHOICE=never") as caught:
        start(loop=1e-3).decide()
    assert str(caught.value) == said
    monkeypatch.setenv("EINBENCH_CHOICE", " ")
    assert policy.now().choice == "on"


def test_a_kernel_that_raises_under_off_leaves_memory_alone(
    auto: Any, start: Start, folder: Path
) -> None:
    bench = start(loop=1e-3, last=1e-3)
    decided = bench.decide(choice="off")
    assert looked_at.passes(bench.op["loop"], decided.signature, write=False)
    assert not files(folder)
