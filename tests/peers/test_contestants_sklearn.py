"""What scikit-learn does as a contestant is each operation, and all of it."""

from __future__ import annotations

import pytest

import einbench


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(einbench.operations))
def test_its_ways_give_what_the_reference_gives(contestants_agree, name, dtype):
    contestants_agree("sklearn", name, dtype)
