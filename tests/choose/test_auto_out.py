"""``out`` of einbench.auto and of a choice: the fastest kernel writes to memory that is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from choose_support import assert_close, of, small

import einbench
from einbench.check.truth import as_tuple
from einbench.choose.auto import Auto

OPERATIONS = tuple(einbench.operations)


def memory(name: str, arrays: dict[str, Any]) -> Any:
    op = einbench.operation(name)
    bound = op.bind(**arrays)
    dtype = next(a.dtype for a in bound.arrays if a.dtype.kind == "f")
    shapes = op.output_shapes(bound.sizes).values()
    made = tuple(np.full(shape, np.nan, dtype) for shape in shapes)
    return made if len(made) > 1 else made[0]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_writes_what_its_reference_says(name: str, auto: Auto) -> None:
    op, arrays = einbench.operation(name), small(name)
    expected = of(name, arrays.values())
    for way in ("new", "decided", "by position"):
        out = memory(name, arrays)
        given = ((), arrays) if way != "by position" else (tuple(arrays.values()), {})
        found = getattr(auto, name)(*given[0], **given[1], out=out)
        assert_close(found, expected)
        assert all(a is b for a, b in zip(as_tuple(op, found), as_tuple(op, out), strict=True))
        if op.result_type is None:
            assert found is out
        else:
            assert isinstance(found, op.result_type)


@pytest.mark.parametrize("name", ["softmax", "mlp_gradients", "cross_entropy"])
def test_calls_with_memory_and_without_stand_beside_each_other(name: str, auto: Auto) -> None:
    op, arrays = einbench.operation(name), small(name)
    function = getattr(auto, name)
    for _ in range(3):
        out = memory(name, arrays)
        function(**arrays, out=out)
        fresh = function(**arrays)
        assert not any(
            np.may_share_memory(a, b)
            for a, b in zip(as_tuple(op, fresh), as_tuple(op, out), strict=True)
        )
        assert_close(fresh, of(name, arrays.values()))
        assert_close(op.named(out), of(name, arrays.values()))


def test_options_go_along(auto: Auto) -> None:
    arrays = small("cross_entropy")
    losses = {}
    for reduction in ("sum", "mean"):
        out = np.empty((), next(iter(arrays.values())).dtype)
        for _ in range(2):
            assert auto.cross_entropy(**arrays, reduction=reduction, out=out) is out
        losses[reduction] = float(out)
    assert losses["sum"] == pytest.approx(losses["mean"] * len(arrays["labels"]), rel=1e-6)


def test_memory_is_checked_every_time(auto: Auto) -> None:
    z = np.ones((4, 3), "float32")
    right = np.empty_like(z)
    for _ in range(3):
        assert auto.softmax(z, out=right) is right
        with pytest.raises(TypeError, match=r"^softmax: out for probs must be an array of float32"):
            auto.softmax(z, out=right.astype("float64"))
        with pytest.raises(ValueError, match=r"^softmax: out for probs must have shape \(4, 3\)"):
            auto.softmax(z, out=right[:3])
        with pytest.raises(ValueError, match=r"^softmax: out for probs shares memory with logits"):
            auto.softmax(z, out=z)
    assert (z == 1).all()


def test_a_list_is_no_memory_for_several_outputs(auto: Auto) -> None:
    arrays = small("mlp_gradients")
    with pytest.raises(TypeError, match=r"^mlp_gradients: out must be a tuple of 6 arrays"):
        auto.mlp_gradients(**arrays, out=list(memory("mlp_gradients", arrays)))


def test_a_kernel_that_comes_or_goes_is_decided_anew(auto: Auto) -> None:
    op = einbench.operation("relu")
    x = -np.ones((4, 3), "float32")
    out = np.empty_like(x)
    auto.relu(x, out=out)
    assert "1 signatures decided" in repr(auto)
    op.kernel("passing")(lambda inputs: np.maximum(inputs, 0))
    try:
        assert "0 signatures decided" in repr(auto)
        assert (auto.relu(x, out=out) == 0).all()
    finally:
        op.remove("passing")
    assert (auto.relu(x, out=out) == 0).all()


def test_a_choice_takes_memory_too(auto: Auto) -> None:
    z = np.random.default_rng(1).standard_normal((5, 4)).astype("float32")
    out = np.full_like(z, np.nan)
    choice = einbench.fastest("softmax", z, rigor="estimate")
    assert choice(z, out=out) is out
    assert out.tobytes() == choice(z).tobytes()
    with pytest.raises(ValueError, match=r"^softmax: out for probs shares memory with logits"):
        choice(z, out=z)


def test_an_input_of_that_name_is_the_input(auto: Auto) -> None:
    op = einbench.register(einbench.Operation(
        name="named_out", formula="y = out", inputs={"out": "batch features"},
        outputs={"outputs": "batch features"}, sizes={"features": 3}, flops=lambda s: 1,
        reference=lambda out: out, scale=lambda y, out: np.zeros_like(y), limit=lambda terms: 0,
    ))  # fmt: skip
    op.kernel("copy")(lambda out: out.copy())
    try:
        x = np.ones((2, 3))
        np.testing.assert_array_equal(auto.named_out(out=x), x)
        np.testing.assert_array_equal(auto.named_out(x), x)
    finally:
        einbench.registry.forget(op.name)


def test_of_several_outputs_none_may_lie_in_another_or_in_an_input(auto: Auto) -> None:
    op = einbench.operation("mlp_gradients")
    arrays = list(op.draw(3, features=5, hidden1=4, hidden2=4, classes=4).values())
    function = auto.mlp_gradients
    truth = function(*arrays)
    memory = [np.empty_like(each) for each in truth]
    whole = np.empty(16, np.float32)
    by_name = dict(zip(op.outputs, range(6), strict=True))
    second, third = by_name["dw2"], by_name["dw3"]

    def with_memory(**at: np.ndarray) -> tuple[np.ndarray, ...]:
        given = list(memory)
        for name, each in at.items():
            given[by_name[name]] = each
        return tuple(given)

    w2 = arrays[list(op.inputs).index("w2")]
    for _ in range(2):
        assert function(*arrays, out=tuple(memory))[second] is memory[second]
        for refused in (
            with_memory(dw3=memory[second]),
            with_memory(dw2=w2),
            with_memory(dw2=whole.reshape(4, 4), db2=whole[:4]),
        ):
            with pytest.raises(ValueError, match="memory"):
                function(*arrays, out=refused)
        # a view of memory that nothing else is in
        found = function(*arrays, out=with_memory(dw3=whole.reshape(4, 4)))
        np.testing.assert_allclose(found[third], truth[third], rtol=1e-5)
