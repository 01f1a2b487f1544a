"""``out``: memory for the result, the same bits in it, and every mistake named."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.check.layouts import LAYOUTS, as_layout
from einbench.check.probe import small_sizes
from einbench.check.truth import as_tuple
from einbench.kernel import Kernel

Array = np.ndarray[Any, Any]
KERNELS = [kernel for op in einbench.operations.values() for kernel in op]
ONE = ("softmax", "cross_entropy", "linear")
SEVERAL = ("mlp_gradients", "mlp_logits_gradients", "mlp_sgd_step")


def drawn(name: str, batch: int = 5, dtype: str = "float32") -> dict[str, Array]:
    op = einbench.operation(name)
    return op.draw(batch, dtype, seed=1, **small_sizes(op))


def memory(name: str, batch: int = 5, dtype: str = "float32") -> Any:
    """NaN everywhere, of the right form."""
    op = einbench.operation(name)
    sizes = op.bind(**drawn(name, batch, dtype)).sizes
    made = tuple(np.full(shape, np.nan, dtype) for shape in op.output_shapes(sizes).values())
    return made if len(made) > 1 else made[0]


def available(kernel: Kernel) -> Kernel:
    if kernel.reason:
        pytest.skip(kernel.reason)
    return kernel


def call(name: str, out: Any, **more: Any) -> Any:
    return einbench.operation(name)["matmul" if name == "linear" else "loop"](
        **{**drawn(name), **more}, out=out
    )


def same_bits(found: Any, expected: Any) -> bool:
    several = isinstance(expected, tuple)
    pairs = zip(found, expected, strict=True) if several else [(found, expected)]
    return all(one.tobytes() == other.tobytes() for one, other in pairs)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_every_kernel_returns_the_memory_given_with_the_same_bits(kernel: Kernel) -> None:
    op, name = available(kernel).operation, kernel.operation.name
    first, *others = op.options.items() or [("", ("",))]
    assert not others
    for dtype, choice in product(("float32", "float64"), first[1]):
        options = {first[0]: choice} if choice else {}
        arrays = drawn(name, dtype=dtype)
        before = {key: array.tobytes() for key, array in arrays.items()}
        expected = kernel(**arrays, **options)
        out = memory(name, dtype=dtype)
        # what lay there before does not count, the second time either
        for _ in range(2):
            found = kernel(**arrays, **options, out=out)
            if isinstance(out, tuple):
                assert all(one is given for one, given in zip(found, out, strict=True))
                assert type(found) is type(expected)
                assert found._fields == tuple(op.outputs)
            else:
                assert found is out
            assert same_bits(found, expected)
        assert {key: array.tobytes() for key, array in arrays.items()} == before


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.takes_out], ids=repr)
def test_inputs_of_any_layout_are_written_to_plain_memory(kernel: Kernel) -> None:
    name = available(kernel).operation.name
    arrays = drawn(name)
    expected = kernel(**arrays)
    for layout in LAYOUTS:
        out = memory(name)
        kernel(**{key: as_layout(array, layout) for key, array in arrays.items()}, out=out)
        assert same_bits(out, expected), layout


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.takes_out], ids=repr)
def test_no_rows_are_written_to_memory_too(kernel: Kernel) -> None:
    op, name = available(kernel).operation, kernel.operation.name
    options = {"reduction": "sum"} if op.options else {}
    out = memory(name, batch=0)
    found = kernel(**drawn(name, batch=0), **options, out=out)
    assert same_bits(as_tuple(op, found), as_tuple(op, kernel(**drawn(name, batch=0), **options)))


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.takes_out], ids=repr)
def test_an_earlier_result_is_memory_for_a_later_one(kernel: Kernel) -> None:
    """A named tuple is a tuple; and the labels' dtype has no part in it."""
    op, name = available(kernel).operation, kernel.operation.name
    arrays = drawn(name)
    held = kernel(**arrays)
    small = {
        key: array.astype("uint8") if key in op.integers else array * np.float32(0.5)
        for key, array in arrays.items()
    }
    expected = kernel(**small)
    again = kernel(**small, out=held)
    assert all(a is b for a, b in zip(as_tuple(op, again), as_tuple(op, held), strict=True))
    assert same_bits(again, expected)


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.takes_out], ids=repr)
def test_what_entry_gives_writes_the_same(kernel: Kernel) -> None:
    op, name = available(kernel).operation, kernel.operation.name
    bound = op.bind(**drawn(name))
    out = memory(name)
    kernel.entry(bound.arrays, bound.options, out)(*bound.arrays, out)
    assert same_bits(out, kernel(**drawn(name)))


@pytest.mark.parametrize("name", ONE)
def test_memory_for_one_output_that_is_none(name: str) -> None:
    right = memory(name)
    (output,) = einbench.operation(name).outputs
    whose = rf"^{name}: out for {output} "
    for dtype, said in (("float64", "float64"), (">f4", ">f4"), ("int32", "int32")):
        with pytest.raises(TypeError, match=whose + rf"must be an array of float32, got {said}$"):
            call(name, right.astype(dtype) if dtype != "int32" else np.zeros(right.shape, dtype))
    for wrong in ([1.0], (right,), "here", 3.0, np.float32(3), right.tolist() or 1.0):
        kind = type(wrong).__name__
        with pytest.raises(TypeError, match=whose + rf"must be an array of float32, got {kind}$"):
            call(name, wrong)
    with pytest.raises(ValueError, match=whose + r"must have shape .*, got "):
        call(name, np.empty((*right.shape, 1), "float32"))
    right.flags.writeable = False
    with pytest.raises(ValueError, match=whose + r"is read-only; make it with np\.empty\("):
        call(name, right)


@pytest.mark.parametrize("name", ["softmax", "linear"])
def test_memory_in_another_order(name: str) -> None:
    shape = memory(name).shape
    (output,) = einbench.operation(name).outputs
    said = rf"^{name}: out for {output} is not in C order; make it with np\.empty\("
    for wrong in (
        np.empty(shape, "float32", order="F"),
        np.empty((shape[0], 2 * shape[1]), "float32")[:, ::2],
        np.empty(shape, "float32")[::-1],
        np.broadcast_to(np.float32(0), shape),
    ):
        with pytest.raises(ValueError, match=said):
            call(name, wrong)


@pytest.mark.parametrize("name", SEVERAL)
def test_memory_for_several_outputs_that_is_none(name: str) -> None:
    op, right = einbench.operation(name), memory(name)
    names, count = list(op.outputs), len(op.outputs)
    whole = rf"^{name}: out must be a tuple of {count} arrays \({', '.join(names)}\), got "
    for wrong in (
        list(right),
        right[0],
        right[:-1],
        (*right, right[0]),
        (),
        dict(enumerate(right)),
    ):
        with pytest.raises(TypeError, match=whole + type(wrong).__name__):
            call(name, wrong)
    for number, output in enumerate(names):
        whose = rf"^{name}: out for {output} "

        def instead(array: Any, number: int = number) -> tuple[Any, ...]:
            return (*right[:number], array, *right[number + 1 :])

        own = right[number]
        frozen = own.copy()
        frozen.flags.writeable = False
        with pytest.raises(TypeError, match=whose + "must be an array of float32, got float64$"):
            call(name, instead(own.astype("float64")))
        with pytest.raises(TypeError, match=whose + "must be an array of float32, got NoneType$"):
            call(name, instead(None))
        with pytest.raises(ValueError, match=whose + "must have shape"):
            call(name, instead(np.empty((*own.shape, 2), "float32")))
        with pytest.raises(ValueError, match=whose + "is read-only"):
            call(name, instead(frozen))
    assert all(np.isnan(array).all() for array in right), "a refused call wrote something"


@pytest.mark.parametrize("name", [*ONE, *SEVERAL])
def test_memory_that_an_input_lies_in(name: str) -> None:
    op = einbench.operation(name)
    for number, output in enumerate(op.outputs):
        for key, array in drawn(name).items():
            right = memory(name)
            parts = as_tuple(op, right)
            size = max(parts[number].nbytes, array.nbytes)
            shared = np.zeros(size // 4, "float32")
            given = shared[: array.nbytes // 4].view(array.dtype).reshape(array.shape)
            given[...] = array
            taken = shared[: parts[number].size].reshape(parts[number].shape)
            out = (*parts[:number], taken, *parts[number + 1 :])
            said = rf"^{name}: out for {output} shares memory with {key}: give it memory of its own"
            with pytest.raises(ValueError, match=said):
                call(name, out if len(out) > 1 else out[0], **{key: given})


@pytest.mark.parametrize("name", SEVERAL)
def test_memory_that_another_output_lies_in(name: str) -> None:
    names, right = list(einbench.operation(name).outputs), memory(name)
    for later in range(1, len(names)):
        for earlier in range(later):
            sizes = right[earlier].size, right[later].size
            # one element is shared
            flat = np.empty(sum(sizes) - 1, "float32")
            parts = list(right)
            parts[earlier] = flat[: sizes[0]].reshape(right[earlier].shape)
            parts[later] = flat[sizes[0] - 1 :].reshape(right[later].shape)
            said = rf"^{name}: out for {names[later]} shares memory with {names[earlier]}: "
            with pytest.raises(ValueError, match=said):
                call(name, tuple(parts))


def test_inputs_are_looked_at_before_memory_is() -> None:
    with pytest.raises(ValueError, match="weights has features 7"):
        einbench.operation("linear")["matmul"](
            np.ones((2, 6)), np.ones((5, 7)), np.ones(5), out=np.empty((2, 5))
        )


def test_labels_out_of_range_leave_memory_as_it_was() -> None:
    for name in ("cross_entropy", "cross_entropy_gradient", "mlp_gradients", "mlp_sgd_step"):
        op, out = einbench.operation(name), memory(name)
        arrays = {**drawn(name), "labels": np.array([0, 1, 2, 3, small_sizes(op)["classes"]])}
        for kernel in (op["simd"] if "simd" in op else op["tiled"], op["loop"]):
            with pytest.raises(ValueError, match="labels must lie in"):
                kernel(**arrays, out=out)
            assert all(np.isnan(array).all() for array in as_tuple(op, out)), kernel


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_maps_are_inputs_and_outputs(dtype: str, tmp_path: Path) -> None:
    op = einbench.operation("mlp_forward")
    arrays = op.draw(70, dtype, seed=2)
    expected = op["tiled"](**arrays)
    path = tmp_path / "probs"
    held = np.memmap(path, dtype, "w+", shape=expected.shape)
    images = np.memmap(tmp_path / "inputs", dtype, "w+", shape=arrays["inputs"].shape)
    images[...] = arrays["inputs"]
    images.flush()
    shown = np.memmap(tmp_path / "inputs", dtype, "r", shape=arrays["inputs"].shape)
    for given in (images, shown):
        held[...] = np.nan
        assert op["tiled"](**{**arrays, "inputs": given}, out=held) is held
        assert held.tobytes() == expected.tobytes()
    held.flush()
    np.testing.assert_array_equal(np.fromfile(path, dtype).reshape(expected.shape), expected)
    with pytest.raises(ValueError, match="mlp_forward: out for probs is read-only"):
        op["tiled"](**arrays, out=np.memmap(path, dtype, "r", shape=expected.shape))


MISALIGNED = """
import numpy as np, einbench
op = einbench.operation("{name}")
arrays = op.draw(130_000, "float32", seed=1, **dict.fromkeys(op.sizes, 10))
expected = op["simd"](**arrays)
memory = np.empty(expected.nbytes + 64, np.uint8)
out = memory[-memory.ctypes.data % 64 + 1:][:expected.nbytes].view("float32")
try:
    op["simd"](**arrays, out=out.reshape(expected.shape))
    print(out.tobytes() == expected.tobytes())
except ValueError as problem:
    print("{name}: out for" in str(problem))
"""


@pytest.mark.parametrize("name", ["relu", "tanh", "softmax_jacobian"])
def test_large_memory_misaligned_with_elements_does_not_crash(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MISALIGNED.format(name=name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


@pytest.mark.parametrize("name", ["weight_gradient", "mlp_gradients", "tanh"])
def test_a_large_result_begins_half_a_page_on_and_owns_memory_of_its_own(name: str) -> None:
    op = einbench.operation(name)
    method = "simd" if "simd" in op else "tiled"
    arrays = op.draw(1000, "float32", seed=4)
    bound = op.bind(**arrays)
    held = []
    for _ in range(5):
        held += as_tuple(op, op[method](**arrays))
        held += as_tuple(op, op[method].entry(bound.arrays, bound.options)(*bound.arrays))
    large = [array for array in held if array.nbytes >= 1 << 17]
    assert large
    assert {array.ctypes.data % 4096 for array in large} == {2048}
    assert not any(np.shares_memory(a, b) for number, a in enumerate(held) for b in held[:number])
