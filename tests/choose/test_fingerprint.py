"""The fingerprint of a kernel: equal where it computes the same, in any process, else different."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from choose_support import ONE_THREAD, doubling, loaded, run

import einbench
from einbench import registry
from einbench.choose.deciding import decide
from einbench.choose.environment import differences, environment
from einbench.fingerprint import Fingerprints
from einbench.forward import mlp_shared
from einbench.gradient import mlp_gradients
from einbench.jit import labels


class Owner:
    """What has a function: every look is a first one."""


def fingerprint(function: Any) -> str:
    return Fingerprints().of(Owner(), function)


def closure(value: Any) -> Callable[..., Any]:
    return lambda inputs: inputs * value


def default(value: Any) -> Callable[..., Any]:
    return lambda inputs, factor=value: inputs * factor


def keyword_default(value: Any) -> Callable[..., Any]:
    def scaled(inputs: Any, *, factor: Any = value) -> Any:
        return inputs * factor

    return scaled


def partial(value: Any) -> Callable[..., Any]:
    return functools.partial(np.multiply, value)


def partial_keyword(value: Any) -> Callable[..., Any]:
    return functools.partial(default(1), factor=value)


def inner_closure(value: Any) -> Callable[..., Any]:
    scaled = closure(value)
    return lambda inputs: scaled(inputs + 0)


def decorated(value: Any) -> Callable[..., Any]:
    return functools.wraps(default(0))(closure(value))


def cached(value: Any) -> Callable[..., Any]:
    return functools.cache(closure(value))


class Scaled:
    """A callable object."""

    def __init__(self, factor: Any) -> None:
        self.factor = factor

    def __call__(self, inputs: Any) -> Any:
        return inputs * self.factor

    def method(self, inputs: Any) -> Any:
        return inputs * self.factor


class Slotted:
    """One without a dictionary."""

    __slots__ = ("factor",)

    def __init__(self, factor: Any) -> None:
        self.factor = factor

    def __call__(self, inputs: Any) -> Any:
        return inputs * self.factor


def method(value: Any) -> Callable[..., Any]:
    return Scaled(value).method


def attribute(value: Any) -> Callable[..., Any]:
    function = closure(1)
    function.factor = value  # type: ignore[attr-defined]
    return function


FACTORIES = [
    closure, default, keyword_default, partial, partial_keyword, inner_closure, decorated, cached,
    Scaled, Slotted, method, attribute,
]  # fmt: skip
#: pairs of values that a kernel may have been made with
PAIRS = [
    (2, 3), (1, 1.0), (0.0, -0.0), ("a", "b"), ((1, 2), (2, 1)), ([1], [1, 1]),
    ({"block": 8}, {"block": 16}), ({1, 2}, {1, 3}), (None, False), (slice(0, 2), slice(0, 3)),
    (np.arange(3), np.arange(4)), (np.zeros(2), np.array([0.0, -0.0])),
    (np.zeros(2), np.zeros(2, np.float32)), (np.zeros((2, 3)), np.zeros((3, 2))),
    (np.zeros((2, 3)), np.zeros((2, 3), order="F")), (np.float32(1), np.float64(1)),
    (np.array([1, None]), np.array([2, None])), (np.dtype("f4"), np.dtype("f8")),
    (abs, max), (np.negative, np.positive), (closure(1), closure(2)), (Scaled(1), Scaled(2)),
    (SimpleNamespace(block=1), SimpleNamespace(block=2)), (Scaled, Slotted), (np, functools),
    (lambda x: x + 1, lambda x: x + 2),
]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]!s:.20} {pair[1]!s:.20}")
def test_two_kernels_from_one_factory_differ_by_what_they_were_made_with(
    pair: tuple[Any, Any],
) -> None:
    one, other = pair
    for factory in FACTORIES:
        assert fingerprint(factory(one)) != fingerprint(factory(other)), factory
        assert fingerprint(factory(one)) == fingerprint(factory(one)), factory


def test_two_functions_of_one_line_differ() -> None:
    one, other = lambda x: x + 1, lambda x: x + 2
    assert fingerprint(one) != fingerprint(other)


def test_what_is_inside_itself_has_a_fingerprint() -> None:
    def again(factor: int) -> Any:
        held: list[Any] = [factor]
        held.append(held)

        def call(inputs: Any) -> Any:
            return call(inputs) if held else inputs

        return call

    assert fingerprint(again(2)) == fingerprint(again(2)) != fingerprint(again(3))


def test_neither_depth_of_the_stack_nor_of_a_value_matters() -> None:
    def nested(innermost: int) -> list[Any]:
        held: list[Any] = [innermost]
        for _ in range(5_000):
            held = [held]
        return held

    def deeper(levels: int) -> str:
        return deeper(levels - 1) if levels else fingerprint(closure(nested(1)))

    assert fingerprint(closure(nested(1))) == deeper(sys.getrecursionlimit() // 2)
    assert fingerprint(closure(nested(1))) != fingerprint(closure(nested(2)))


def test_a_state_that_cannot_be_seen_equals_itself_and_no_other() -> None:
    owner, held = Owner(), closure(threading.Lock())
    assert Fingerprints().of(owner, held) == Fingerprints().of(owner, held)
    assert Fingerprints().of(owner, held) != Fingerprints().of(owner, closure(threading.Lock()))


def test_a_kernel_that_keeps_a_cache_between_calls_stays_the_same() -> None:
    cache: dict[int, Any] = {}
    owner, function = Owner(), closure(cache)
    before = Fingerprints().of(owner, function)
    cache[1] = 2
    assert Fingerprints().of(owner, function) == before
    assert fingerprint(function) != before


NOTEBOOK = """
import abc, dataclasses, enum, functools
import numpy as np
from einbench.fingerprint import Fingerprints

SCALE = {scale}
TABLE = np.arange(4) * SCALE
NAMES = {{"one", "two", "three", "four", "five"}}

class Kind(enum.Enum):
    ONE = 1

@dataclasses.dataclass(frozen=True)
class Settings:
    block: int = 8
    kind: Kind = Kind.ONE

class Base(abc.ABC):
    __slots__ = ("settings",)
    @property
    def twice(self):
        return {twice}
    @abc.abstractmethod
    def apply(self, x): ...

class Apply(Base):
    def apply(self, x):
        return deeper(x) * self.twice

def deeper(x):
    return x if x is None else even(x, TABLE) + {added}

def even(n, table):
    return odd(n, table) if n in NAMES else table

def odd(n, table):
    return even(n, table)

applied = Apply()
applied.settings = Settings()

def kernel(inputs):
    return applied.apply(inputs)

class Owner: ...

print(Fingerprints().of(Owner(), functools.partial(kernel)))
"""
FACTS = {"scale": "2", "twice": "2", "added": "0"}


def notebook(**changes: str) -> str:
    return NOTEBOOK.format(**{**FACTS, **changes})


def test_a_notebooks_kernel_is_the_same_in_every_process() -> None:
    found = {run(notebook(), PYTHONHASHSEED=seed).stdout for seed in ("1", "2", "3")}
    assert len(found) == 1
    assert "unseen" not in found.pop()


def test_what_a_notebooks_kernel_names_changes_it_however_deep() -> None:
    changed = [{}, {"scale": "3"}, {"twice": "3"}, {"added": "1"}]
    assert len({run(notebook(**changes)).stdout for changes in changed}) == len(changed)


def test_a_state_that_cannot_be_seen_is_another_in_every_process() -> None:
    code = notebook().replace("applied.settings = Settings()", "import threading\n"
                              "applied.settings = threading.Lock()")  # fmt: skip
    assert run(code).stdout != run(code).stdout


def test_a_helper_defined_anew_changes_the_kernel_that_calls_it() -> None:
    scope: dict[str, Any] = {}
    exec("def helper(x): return 2 * x\ndef kernel(x): return helper(x)", scope)
    owner = Owner()
    before = Fingerprints().of(owner, scope["kernel"])
    exec("def helper(x): return x + x", scope)
    assert Fingerprints().of(owner, scope["kernel"]) != before


def test_an_edit_of_a_file_that_a_kernel_calls_into_changes_it(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared.py", tmp_path / "own.py"
    shared.write_text("def twice(x): return 2 * x\n")
    own.write_text("def kernel(x): return there.twice(x)\n")
    module = loaded(own)
    module.there = loaded(shared)
    before = fingerprint(module.kernel)
    shared.write_text("def twice(x): return x + x\n")
    assert fingerprint(module.kernel) != before


def test_shared_code_counts_for_the_built_in_kernels_that_call_it() -> None:
    looked = Fingerprints()
    looked.of(Owner(), mlp_gradients.einsum)
    assert {mlp_shared.__file__, labels.__file__} <= set(looked.read)
    assert not any(path.startswith(str(Path(np.__file__).parent)) for path in looked.read)


def test_how_a_body_is_compiled_changes_the_key() -> None:
    def body(inputs: Any) -> Any:
        return 2 * inputs

    op = doubling("compiled_in_several_ways")
    found = set()
    try:
        for settings in (
            {}, {"compile": True}, {"compile": True, "fastmath": frozenset({"contract"})},
            {"compile": True, "parallel": True},
        ):  # fmt: skip
            op.kernel("mine", **settings)(body)
            found |= set(environment(op).candidates)
            op.remove("mine")
    finally:
        registry.forget(op.name)
    assert len(found) == (4 if einbench.operation("relu")["numba_parallel"].available else 3)


CLOCK_S = [0.0]


def times_two(factor: float) -> Callable[[Any], Any]:
    """A kernel from a factory; whatever the factor, a float64 has room for it."""

    def call(inputs: Any) -> Any:
        CLOCK_S[0] += 1e-3
        return (inputs * factor) * (2 / factor)

    return call


def test_a_changed_closure_value_makes_an_old_choice_a_hint(start: Callable[..., Any]) -> None:
    race = start()

    def decided() -> Any:
        bound = race.op.bind(np.ones((4, 3)))
        return decide(race.op, bound, ONE_THREAD, "measure", clock=lambda: CLOCK_S[0])

    race.op.kernel("loop")(times_two(2.0))
    before = environment(race.op)
    assert decided().origin == "measured"
    race.op.remove("loop")
    race.op.kernel("loop")(times_two(2.0))
    assert decided().origin == "remembered"
    race.op.remove("loop")
    race.op.kernel("loop")(times_two(4.0))
    assert differences(before, environment(race.op)) == ["candidates"]
    decision = decided()
    assert decision.origin == "measured"
    assert decision.hint.kernel == "loop"
