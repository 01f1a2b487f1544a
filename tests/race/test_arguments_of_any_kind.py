"""Arguments that are no plain arrays: copied for each function, and compared afterwards."""

from __future__ import annotations

import array
import collections
import copy
import dataclasses
import threading
import types

import numpy as np
import pytest

import einbench
from einbench.racing import copies
from einbench.racing.arguments import Arguments

RNG = np.random.default_rng(0)
NUMBERS = RNG.random(2000).tolist()
Point = collections.namedtuple("Point", "x y")


class Listed(list):
    pass


@dataclasses.dataclass
class Pair:
    x: np.ndarray
    y: np.ndarray


class Unequal:
    """Equal to nothing but itself."""

    x = 2.5


def raced(functions, *arguments, **named):
    comparison = einbench.race(functions, *arguments, budget_s=0.02, **named)
    return {record.kernel: record for record in comparison.records}


def doubled(container):
    container["a"] *= 2
    return float(container["b"].sum())


def appended(numbers):
    numbers.append(1.0)
    return float(sum(numbers[:-1]))


def replaced(numbers):
    numbers[1] = numbers[1] + 1
    return float(numbers[0])


def moved_to_end(ordered):
    ordered.move_to_end("a")
    return float(ordered["b"].sum())


def swapped(x):
    x[0][0] += 1
    return 2.5


def shifted(pair):
    pair.x += 1
    return float(pair.y.sum())


def arrays():
    return {"a": RNG.random(9), "b": RNG.random(9) + 1}


def objects():
    found = np.empty(2, object)
    found[:] = [[1.5, 2], [3, 4]]
    return found


CHANGES = {
    "a sorted list": (sorted, lambda x: (x.sort(), x)[1], NUMBERS, "x[0]"),
    "a longer list": (lambda x: float(sum(x)), appended, [1.5, 2.5], "x"),
    "an empty list": (lambda x: 2.5, lambda x: (x.append(3), 2.5)[1], [], "x"),
    "another number": (lambda x: float(x[0]), replaced, [1.5, 2.5], "x[1]"),
    "a list in a list": (lambda x: 2.5, swapped, [[1.5], 2], "x[0][0]"),
    "a class of lists": (lambda x: float(x[0]), replaced, Listed([1.5, 2.5]), "x[1]"),
    "bytes": (lambda x: float(x[0]), replaced, bytearray(b"abc"), "x"),
    "an array.array": (lambda x: x[0], replaced, array.array("d", [1.5, 2.5]), "x"),
    "a deque": (lambda x: float(x[0]), replaced, collections.deque([1.5, 2.5]), "x"),
    "a deque of arrays": (lambda x: float(x[1].sum()), lambda x: (x[0].fill(3), x[1].sum())[1],
                          collections.deque([A := RNG.random(9), A + 1]), "x"),
    "a set": (lambda x: float(sum(x)), lambda x: float(sum(x) + (x.add(0) or 0)), {1.5, 2}, "x"),
    "a dictionary": (lambda x: x["b"].sum(), doubled, arrays(), "x['a']"),
    "another key": (lambda x: 2.5, lambda x: x.setdefault("c", 2.5), arrays(), "x"),
    "an ordered one": (lambda x: x["b"].sum(), doubled, collections.OrderedDict(arrays()),
                       "x['a']"),
    "another order": (lambda x: x["b"].sum(), moved_to_end, collections.OrderedDict(arrays()), "x"),
    "a default one": (lambda x: 2.5, lambda x: 2.5 + 0 * len(x["c"]),
                      collections.defaultdict(list), "x"),
    "a named tuple": (lambda x: float(x.y.sum()), lambda x: (x.x.fill(3), x.y.sum())[1],
                      Point(A, A + 1), "x.x"),
    "a dataclass": (lambda x: float(x.y.sum()), shifted, Pair(A, A + 1), "x"),
    "objects": (lambda x: 2.5, swapped, objects(), "x"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_function_that_changes_an_argument_is_rejected_and_the_callers_stays(case):
    right, wrong, given, name = CHANGES[case]
    before = copy.deepcopy(given)

    def reference(x):  # tells what its parameter is called, as `sorted` does not
        return right(x)

    def changing(x):
        return wrong(x)

    found = raced({"reference": reference, "suspect": wrong, "right": right}, given)
    assert found["suspect"].status == "rejected"
    assert f"changes its input {name}" == found["suspect"].reason
    assert found["reference"].status == found["right"].status == "ok"
    assert copies.is_same(given, before)
    with pytest.raises(ValueError, match="changes its argument x"):
        raced({"reference": changing, "right": right}, given)
    assert copies.is_same(given, before)


def test_a_changed_table_is_rejected():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"x": [3.0, np.nan, 2.5], "y": ["c", "a", "b"]})
    before = table.copy(deep=True)

    def drops(table):
        del table["y"]
        return float(table.x.sum())

    def fills(table):
        table.loc[0, "x"] = 4.0
        return 5.5

    found = raced({"r": lambda table: float(table.x.sum()), "drops": drops, "fills": fills,
                   "numpy": lambda table: float(np.nansum(table.x))}, table)  # fmt: skip
    assert found["drops"].reason == found["fills"].reason == "changes its input table"
    assert found["numpy"].status == "ok"
    assert table.equals(before)


def test_a_sparse_matrix_is_copied_without_a_warning(recwarn):
    sparse = pytest.importorskip("scipy.sparse")
    given = sparse.random(9, 9, 0.5, format="csr", rng=0)
    before = given.toarray()

    def changes(x):
        x.data[:] = 3
        return 1.5

    raced({"a": lambda x: 1.5, "b": changes}, given)
    assert np.array_equal(given.toarray(), before)
    assert not [each for each in recwarn if "==" in str(each.message)]


def test_a_list_of_numba_is_copied():
    from numba.typed import List

    given = List([1.5, 2.5])
    found = raced({"a": lambda x: x[0] * 1.0, "b": lambda x: (x.append(3.0), x[0])[1]}, given)
    assert found["b"].reason == "changes its input x"
    assert len(given) == 2


PASSED_ON = [
    threading.Lock(), (n for n in range(3)), Unequal(), {Unequal()}, np.random.default_rng(0),
    types, [Unequal(), threading.Lock()], types.MappingProxyType({"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize("given", PASSED_ON, ids=lambda given: type(given).__name__)
def test_what_has_no_equal_copy_is_passed_on(given):
    found = raced({"a": lambda x, y: y * 1.5, "b": lambda x, y: 1.5 * y}, given, A)
    assert [record.status for record in found.values()] == ["ok", "ok"]


UNCHANGED = [
    [np.nan, 1.5], (float("nan"),), {"a": np.float32("nan")}, array.array("d", [np.nan]),
    collections.deque([A]), collections.Counter("abca"), Listed([A, 2]), Point(1.5, [A]), {1, 2},
    frozenset([1.5]), bytearray(b"ab"), objects(), np.ma.masked_array([1.5, 2], [0, 1]), None, "x",
    np.array([(1, 2.5)], "i4,f8")[0], np.longdouble(1) / 3, Pair(A, A),
]  # fmt: skip


@pytest.mark.parametrize("given", UNCHANGED, ids=lambda given: type(given).__name__)
def test_a_copy_is_equal_and_of_the_same_class(given):
    first = Arguments((given,), {})
    second = first.copied()
    assert second.changed(first, ["x"]) == ""
    assert type(second.positional[0]) is type(given)


def test_a_read_only_array_of_objects_stays_so():
    given = objects()
    given.flags.writeable = False
    first = Arguments((given,), {})
    assert first.copied().changed(first, ["x"]) == ""
    assert first.copied().positional[0][0] is not given[0]


def test_one_list_twice_is_one_list_again():
    one = [1.5, 2.5]
    first, second, inside = Arguments((one, one, {"a": one}), {}).copied().positional
    assert first is second is inside["a"]
    assert first is not one


def test_arrays_in_containers_are_perturbed_and_sized():
    given = collections.OrderedDict(a=A - 0.5, b=Point(A + 1, 2.5))
    found = raced({"r": lambda d: d["a"].sum() * d["b"].y,
                   "s": lambda d: d["b"].y * np.add.reduce(d["a"][::-1])}, given)  # fmt: skip
    assert [record.status for record in found.values()] == ["ok", "ok"]
    assert found["r"].sizes == {"d['a'].0": 9, "d['b'].x.0": 9}
    assert found["r"].options == {"d['b'].y": "2.5"}


def test_the_callers_whole_numbers_and_lists_are_never_passed_on():
    whole, listed, seen = np.arange(9), ["text"], []

    def looks(x, y, z):
        seen.append(y is whole or z is listed)
        return x * 1.5

    raced({"looks": looks, "other": lambda x, y, z: 1.5 * x}, A, whole, listed)
    assert not any(seen)


SHOWN = {
    "x" * 41: {"x": f"'{'x' * 38}..."},
    tuple(NUMBERS): {"x": "tuple of 2,000"},
    (1, 2.5): {"x[0]": "1", "x[1]": "2.5"},
    ((1,) * 9, 3): {"x[0]": "tuple of 9", "x[1]": "3"},
    frozenset(range(2000)): {"x": "frozenset of 2,000"},
    b"a" * 50: {"x": f"b'{'a' * 37}..."},
}


@pytest.mark.parametrize("given", SHOWN, ids=lambda given: ascii(given)[:12])
def test_long_arguments_are_shown_short(given):
    found = raced({"a": lambda x: 1.5, "b": lambda x: 1.5}, given)
    assert found["b"].options == SHOWN[given]
    assert found["b"].status == "ok"


def test_a_table_and_what_prints_lines_are_shown_in_one():
    class Lines:
        def __repr__(self):
            return "some\n   lines"

    pandas = pytest.importorskip("pandas")
    functions = {"a": lambda x, y: 1.5, "b": lambda x, y: 1.5}
    found = raced(functions, pandas.DataFrame({"a": range(2000)}), Lines())
    assert found["a"].options == {"x": "DataFrame of 2000 x 1", "y": "some lines"}
    assert "list of 2,000" in str(einbench.race({"a": sorted, "b": sorted}, NUMBERS, budget_s=0.02))


SHAPES = {
    "a mask": (lambda x: x[x > 0.5], lambda x: x[np.flatnonzero(x > 0.5)]),
    "places": (lambda x: np.flatnonzero(x > 0.505), lambda x: np.nonzero(x > 0.505)[0]),
    "values": (lambda x: np.unique(x.round(2)), lambda x: np.array(sorted(set(x.round(2))))),
    "many results": (lambda x: tuple(x[x > 0.5]), lambda x: [*x[x > 0.5]] and tuple(x[x > 0.5])),
}  # fmt: skip


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_of_results_may_depend_on_values(case):
    right, also = SHAPES[case]
    x = RNG.random(300)
    kept = right(x.copy())

    def memoised(x):
        return copy.deepcopy(kept)

    found = raced({"r": right, "also": also, "short": lambda x: also(x)[1:], "memo": memoised}, x)
    assert found["r"].status == found["also"].status == "ok"
    assert found["short"].status == "rejected"
    assert "the same for other numbers" in found["memo"].reason


def test_infinity_alone_is_not_called_zeros():
    with pytest.raises(ValueError, match="returns no finite number but zeros for these"):
        raced({"a": lambda x: x - np.inf, "b": np.abs}, A)
