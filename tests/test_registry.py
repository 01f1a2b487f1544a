"""Operations and kernels: how they are added, found, ordered, drawn for and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import einbench
from einbench import registry
from einbench.jit.compiled import Compiled
from einbench.kernel import Kernel
from einbench.operation import Operation

Array = np.ndarray[Any, Any]
Make = Callable[..., Operation]


@pytest.fixture
def make() -> Iterator[Make]:
    """Operations that are forgotten after the test."""
    made: list[Operation] = []

    def one(name: str = "doubled_for_a_test", **changes: Any) -> Operation:
        facts: dict[str, Any] = {
            "formula": "Y[b, f] = 2 X[b, f]",
            "inputs": {"inputs": "batch features"},
            "outputs": {"outputs": "batch features"},
            "sizes": {"features": 4},
            "reference": lambda inputs: 2 * inputs,
            "scale": lambda outputs, inputs: np.abs(outputs),
            "flops": lambda s: s["batch"] * s["features"],
        }
        made.append(registry.register(Operation(name=name, **{**facts, **changes})))
        return made[-1]

    yield one
    for op in made:
        registry.forget(op.name)


def doubled(inputs: Array) -> Array:
    """Twice the input."""
    return 2 * inputs


def test_an_operation_is_found_by_its_name_however_it_is_spelt() -> None:
    op = einbench.operations["softmax_vjp"]
    for name in ("softmax_vjp", "Softmax-VJP", " SOFTMAX VJP ", op):
        assert einbench.operation(name) is op


def test_an_unknown_operation_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no operation 'sofmax_vpj'; did you mean .*softmax_vjp"):
        einbench.operation("sofmax_vpj")


def test_an_unknown_operation_that_is_near_to_none_is_answered_with_all() -> None:
    with pytest.raises(ValueError, match=r"no operation 'zzzz'; known: linear, relu, .*mlp_grad"):
        einbench.operation("zzzz")


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_name_is_a_string_that_is_not_empty(name: Any) -> None:
    with pytest.raises(TypeError, match="a name must be a string that is not empty, got"):
        einbench.operation(name)


def test_an_unknown_kernel_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no kernel 'einsm' of linear; did you mean einsum"):
        einbench.operation("linear")["einsm"]
    with pytest.raises(ValueError, match=r"no kernel 'zzzz' of relu; known: loop, ufunc"):
        einbench.operation("relu")["zzzz"]


def test_the_registry_cannot_be_written_to_from_outside() -> None:
    with pytest.raises(TypeError):
        einbench.operations["mine"] = einbench.operation("relu")  # type: ignore[index]
    with pytest.raises(TypeError):
        einbench.operation("relu").kernels["mine"] = None  # type: ignore[index]


def elsewhere(source: str, **names: Any) -> None:
    """Run in another module."""
    exec(source, {"__name__": "elsewhere", "einbench": einbench, **names})


def test_a_second_operation_of_the_same_name_of_another_module_is_refused(make: Make) -> None:
    first = make("mine_for_a_test")
    other = temporary("Mine for-a-Test")
    with pytest.raises(ValueError, match=r"'mine_for_a_test' exists already, of .*test_registry: "
                                         r"choose another name, or forget\('mine"):  # fmt: skip
        elsewhere("einbench.register(other)", other=other)
    assert einbench.operation("mine_for_a_test") is first


def test_an_output_axis_that_no_input_has_is_refused(make: Make) -> None:
    with pytest.raises(ValueError, match=r"output axes \['units'\] are in no input; known axes"):
        make(outputs={"outputs": "batch units"})


def test_an_axis_without_a_default_size_is_refused(make: Make) -> None:
    with pytest.raises(ValueError, match=r"no default size for axes \['features'\]"):
        make(sizes={})


def test_a_kernel_added_from_outside_is_found_called_and_taken_out_again() -> None:
    op = einbench.operation("softmax_vjp")
    before = list(op.kernels)

    @op.kernel("Mine")
    def closed_form(probs: Array, cotangent: Array) -> Array:
        """The closed form."""
        return probs * (cotangent - (probs * cotangent).sum(axis=1, keepdims=True))

    try:
        mine = einbench.operation("softmax_vjp")["mine"]
        assert isinstance(mine, Kernel)
        assert (mine.operation, mine.method, mine.available, mine.reason) == (op, "mine", True, "")
        assert mine.function is closed_form
        assert mine.summary == "The closed form."
        assert "MINE" in op
        assert mine in list(op)
        arrays = op.draw(5, "float64", seed=1)
        result = mine(**arrays)
        assert np.abs(result).max() > 0.01
        np.testing.assert_allclose(result, op["loop"](**arrays), rtol=1e-12, atol=1e-16)
    finally:
        op.remove("mine")
    assert list(op.kernels) == before
    assert "mine" not in op


def test_a_second_kernel_of_the_same_name_is_refused_and_the_first_stays(make: Make) -> None:
    op = make()
    op.kernel("by_hand")(doubled)
    said = r"has a kernel 'by_hand' already, {}: choose another name, taken are by_hand; or call " \
           r"op\.remove\('by_hand'\) first"  # fmt: skip
    with pytest.raises(ValueError, match=said.format(".*test_registry")):
        elsewhere("op.kernel('By-Hand ')(lambda inputs: inputs)", op=op)
    # a slip within one file, and no second run of it
    with pytest.raises(ValueError, match=said.format("the function doubled of this file")):
        op.kernel("by_hand")(lambda inputs: inputs)
    assert op["by_hand"].function is doubled
    relu = einbench.operation("relu")
    before = relu["loop"]
    with pytest.raises(ValueError, match=r"has a kernel 'loop' already, einbench's own: choose"):
        relu.kernel("loop")(doubled)
    with pytest.raises(ValueError, match=r"has a kernel 'loop' already, einbench's own: choose"):
        exec(
            "relu.kernel('loop')(lambda inputs: inputs)",
            {"__name__": "einbench.forward.relu", "relu": relu},
        )
    assert relu["loop"] is before


def test_without_a_loop_the_simplest_kernel_is_the_baseline(make: Make) -> None:
    op = make()
    op.kernel("compiled", compile=True)(doubled)
    assert op.baseline == "compiled"
    op.kernel("plain")(doubled)
    assert op.baseline == "plain"
    op.kernel("loop")(doubled)
    assert op.baseline == "loop"
    op.remove("loop")
    assert op.baseline == "plain"
    records = einbench.compare(op, batches=3, budget_s=0.05).records
    assert {r.kernel: r.speedup for r in records}["plain"] == 1


def test_kernels_stand_in_order_of_simplicity_interpreted_compiled_parallel(make: Make) -> None:
    op = make()
    op.kernel("threads", compile=True, parallel=True)(doubled)
    op.kernel("compiled", compile=True)(doubled)
    op.kernel("first")(doubled)
    op.kernel("second")(doubled)
    assert list(op.kernels) == ["first", "second", "compiled", "threads"]


def test_stacked_decorators_stand_in_the_order_they_are_read_in(make: Make) -> None:
    op = make()

    @op.kernel("one")
    @op.kernel("two")
    @op.kernel("three")
    def same(inputs: Array) -> Array:
        return 2 * inputs

    assert list(op.kernels) == ["one", "two", "three"]


def test_a_decorator_serves_after_its_name_was_taken_and_given_back(make: Make) -> None:
    op = make()
    held = op.kernel("late")
    op.kernel("late")(doubled)
    op.remove("late")
    op.kernel("one")(doubled)
    held(doubled)
    assert list(op.kernels) == ["one", "late"]


def test_a_kernel_added_after_others_were_taken_out_comes_last(make: Make) -> None:
    op = make()
    for name in ("one", "two", "three"):
        op.kernel(name)(doubled)
    op.remove("one")
    op.remove("two")
    op.kernel("four")(doubled)
    assert list(op.kernels) == ["three", "four"]


@pytest.mark.parametrize("op", list(einbench.operations.values()), ids=lambda op: op.name)
def test_every_kernel_of_the_house_says_what_is_new_in_it(op: Operation) -> None:
    assert all(kernel.summary for kernel in op)
    assert op.baseline in op
    bodies = [kernel.function for kernel in op]
    places = [(isinstance(b, Compiled), isinstance(b, Compiled) and b.parallel) for b in bodies]
    assert places == sorted(places)


def test_compile_wants_a_plain_function(make: Make) -> None:
    with pytest.raises(TypeError, match="compile=True needs a plain Python function"):
        make().kernel("numba", compile=True)(np.tanh)


@pytest.mark.parametrize("missing", ["no_such_module", "no_such_package.module"])
def test_a_kernel_whose_dependency_is_missing_is_listed_with_the_reason(
    make: Make, missing: str
) -> None:
    op = make()
    op.kernel("exotic", requires=(missing,))(doubled)
    assert "exotic" in op.kernels
    assert not op["exotic"].available
    expected = f"{missing} is not installed (pip install {missing.partition('.')[0]})"
    assert op["exotic"].reason == expected
    with pytest.raises(
        ValueError, match="kernel 'exotic' of doubled_for_a_test is unavailable: no_such"
    ):
        op["exotic"](np.ones((2, 4)))


def test_several_outputs_come_as_a_named_tuple_in_the_declared_order() -> None:
    op = einbench.operation("mlp_gradients")
    sizes = {"features": 5, "hidden1": 4, "hidden2": 3, "classes": 2}
    arrays = op.draw(3, "float32", **sizes)
    for kernel in (op["loop"], op["matmul"]):
        result = kernel(**arrays)
        assert result._fields == ("dw1", "db1", "dw2", "db2", "dw3", "db3")
        assert result.dw2 is result[2]
        assert [r.shape for r in result] == list(op.output_shapes({"batch": 3, **sizes}).values())


def test_one_output_comes_as_an_array_also_one_of_no_dimensions() -> None:
    op = einbench.operation("cross_entropy")
    for kernel in op:
        if kernel.available:
            loss = kernel(np.zeros((2, 4), np.float32), np.array([0, 3]))
            assert isinstance(loss, np.ndarray)
            assert (loss.shape, loss.dtype) == ((), np.float32)
            assert loss == pytest.approx(np.log(4))


def test_traffic_counts_every_input_and_output_once() -> None:
    sizes = {"batch": 7, "classes": 5}
    jacobian = einbench.operation("softmax_jacobian")
    assert jacobian.traffic_bytes(sizes, "float32") == (7 * 5 * 4, 7 * 5 * 5 * 4)
    loss = einbench.operation("cross_entropy")
    assert loss.traffic_bytes(sizes, "float64") == (7 * 5 * 8 + 7 * 8, 8)


def test_of_an_input_that_is_not_read_whole_only_what_is_read_counts_as_traffic() -> None:
    sizes = {"batch": 7, "classes": 5}
    loss = einbench.operation("negative_log_likelihood")
    assert loss.traffic_bytes(sizes, "float32") == (7 * 4 + 7 * 8, 4)
    gradient = einbench.operation("negative_log_likelihood_gradient")
    assert gradient.traffic_bytes(sizes, "float32") == (7 * 4 + 7 * 8, 7 * 5 * 4)


def test_declared_temporaries_are_counted_in_bytes(make: Make) -> None:
    op = make()
    op.kernel("frugal")(doubled)
    op.kernel("lavish", extra_elements=lambda s: 3 * s["batch"])(doubled)
    assert op["frugal"].temporary_bytes({"batch": 10}, "float64") == 0
    assert op["lavish"].temporary_bytes({"batch": 10}, "float32") == 120


def test_what_is_printed_names_operation_and_kernel() -> None:
    op = einbench.operation("relu")
    assert repr(op["loop"]) == "<Kernel relu['loop']>"
    assert repr(op).startswith("<Operation relu: A[b, f] = max(Z[b, f], 0) [loop, ufunc")


def temporary(name: str = "temporary_for_a_test") -> Operation:
    """Made, and not registered."""
    op = Operation(
        name=name, formula="Y[b, f] = 2 X[b, f]", inputs={"inputs": "batch features"},
        outputs={"outputs": "batch features"}, sizes={"features": 4},
        reference=lambda inputs: 2 * inputs, scale=lambda outputs, inputs: np.abs(outputs),
        flops=lambda s: s["batch"] * s["features"], baseline="by_hand",
    )  # fmt: skip
    op.kernel("by_hand")(doubled)
    return op


def test_constructing_is_not_registering(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(einbench.operations)
    op = temporary()
    assert list(einbench.operations) == before
    with pytest.raises(ValueError, match="no operation 'temporary_for_a_test'"):
        einbench.operation(op.name)
    with pytest.raises(AttributeError, match="no operation 'temporary_for_a_test'"):
        getattr(einbench.auto, op.name)
    assert op.name not in dir(einbench.auto)
    asked: list[Operation] = []
    from einbench.verbs import compare as module

    real = module._plan
    monkeypatch.setattr(module, "_plan", lambda o, *rest: asked.append(o) or real(o, *rest))
    monkeypatch.setattr(module, "run", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    einbench.compare(batches=1, budget_s=0.01)
    assert asked == list(einbench.operations.values())


@pytest.mark.long
def test_two_alike_that_are_not_registered_are_checked_and_compared() -> None:
    first, second = temporary(), temporary()
    for op in (first, second):
        assert [v.passed for v in einbench.check(op)] == [True]
        (record,) = einbench.compare(op, batches=3, budget_s=0.05).records
        assert (record.operation, record.status) == (op.name, "ok")
        np.testing.assert_array_equal(einbench.fastest(op, np.ones((2, 4)))(np.ones((2, 4))), 2)
    with pytest.raises(ValueError, match="two operations are called temporary_for_a_test: give"):
        einbench.compare([first, second], batches=3)


def test_one_is_registered_once_and_another_of_its_name_is_refused_in_one_line() -> None:
    op = temporary()
    assert einbench.register(op) is op
    try:
        assert einbench.register(op) is op
        other = temporary()
        with pytest.raises(ValueError, match=r"exists already, of .*choose another na") as raised:
            elsewhere("einbench.register(other)", other=other)
        with pytest.raises(ValueError, match="'temporary_for_a_test' is not registered"):
            einbench.forget(other)
        assert "\n" not in str(raised.value)
        assert einbench.operation(op.name) is op
        np.testing.assert_array_equal(getattr(einbench.auto, op.name)(np.ones((2, 4))), 2)
    finally:
        einbench.forget(op)
    assert op.name not in einbench.operations
    with pytest.raises(ValueError, match="no operation 'temporary_for_a_test'"):
        einbench.forget(op.name)


def test_the_operations_that_ship_are_not_forgotten_nor_replaced() -> None:
    with pytest.raises(ValueError, match="operation 'relu' exists already, einbench's own: choose"):
        einbench.register(temporary("ReLU"))
    for name in ("relu", einbench.operation("mlp_sgd_step")):
        with pytest.raises(ValueError, match="is einbench's own; forget takes one that was regist"):
            einbench.forget(name)
    assert "relu" in einbench.operations


@pytest.mark.parametrize("flag", ["compile", "prepare", "parallel"])
@pytest.mark.parametrize("value", [1, None, "yes", doubled])
def test_what_is_true_or_false_is_nothing_else(make: Make, flag: str, value: object) -> None:
    op = make("flagged")
    with pytest.raises(TypeError, match=f"'one' has {flag}=.*expected True or False") as raised:
        op.kernel("one", **{flag: value})  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    assert "one" not in op


def test_what_an_operation_is_made_of_is_among_the_public_names() -> None:
    for name in ("Input", "Operation", "Problem", "Record", "forget", "register"):
        assert name in einbench.__all__
        assert getattr(einbench, name).__name__ == name
    problem = einbench.Problem.at(einbench.operation("relu"), 3)
    assert str(problem) == "relu batch 3"
