"""The arguments of a call: every mistake is named, with what was expected and what came."""

from __future__ import annotations

import re
import sys
import types
from typing import Any

import numpy as np
import pytest

import einbench
from einbench import arguments

RNG = np.random.default_rng(1)
X = RNG.standard_normal((3, 4))
W = RNG.standard_normal((2, 4))
B = RNG.standard_normal(2)
Z = RNG.standard_normal((3, 5))
LABELS = np.array([0, 4, 2])


def linear(*arrays: Any, **named: Any) -> Any:
    return einbench.operation("linear")["matmul"](*arrays, **named)


def loss(*arrays: Any, **named: Any) -> Any:
    return einbench.operation("cross_entropy")["indexed"](*arrays, **named)


def softmax(*arrays: Any, **named: Any) -> Any:
    return einbench.operation("softmax")["ufunc"](*arrays, **named)


def test_arrays_come_by_position_by_name_or_both_in_any_order() -> None:
    expected = X @ W.T + B
    for result in (
        linear(X, W, B),
        linear(bias=B, weights=W, inputs=X),
        linear(X, bias=B, weights=W),
    ):
        np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_lists_are_taken_as_arrays_of_float64() -> None:
    np.testing.assert_allclose(softmax([[0.0, 0.0]]), [[0.5, 0.5]])


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(
        TypeError, match=r"linear\(inputs, weights, bias\) is missing weights, bias$"
    ):
        linear(X)
    with pytest.raises(
        TypeError, match=r"cross_entropy\(logits, labels, reduction\) is missing lab"
    ):
        loss(Z)


def test_an_argument_given_twice_is_named() -> None:
    with pytest.raises(TypeError, match=r"linear\(.*\): weights is given by position and by name"):
        linear(X, W, B, weights=W)


def test_an_unknown_argument_is_named_beside_those_there_are() -> None:
    with pytest.raises(
        TypeError, match=r"linear\(inputs, weights, bias\) has no argument 'wieghts'"
    ):
        linear(X, wieghts=W, bias=B)
    with pytest.raises(TypeError, match=r"softmax\(logits\) has no argument 'reduction'"):
        softmax(Z, reduction="sum")


@pytest.mark.parametrize(
    ("sizes", "first", "draw"),
    [
        ({"batch": 128}, "batch", "draw(128)"),
        ({"features": 9}, "features", "draw(features=9)"),
        ({"features": 9, "batch": 4}, "features", "draw(4, features=9)"),
    ],
)
def test_the_size_of_an_axis_is_answered_with_how_to_draw_arrays(
    sizes: dict[str, int], first: str, draw: str
) -> None:
    with pytest.raises(TypeError) as raised:
        einbench.fastest("relu", **sizes)
    assert str(raised.value) == (
        f"relu(inputs) has no argument {first!r}, which is the size of an axis; give arrays, or "
        f'draw some: **einbench.operation("relu").{draw}'
    )


def test_too_many_arrays_are_counted() -> None:
    with pytest.raises(TypeError, match=r"softmax\(logits\) takes 1 arrays, got 2"):
        softmax(Z, Z)


def test_an_option_does_not_come_by_position() -> None:
    with pytest.raises(TypeError, match=r"takes 2 arrays, got 3"):
        loss(Z, LABELS, "sum")


def test_one_sample_is_answered_with_how_to_make_it_a_row() -> None:
    expected = (
        "softmax: logits must have 2 dimensions (batch, classes), got shape (5,); "
        "add a row axis with x[None, :]"
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        softmax(Z[0])


def test_too_many_dimensions_get_no_such_hint() -> None:
    with pytest.raises(ValueError, match=r"must have 2 dimensions .* got shape \(1, 3, 5\)$"):
        softmax(Z[None])


def test_sizes_that_do_not_fit_name_both_arrays_and_the_axis() -> None:
    expected = (
        "linear: weights has features 3 where inputs has 4; "
        "expected weights of shape (units, features)"
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        linear(X, W[:, :3], B)
    with pytest.raises(ValueError, match=r"bias has units 1 where weights has 2"):
        linear(X, W, B[:1])
    with pytest.raises(ValueError, match=r"labels has batch 2 where logits has 3"):
        loss(Z, LABELS[:2])


def test_an_axis_of_no_length_is_refused_unless_it_is_the_batch() -> None:
    with pytest.raises(ValueError, match="softmax: logits has no classes; at least 1 is needed"):
        softmax(np.ones((3, 0)))
    assert softmax(np.ones((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["int64", "int8", "bool", "float16", ">f8"])
def test_a_dtype_that_is_not_supported_is_refused_with_how_to_convert(dtype: str) -> None:
    given = np.ones((2, 3)).astype(dtype)
    with pytest.raises(TypeError, match=r"softmax: logits must be float32 or float64, got .*; "
                                        r"convert with logits\.astype\('float32'\)"):  # fmt: skip
        softmax(given)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bool"])
def test_labels_that_are_not_integers_are_refused_with_how_to_convert(dtype: str) -> None:
    with pytest.raises(TypeError, match=r"cross_entropy: labels must be integers, got .*; "
                                        r"convert with labels\.astype\('int64'\)"):  # fmt: skip
        loss(Z, LABELS.astype(dtype))


class Sparse:
    """As matrices of SciPy are."""

    def toarray(self) -> Any:
        return np.ones((2, 3))


def followed(advice: str, given: Any) -> Any:
    """What a message's advice gives."""
    return eval(advice, {"np": np, "logits": given})  # noqa: S307 - made in this package


#: what came, and advice that makes an array of it which is accepted; none where there is none
STRANGE: list[tuple[Any, str, str]] = [
    ([[1, 2], [3, 4]], "list of int64", "np.asarray(logits, 'float32')"),
    (((True, False),), "tuple of bool", "np.asarray(logits, 'float32')"),
    ([["1", "2"]], "list of text", "np.asarray(logits, 'float32')"),
    (np.ones((2, 3), object), "ndarray of objects", "np.asarray(logits, 'float32')"),
    (np.ones((2, 3), "S3"), "ndarray of text", "np.asarray(logits, 'float32')"),
    (np.ones((2, 3), "complex64"), "complex64", "np.real(logits)"),
    ([[1j, 2.0]], "complex128", "np.real(logits)"),
    (Sparse(), "Sparse", "logits.toarray()"),
    (None, "NoneType", ""),
    ({"a": 1.0}, "dict", ""),
    (np.zeros((2, 3), "datetime64[s]"), "datetime64[s]", ""),
    (np.zeros((2, 3), "i4,f4"), "[('f0', '<i4'), ('f1', '<f4')]", ""),
]
if np.dtype("longdouble") != np.float64:
    wide = np.ones((2, 3), "longdouble")
    STRANGE.append((wide, str(wide.dtype), "np.asarray(logits, 'float64')"))


@pytest.mark.parametrize(("given", "came", "advice"), STRANGE)
@pytest.mark.parametrize("entrance", ["kernel", "auto", "fastest"])
def test_what_holds_no_such_numbers_gets_advice_that_fits_it(
    given: Any, came: str, advice: str, entrance: str
) -> None:
    call = {
        "kernel": softmax, "auto": einbench.auto.softmax,
        "fastest": lambda logits: einbench.fastest("softmax", logits),
    }[entrance]  # fmt: skip
    with pytest.raises(TypeError) as raised:
        call(given)
    said = f"softmax: logits must be float32 or float64, got {came}; "
    assert str(raised.value).startswith(said)
    if advice:
        assert advice in str(raised.value)
        assert softmax(followed(advice, given)).ndim == 2
    else:
        assert str(raised.value).endswith("give an array of float32")


MASKED = np.ma.array(np.ones((2, 3)), mask=[[0, 1, 0]] * 2)


@pytest.mark.filterwarnings("ignore:Warning. converting a masked")
@pytest.mark.parametrize("given", [MASKED, [*MASKED], ([1.0, np.ma.masked],), np.ma.array(Z)])
@pytest.mark.parametrize("call", [softmax, einbench.auto.softmax], ids=["kernel", "auto"])
def test_a_masked_array_is_refused_with_how_to_fill_it(given: Any, call: Any) -> None:
    with pytest.raises(TypeError, match="softmax: logits is masked, and masks are not") as raised:
        call(given)
    advice = str(raised.value).partition("masked: ")[2].partition(", say")[0]
    assert softmax(followed(advice, given)).ndim == 2


def test_masked_labels_results_and_samples_are_refused() -> None:
    with pytest.raises(TypeError, match=r"cross_entropy: labels is masked.*labels\.filled\(0\)"):
        loss(Z, np.ma.array(LABELS))
    with pytest.raises(TypeError, match="out for probs must be an array of float64, got MaskedA"):
        softmax(Z, out=np.ma.array(np.empty_like(Z)))
    net = einbench.network.Sequential([einbench.network.Linear(3, 2)])
    with pytest.raises(TypeError, match="x is masked"):
        net.predict(MASKED)
    for call in (
        lambda: einbench.network.one_hot(np.ma.array(LABELS), 5),
        lambda: einbench.network.split(MASKED, LABELS[:2]),
        lambda: einbench.network.split(np.ones((2, 3)), np.ma.array(LABELS[:2])),
    ):
        with pytest.raises(TypeError, match="is masked"):
            call()


def test_rows_of_different_lengths_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"softmax: logits is no array: setting an array elem"):
        softmax([[1.0, 2.0], [3.0]])


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_and_a_table_are_used_by_place_and_give_plain_arrays() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(Z, index=[*"zyx"], columns=[*"edcba"])
    for given in (np.matrix(Z), table):
        assert type(softmax(given)) is np.ndarray
        np.testing.assert_array_equal(softmax(given), softmax(Z))
        np.testing.assert_array_equal(einbench.auto.relu(given), np.maximum(Z, 0))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "uint32", "uint64", ">i4"])
@pytest.mark.parametrize("kernel", list(einbench.operation("cross_entropy")), ids=repr)
def test_labels_may_be_of_any_integer_dtype(kernel: Any, dtype: str) -> None:
    if kernel.reason:
        pytest.skip(kernel.reason)
    expected = loss(Z, LABELS)
    assert expected > 0.1
    np.testing.assert_allclose(kernel(Z, LABELS.astype(dtype)), expected, rtol=1e-12)


def test_mixed_dtypes_are_refused_and_both_named() -> None:
    with pytest.raises(TypeError, match=r"linear: weights is float32 while inputs is float64; "
                                        r"give every array in one dtype"):  # fmt: skip
        linear(X, W.astype("float32"), B)


@pytest.mark.parametrize("value", ["median", None, "", ["mean"], "SUM"])
def test_an_unknown_choice_of_an_option_is_answered_with_the_choices(value: Any) -> None:
    expected = rf"cross_entropy: reduction={re.escape(repr(value))} is no choice; expected one of "
    with pytest.raises(ValueError, match=expected + "'mean', 'sum'"):
        loss(Z, LABELS, reduction=value)


def test_the_first_choice_of_an_option_is_its_default() -> None:
    assert loss(Z, LABELS) == loss(Z, LABELS, reduction="mean")
    assert loss(Z, LABELS) == pytest.approx(float(loss(Z, LABELS, reduction="sum")) / 3)


@pytest.mark.parametrize("label", [-1, 5, 255])
@pytest.mark.parametrize(
    "kernel",
    [k for op in einbench.operations.values() if "labels" in op.inputs for k in op],
    ids=repr,
)
def test_a_label_outside_the_classes_is_refused_by_every_kernel(kernel: Any, label: int) -> None:
    if kernel.reason:
        pytest.skip(kernel.reason)
    op = kernel.operation
    sizes = dict.fromkeys(op.sizes, 5)
    arrays = op.draw(3, "float64", **sizes)
    for where in (0, 2):
        arrays["labels"] = np.array([0, 4, 2])
        arrays["labels"][where] = label
        with pytest.raises(ValueError, match=r"labels must lie in \[0, "):
            kernel(**arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", list(einbench.operations.values()), ids=lambda op: op.name)
def test_a_draw_is_the_same_for_the_same_seed_and_another_for_another(op: Any, dtype: str) -> None:
    sizes = dict.fromkeys(op.sizes, 9)
    first, same, other = (op.draw(8, dtype, seed=seed, **sizes) for seed in (7, 7, 8))
    assert list(first) == list(op.inputs)
    for name, array in first.items():
        assert array.shape == tuple({**sizes, op.leading: 8}[a] for a in op.inputs[name].names)
        assert array.dtype == ("int64" if name in op.integers else dtype)
        np.testing.assert_array_equal(array, same[name])
        assert not np.array_equal(array, other[name])
    op.bind(**first)


def test_a_draw_takes_the_sizes_it_is_given_and_defaults_for_the_rest() -> None:
    drawn = einbench.operation("linear").draw(batch=3, units=5)
    assert [array.shape for array in drawn.values()] == [(3, 784), (5, 784), (5,)]


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex64", "no_such_dtype", ">f4", object])
def test_an_unsupported_dtype_is_refused_by_draw(dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"dtype .* is not supported; choose float32 or float64"):
        einbench.operation("softmax").draw(2, dtype)


def test_an_unknown_axis_is_refused_by_draw() -> None:
    with pytest.raises(ValueError, match="softmax has no axis 'units'; its axes: batch, classes"):
        einbench.operation("softmax").draw(2, units=3)


@pytest.mark.parametrize(("batch", "classes"), [(-1, 3), (1.5, 3), (2, 0), (2, -4), (2, 2.5)])
def test_a_size_that_is_none_is_refused_by_draw(batch: Any, classes: Any) -> None:
    with pytest.raises(ValueError, match=r"softmax: \w+=.* is no size; expected a whole number"):
        einbench.operation("softmax").draw(batch, classes=classes)


def test_masked_arrays_that_another_thread_is_still_importing_are_no_obstacle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "numpy.ma", types.ModuleType("numpy.ma"))
    arguments.refuse_masks(np.ones(3), "operand 0")
