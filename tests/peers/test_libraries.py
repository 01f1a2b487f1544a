"""A library computes each operation that it has kernels for, and all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from einbench.libraries import LIBRARIES, library_kernels

#: a library computes these in `make test`, and all others in `make test-peers`
QUICK = ("linear", "softmax_vjp", "mean_squared_error_gradient", "mlp_forward")
KERNELS = [
    pytest.param(library, name, marks=() if name in QUICK else pytest.mark.long)
    for library in LIBRARIES
    for name in library_kernels(library)
]


@pytest.fixture(autouse=True)
def _double_precision(library: str) -> Iterator[None]:
    """JAX computes everything in float32 unless told otherwise, as the process of its own is."""
    if library != "jax":
        yield
        return
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("library", "name"), KERNELS)
def test_its_kernels_give_what_the_reference_gives(libraries_agree, library, name, dtype):
    libraries_agree(library, name, dtype)
