"""BLAS on the pool's threads: what it says, what it leaves to others, and choices made with it."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

import einbench
from einbench.host import openblas
from einbench.host.cores import usable_threads
from einbench.host.machine import machine
from einbench.jit import blas_jobs, sharing, spinning
from einbench.report.provenance import machine_text

ABLE = openblas.loaded()[0] if os.name == "posix" else []

pytestmark = pytest.mark.skipif(
    usable_threads() < 2 or not ABLE,
    reason="there is one core, or no OpenBLAS that can be given threads",
)


def test_it_says_what_it_did_and_ends_with_the_last_that_asked() -> None:
    with einbench.share_threads() as outer:
        assert "OpenBLAS" in repr(outer)
        assert f"on the {outer.threads} threads" in repr(outer)
        inner = einbench.share_threads()
        inner.undo()
        inner.undo()
        assert "undone" in repr(inner)
        assert "undone" not in repr(outer)
        assert sharing.shared()
        assert all(each.given() in (None, blas_jobs.address()) for each in outer.libraries)
    assert not sharing.shared()
    assert all(each.given() in (None, 0) for each in outer.libraries)


@pytest.mark.parametrize("ended", [True, False])
def test_it_says_where_blas_own_threads_stay_awake(
    ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def restart(_: openblas.OpenBlas, *, brief: bool) -> bool:
        asked.append(brief)
        return ended

    monkeypatch.delenv(openblas.TIMEOUT[0], raising=False)
    monkeypatch.setattr(openblas.OpenBlas, "restart", restart)
    monkeypatch.setattr(spinning, "no_thread_in_blas", lambda: True)
    with einbench.share_threads() as shared:
        assert ("unless OPENBLAS_THREAD_TIMEOUT=4 is set before" in repr(shared)) == (not ended)
        assert asked == [True] * len(shared.libraries)
    assert asked.count(False) == (len(shared.libraries) if ended else 0)
    assert not sharing._BRIEF


@pytest.mark.skipif(
    not ABLE or ABLE[0].given() is None, reason="this OpenBLAS does not say what it calls"
)
def test_another_programs_threads_are_left_to_it() -> None:
    first, *_ = openblas.loaded()[0]
    with einbench.share_threads():
        address = blas_jobs.address()
    try:
        first.give(address + 1)  # nothing is called meanwhile
        with pytest.raises(RuntimeError, match="another program already: have that undo it"):
            einbench.share_threads()
        assert first.given() == address + 1
    finally:
        first.give(0)
    ours = einbench.share_threads()
    try:
        first.give(address + 1)
        ours.undo()
        assert first.given() == address + 1
        assert "calls another's by now" in repr(ours)
    finally:
        first.give(0)
    assert not sharing.shared()


@pytest.mark.parametrize(
    ("others", "said"),
    [(["MKL 2025.0"], r"\(loaded: MKL 2025.0\)"), ([], r"\(loaded: no BLAS at all\)")],
)
def test_where_no_openblas_can_be_given_threads_it_says_what_there_is(
    others: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openblas, "loaded", lambda: ([], others))
    with pytest.raises(RuntimeError, match=said):
        einbench.share_threads()
    assert not sharing.shared()


def test_one_with_more_threads_than_have_numbers_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, others = openblas.loaded()
    small = [each._replace(most=2 * each.threads - 2) for each in found]
    monkeypatch.setattr(openblas, "loaded", lambda: (small, others))
    with pytest.raises(RuntimeError, match=f"OpenBLAS .* with {found[0].threads} threads"):
        einbench.share_threads()


def test_the_machine_says_whose_threads_blas_is_on() -> None:
    before = machine()
    with einbench.share_threads():
        (shared,) = machine()["blas"]
        assert f"OpenBLAS {shared['version']} on shared threads" in machine_text(machine())
        fingerprint = machine()["fingerprint"]
    (own,) = before["blas"]
    assert shared == {**own, "threading_layer": "threads shared with einbench"}
    assert machine() == before
    # the same machine: results of both are compared
    assert fingerprint == before["fingerprint"]


def test_choices_made_with_shared_threads_are_kept_apart() -> None:
    from einbench.choose import environment

    einbench.auto.refresh()
    own = environment.machine()
    drawn = einbench.operation("softmax_vjp").draw(batch=64)
    einbench.auto.softmax_vjp(**drawn)
    assert " 1 signatures decided" in repr(einbench.auto)
    with einbench.share_threads():
        shared = environment.machine()
        assert " 0 signatures decided" in repr(einbench.auto)
    assert environment.machine() == own
    assert own.blas is not None
    assert shared == own._replace(blas=f"{own.blas} on shared threads")


@pytest.mark.parametrize(
    ("folder", "owner"),
    [
        ("site-packages/numpy.libs", "NumPy's "),
        ("site-packages/scipy.libs", "SciPy's "),
        ("site-packages/numpy/.dylibs", "NumPy's "),
        ("envs/numpy/lib", ""),
    ],
)
def test_whose_library_it_is_is_said(folder: str, owner: str) -> None:
    assert openblas._owner(f"/{folder}/libopenblas.so") == owner


def test_results_of_a_product_in_this_process_are_right_too() -> None:
    a = np.random.default_rng(0).standard_normal((256, 256))
    expected = np.einsum("ij,jk->ik", a, a)
    with einbench.share_threads():
        np.testing.assert_allclose(a @ a, expected, rtol=1e-10, atol=1e-10)
