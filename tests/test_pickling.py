"""What is public goes through a pickle, into processes of every kind, and is copied."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import einbench
from einbench import inputs

RELU = einbench.operation("relu")


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    """One object of every public class."""
    choice = einbench.fastest("relu", np.ones((3, 4), np.float32), budget_s=0.01)
    choice(np.ones((3, 4), np.float32))  # which it remembers
    comparison = einbench.compare("relu", batches=3, budget_s=0.05)
    problem = einbench.Problem.at(RELU, 3).draw(0)
    hash(problem)
    return {
        "Choice": choice, "Comparison": comparison, "Input": einbench.Input("", inputs.LABELS),
        "Kernel": RELU["loop"], "Operation": RELU, "Problem": problem,
        "Record": comparison.records[0], "Verdict": einbench.check("relu")[0],
    }  # fmt: skip


CLASSES = [name for name in einbench.__all__ if isinstance(getattr(einbench, name), type)]
#: of which there is one, in every process
SINGLE = [name for name in einbench.__all__ if not isinstance(getattr(einbench, name), ModuleType)]


def pickled(value: Any, protocol: int = 5) -> Any:
    return pickle.loads(pickle.dumps(value, protocol))  # noqa: S301


@pytest.mark.parametrize("name", SINGLE)
def test_what_the_package_names_is_the_same_object_again(name: str) -> None:
    value = getattr(einbench, name)
    assert all(pickled(value, p) is value for p in range(pickle.HIGHEST_PROTOCOL + 1))
    assert copy.copy(value) is value
    assert copy.deepcopy(value) is value


def test_operations_kernels_kinds_and_functions_of_auto_are_the_same_objects_again() -> None:
    kinds = [value for value in vars(inputs).values() if isinstance(value, inputs.Kind)]
    assert inputs.LOGITS in kinds
    for value in [*kinds, inputs.counted("classes"), *einbench.operations.values(), *RELU,
                  *(getattr(einbench.auto, name) for name in einbench.operations)]:  # fmt: skip
        assert pickled(value) is value
        assert copy.copy(value) is value
        assert copy.deepcopy(value) is value


@pytest.mark.parametrize("name", CLASSES)
def test_an_object_of_every_public_class_is_equal_again(
    name: str, examples: dict[str, Any]
) -> None:
    example = examples[name]
    assert type(example) is getattr(einbench, name)
    for again in (pickled(example), copy.copy(example), copy.deepcopy(example)):
        assert again == example
        assert str(again) == str(example)
        assert repr(again) == repr(example)


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_shown_of_an_object_is_a_line(name: str, examples: dict[str, Any]) -> None:
    shown = repr(examples[name])
    assert len(shown) < 250
    assert "\n" not in shown


def test_inputs_of_every_operation_are_equal_again() -> None:
    for op in einbench.operations.values():
        for each in op.inputs.values():
            assert pickled(each).kind.name == each.kind.name
            assert pickled(each).axes == each.axes


def test_a_choice_and_a_problem_that_went_through_a_pickle_still_work(
    examples: dict[str, Any],
) -> None:
    array = np.array([[-1.0, 2.0]], np.float32)
    np.testing.assert_array_equal(pickled(examples["Choice"])(array), [[0, 2]])
    again = pickled(examples["Problem"])
    np.testing.assert_array_equal(again.given[0], examples["Problem"].given[0])
    assert {examples["Problem"]: 1}[again] == 1


@pytest.mark.long
def test_what_is_isolated_pickles_as_the_kernel_it_is() -> None:
    (verdict,) = [v for v in einbench.check("relu", isolate=True) if v.method == "ufunc"]
    assert verdict.kernel is not RELU["ufunc"]
    assert pickled(verdict).kernel is RELU["ufunc"]


@pytest.fixture
def own() -> Iterator[einbench.Operation]:
    op = einbench.Operation(
        name="pickled_in_a_test", formula="y = 2 x", inputs={"x": "batch"}, outputs={"y": "batch"},
        sizes={}, reference=lambda x: 2 * x, scale=lambda y, x: abs(y), flops=lambda s: s["batch"],
    )  # fmt: skip
    op.kernel("ufunc")(lambda x: 2 * x)
    yield op
    if op.name in einbench.operations:
        einbench.forget(op)


def test_what_no_other_process_can_find_says_so_in_a_line(own: einbench.Operation) -> None:
    kernel = own["ufunc"]
    for value in (own, kernel, einbench.Problem.at(own, 2), einbench.check(own)[0]):
        with pytest.raises(
            pickle.PicklingError, match="cannot be pickled, for it is not"
        ) as raised:
            pickle.dumps(value)
        assert "\n" not in str(raised.value)
    assert copy.deepcopy({"op": own, "kernel": kernel}) == {"op": own, "kernel": kernel}
    einbench.register(own)
    assert pickled(kernel) is kernel
    named = pickle.dumps(kernel)
    own.kernel("ufunc")(lambda x: x + x)
    with pytest.raises(pickle.PicklingError, match="it is not, or no longer, among the kernels of"):
        pickle.dumps(kernel)
    own.remove("ufunc")
    with pytest.raises(pickle.UnpicklingError, match="has no kernel 'ufunc' in this process, and"):
        pickle.loads(named)  # noqa: S301
    named = pickle.dumps(own)
    einbench.forget(own)
    with pytest.raises(pickle.UnpicklingError, match="pickled_in_a_test is not registered in this"):
        pickle.loads(named)  # noqa: S301


MODULE = """
import numpy as np, einbench
op = einbench.register(einbench.Operation(
    name="doubled", formula="y = 2 x", inputs={"x": "batch"}, outputs={"y": "batch"}, sizes={},
    reference=lambda x: 2 * x, scale=lambda y, x: abs(y), flops=lambda s: s["batch"]))

@op.kernel("ufunc")
def ufunc(x):
    return 2 * x
"""

PROGRAM = """
import multiprocessing, sys
import numpy as np, einbench

def same(one):
    return one

if __name__ == "__main__":
    import own_operation
    op = einbench.operation("doubled")
    parts = [np.arange(3.0), np.arange(5.0)]
    relu = einbench.operation("relu")
    given = [op, op["ufunc"], einbench.auto, einbench.operations, relu["simd"]]
    wholes = [einbench.fastest(op, parts[0]), *einbench.check(op),
              einbench.compare(op, batches=3, budget_s=0.01)]
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        back = pool.map_async(same, given).get(100)
        assert all(one is other for one, other in zip(back, given, strict=True)), back
        assert pool.map_async(same, wholes).get(100) == wholes
        for call in (einbench.auto.doubled, op["ufunc"], wholes[0]):
            found = pool.map_async(call, parts).get(100)
            assert [f.tolist() for f in found] == [(2 * part).tolist() for part in parts]
        found = pool.map_async(einbench.auto.relu, [np.array([[-1.0, 1.0]])]).get(100)
        assert found[0].tolist() == [[0.0, 1.0]]
    print("done")
"""


@pytest.mark.long
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_pool_of_processes_takes_them_all(method: str, tmp_path: Path) -> None:
    (tmp_path / "own_operation.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py", method], cwd=tmp_path, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_the_package_is_found_by_its_name() -> None:
    """A function of a notebook that uses it travels to a worker by value."""
    import cloudpickle

    assert pickle.loads(pickle.dumps(einbench)) is einbench  # noqa: S301 - its own

    def name() -> str:
        return einbench.operation("relu").name

    assert pickle.loads(cloudpickle.dumps(name))() == "relu"  # noqa: S301 - its own
