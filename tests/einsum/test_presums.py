"""An index that one operand alone has is summed first, by a kernel that is chosen for it."""

from __future__ import annotations

import numpy as np
import pytest

import einbench
from einbench.choose import policy
from einbench.einsum import plans

RNG = np.random.default_rng(3)
WHOLE = RNG.random((60, 40, 50))
SMALL = RNG.random((40, 7))


def layouts(array: np.ndarray) -> dict[str, np.ndarray]:
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return {
        "C": array,
        "Fortran": np.asfortranarray(array),
        "reversed": array[::-1, :, ::-1].copy()[::-1, :, ::-1],
        "strided": wide[..., ::2],
        "broadcast": np.broadcast_to(array[:, :1], array.shape),
    }


@pytest.mark.parametrize("choice", [policy.ON, policy.OFF])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("layout", layouts(WHOLE))
@pytest.mark.parametrize("text", ["abc,bd->d", "abc,bd->ad", "abc,bd->", "abc,bd,bd->cd"])
def test_sums_are_numpys(text, layout, dtype, choice):
    rest = text.split("->")[0].count(",")
    operands = [layouts(WHOLE.astype(dtype))[layout], *[SMALL.astype(dtype)] * rest]
    expected = np.einsum(text, *(each.astype("complex128") for each in operands), optimize=True)
    with einbench.choosing(choice=choice):
        for _ in range(3):
            found = einbench.einsum(text, *operands)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=2e-4 if dtype == "float32" else 1e-10)
        out = np.empty_like(found)
        if out.ndim:
            einbench.einsum(text, *operands, out=out)
            np.testing.assert_allclose(out, found, rtol=1e-4)


def test_a_diagonal_and_a_narrower_operand_are_made_ready_before():
    square = RNG.random((200, 200, 3)).astype("f4")
    expected = np.einsum("iij,k->j", square.astype("f8"), np.ones(5)) * 1.0
    for _ in range(3):
        found = einbench.einsum("iij,k->j", square, np.ones(5), dtype="f8")
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_much_is_summed_by_a_kernel_and_little_by_numpy(monkeypatch):
    tasks = []
    real = plans._presum

    def noted(ready, operand, dtype, kernel):
        found = real(ready, operand, dtype, kernel)
        tasks.append(found is not None)
        return found

    monkeypatch.setattr(plans, "_presum", noted)
    with einbench.choosing(choice="off"):
        einbench.einsum("abc,bd->d", WHOLE, SMALL)
        einbench.einsum("abc,bd->d", WHOLE[:2], SMALL)
    assert tasks == [True, False, False, False]
