"""A network comes back from its file bit for bit, and no other file passes for one."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench

N = einbench.network
X = np.random.default_rng(0).standard_normal((20, 4))
Y = np.arange(20) % 3

NETWORKS: dict[str, Any] = {
    "logits": lambda **g: N.Sequential([N.Linear(4, 5), N.ReLU(), N.Linear(5, 3)], **g),
    "likelihood": lambda **g: N.Sequential(
        [N.Linear(4, 5, initial="xavier"), N.Tanh(), N.Linear(5, 3, bias=False), N.Softmax()],
        N.NegativeLogLikelihood("sum", joint=False), **g
    ),
    "squares": lambda **g: N.Sequential(
        [N.Linear(4, 5, initial=N.normal(1)), N.Sigmoid(), N.Linear(5, 3)],
        N.SoftmaxMeanSquaredError(), **g
    ),
}  # fmt: skip


def trained(kind: str = "logits", dtype: str = "float32") -> Any:
    net = NETWORKS[kind](kernels="matmul", dtype=dtype)
    net.fit(X, Y, batch=5, optimizer=N.SGD(0.01))
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_comes_back_bit_for_bit(kind: str, dtype: str, tmp_path: Path) -> None:
    net, path = trained(kind, dtype), tmp_path / "net.npz"
    net.save(path)
    again = N.load(path, kernels="matmul")
    assert repr(again) == repr(net)
    assert list(again.parameters) == list(net.parameters)
    for name, array in net.parameters.items():
        assert array.tobytes() == again.parameters[name].tobytes()
        assert array.dtype == again.parameters[name].dtype
    assert (again.forward(X) == net.forward(X)).all()
    curves = [n.fit(X, Y, batch=5, seed=3).step_losses for n in (net, again)]
    assert curves[0] == curves[1]
    other = NETWORKS[kind](kernels="matmul", dtype=dtype, seed=9)
    other.load_parameters(path)
    assert (other.predict(X) == N.load(path, kernels="matmul").predict(X)).all()


def test_the_name_is_the_one_that_was_given_and_what_was_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "net"
    trained().save(path)
    trained("squares").save(str(path))
    assert [p.name for p in path.parent.iterdir()] == ["net"]
    assert "SoftmaxMeanSquaredError" in repr(N.load(path))


def test_a_save_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, path = trained(), tmp_path / "net.npz"
    net.save(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        trained("squares").save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([N.Linear(4, 6), N.ReLU(), N.Linear(6, 3)],
         r"its layer 0 is Linear\(4, 5\), this network's is Linear\(4, 6\)"),
        ([N.Linear(4, 5), N.Tanh(), N.Linear(5, 3)], r"its layer 1 is ReLU\(\), .* Tanh\(\)"),
        ([N.Linear(4, 5), N.ReLU(), N.Linear(5, 3, bias=False)], r"its layer 2 .*bias=False"),
        ([N.Linear(4, 5)], r"its layer 1 is ReLU\(\), this network's is missing"),
        ([N.Linear(4, 5), N.ReLU(), N.Linear(5, 3), N.ReLU()], "its layer 3 is missing"),
    ],
)  # fmt: skip
def test_another_architecture_is_refused_by_its_first_layer_that_differs(
    layers: Any, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.npz"
    trained().save(path)
    net = N.Sequential(layers)
    before = [p.copy() for p in net.parameters.values()]
    with pytest.raises(ValueError, match=words):
        net.load_parameters(path)
    assert all((p == b).all() for p, b in zip(net.parameters.values(), before, strict=True))


def test_parameters_of_another_dtype_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    trained(dtype="float64").save(path)
    with pytest.raises(ValueError, match="its parameters are float64, this network's float32"):
        NETWORKS["logits"]().load_parameters(path)


def header(**changes: Any) -> np.ndarray[Any, Any]:
    with np.load(io.BytesIO(saved())) as file:
        return np.array(json.dumps({**json.loads(str(file["header"])), **changes}))


def saved() -> bytes:
    content = io.BytesIO()
    net = NETWORKS["logits"]()
    described = {
        "schema": "einbench.network/1", "dtype": "float32",
        "layers": [layer.describe() for layer in net.layers], "loss": net.loss.describe(),
    }  # fmt: skip
    np.savez(content, header=np.array(json.dumps(described)), **net.parameters)
    return content.getvalue()


def arrays(**changes: Any) -> bytes:
    with np.load(io.BytesIO(saved())) as file:
        held = {name: file[name] for name in file.files} | changes
    content = io.BytesIO()
    held = {name: array for name, array in held.items() if array is not None}
    np.savez(content, **held)
    return content.getvalue()


def one_array() -> bytes:
    content = io.BytesIO()
    np.save(content, X)
    return content.getvalue()


def other_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("header", "{}")
    return content.getvalue()


class Opened:
    """Its pickle does something when it is loaded."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("a pickle was loaded",)


BAD: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "damaged or cut off"),
    ("a text", b"epoch,loss\n1,0.5\n", "pickled objects are never loaded"),
    ("a pickle", pickle.dumps(Opened()), "pickled objects are never loaded"),
    ("cut off", saved()[:-100], "damaged or cut off"),
    ("a bit flipped", saved().replace(b"}", b"~", 1), "damaged"),
    ("one array", one_array(), "a single array"),
    ("another zip", other_zip(), "header in it is no array"),
    ("no header", arrays(header=None), "without a header"),
    ("header of numbers", arrays(header=np.arange(3)), "header is no JSON object"),
    ("header of a list", arrays(header=np.array("[1]")), "header is no JSON object"),
    ("header cut", arrays(header=np.array('{"schema')), "header is no JSON object"),
    ("a pickled header", arrays(header=np.array(Opened(), object)), "pickled"),
    ("a pickled array", arrays(**{"0.bias": np.array([Opened()] * 5)}), "pickled"),
    ("another schema", arrays(header=header(schema="einbench/1")), "schema 'einbench/1'"),
    ("no layers", arrays(header=header(layers=None)), "lists no layers"),
    ("empty layers", arrays(header=header(layers=[])), "needs layers"),
    ("unknown layer", arrays(header=header(layers=[{"layer": "Conv"}])), "layer 0 is 'Conv'"),
    ("bad layer", arrays(header=header(layers=[{"layer": "Linear"}])), "layer 0 cannot be made"),
    ("odd layer", arrays(header=header(layers=["Linear"])), "layer 0 is 'Linear'"),
    ("unknown loss", arrays(header=header(loss={"loss": "Hinge"})), "loss is 'Hinge'"),
    ("no dtype", arrays(header=header(dtype=None)), "dtype"),
    ("missing", arrays(**{"2.bias": None}), "the array 2.bias is missing"),
    ("extra", arrays(more=X), "the array 'more' belongs to no layer"),
    ("shape", arrays(**{"0.bias": np.zeros(6, "f4")}), r"0.bias is float32 \(6,\); expected"),
    ("dtype", arrays(**{"0.bias": np.zeros(5)}), r"0.bias is float64 \(5,\); expected float32"),
]


@pytest.mark.parametrize(("content", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_file_that_holds_no_network_is_refused_in_one_line(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.npz"
    path.write_bytes(content)
    net = NETWORKS["logits"]()
    before = [p.copy() for p in net.parameters.values()]
    for load in (N.load, net.load_parameters):
        if load is not N.load and words in ("needs layers", "loss is 'Hinge'"):
            continue  # the layers' own are compared, and the loss is no parameter
        with pytest.raises(ValueError, match=words if load is N.load else ".") as problem:
            load(path)
        assert str(path) in str(problem.value)
        assert "\n" not in str(problem.value)
    assert all((p == b).all() for p, b in zip(net.parameters.values(), before, strict=True))


def test_a_missing_file_is_reported_as_python_tells_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"net\.npz"):
        N.load(tmp_path / "net.npz")


def test_a_layer_of_ones_own_cannot_be_saved(tmp_path: Path) -> None:
    class Square:
        """y = x^2"""

        names = ()

        def begin(self, rng: Any, dtype: Any) -> None: ...

        def forward(self, _: Any, inputs: Any) -> Any:
            return inputs * inputs

        def backward(self, _: Any, inputs: Any, *rest: Any) -> Any:
            return [], 2 * inputs * rest[1]

        def describe(self) -> dict[str, Any]:
            return {"layer": "Square"}

    net = N.Sequential([N.Linear(4, 5), Square(), N.Linear(5, 3)], kernels="matmul")
    assert net.fit(X, Y, batch=5, epochs=2).epochs == 2
    with pytest.raises(ValueError, match="'Square' cannot be saved"):
        net.save(tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("initial", ["he", "xavier", "normal", "uniform"])
def test_a_network_goes_through_pickle_to_other_processes(initial: str) -> None:
    net = N.Sequential([N.Linear(6, 5, initial), N.ReLU(), N.Linear(5, 3)], kernels="numba")
    x = np.ones((4, 6), np.float32)
    expected = net.forward(x)
    there = pickle.loads(pickle.dumps(net))  # noqa: S301 - as multiprocessing does it
    np.testing.assert_array_equal(there.forward(x), expected)
