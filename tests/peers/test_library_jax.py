"""What JAX computes in its kernels is each operation, with every output."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

import einbench

if importlib.util.find_spec("jax"):
    import jax


@pytest.fixture(scope="module", autouse=True)
def _double_precision() -> Iterator[None]:
    """JAX computes everything in float32 unless configured otherwise."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(einbench.operations))
def test_its_ways_give_what_the_reference_gives(libraries_agree, name, dtype):
    libraries_agree("jax", name, dtype)
