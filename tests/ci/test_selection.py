"""Every kernel of the registry has its id at every batch, and ids select as anyone would guess."""

from __future__ import annotations

import pytest

import einbench

ADDED = """
import einbench

@einbench.operation("relu").kernel("registered_tomorrow")
def registered_tomorrow(inputs):
    return inputs * (inputs > 0)
"""


def wanted(batches: tuple[int, ...] = (1, 128, 1000)) -> set[str]:
    return {
        f"{op.name}-{batch}-{kernel.method}"
        for op in einbench.operations.values()
        for batch in batches
        for kernel in op
    }


@pytest.mark.long
def test_every_kernel_is_there_at_every_batch_and_a_new_one_too(ids):
    found = ids(plugin=ADDED)
    assert len(found) == len(set(found))
    new = {f"relu-{batch}-registered_tomorrow" for batch in (1, 128, 1000)}
    assert set(found) == wanted() | new
    for op in einbench.operations.values():
        group = [name for name in found if name.startswith(f"{op.name}-128-")]
        assert group[0] == f"{op.name}-128-{op.baseline}"


@pytest.mark.long
def test_operation_and_batch_select_their_group_and_nothing_else(ids):
    found = ids("-k", "softmax_jacobian and 128")
    methods = einbench.operation("softmax_jacobian").kernels
    assert sorted(found) == sorted(f"softmax_jacobian-128-{method}" for method in methods)


@pytest.mark.long
def test_other_batches_are_chosen_with_an_option(ids):
    found = ids("--batch", "7,128", "-k", "relu-")
    assert {name.split("-")[1] for name in found} == {"7", "128"}


def test_a_batch_that_is_no_number_is_one_line_and_no_traceback(suite):
    found = suite("--collect-only", "--batch", "many")
    assert found.status != 0
    assert "--batch" in found.out
    assert "Traceback" not in found.out
