"""What scikit-learn computes in its kernels is each operation, with every output."""

from __future__ import annotations

import pytest

import einbench


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(einbench.operations))
def test_its_ways_give_what_the_reference_gives(libraries_agree, name, dtype):
    libraries_agree("sklearn", name, dtype)
