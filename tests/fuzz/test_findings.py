"""What fuzzing found, each as a file that was read wrongly before."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from einbench.choose.exchange import import_choices, read_export
from einbench.choose.wisdom import Wisdom
from einbench.gate.settings import thresholds
from einbench.network.loading import load
from einbench.record import Record
from einbench.records.read import read

from .guard import peak_bytes
from .targets import TARGETS, corpus

GATE = "[tool.einbench.gate]\n"
TOML = {
    "lists within lists": ("a = " + "[" * 3000, "nested too deeply"),
    "a number that no float holds": (f"{GATE}threshold = 1{'0' * 400}", "expected a ratio above 1"),
    "a number of thousands of digits": (f"{GATE}threshold = 1{'0' * 5000}", "pyproject.toml: "),
    "a long key": (f"{GATE}{'t' * 5000} = 1", "unknown key 't{60}"),
    "a key of two lines": (f'{GATE}[tool.einbench.gate.thresholds]\n"a\\nb" = 0', "a b = 0: expec"),
    "a key of many dots": ("a." * 100 + "b = 1", "more than 64 dots outside quotes"),
    "a long file": ("#" * 2**18 + "\n", "longer than 262,144 letters"),
}


@pytest.mark.parametrize("what", TOML)
def test_thresholds(what: str) -> None:
    text, words = TOML[what]
    with pytest.raises(ValueError, match=words) as caught:
        thresholds(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_dots_in_quotes_are_no_key() -> None:
    text = f'text = "{"." * 200}"\n{GATE}threshold = 1.5'
    assert thresholds(text).of("softmax") == 1.5


def entries(**changes: bytes | None) -> bytes:
    """A network's file with these entries changed, removed or added, by the array's name."""
    with zipfile.ZipFile(io.BytesIO(corpus("network")[0])) as file:
        held: dict[str, bytes | None] = {name: file.read(name) for name in file.namelist()}
    held |= {f"{name}.npy": content for name, content in changes.items()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in held.items():
            if content is not None:
                file.writestr(name, content)
    return made.getvalue()


def npy(array: Any) -> bytes:
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


def header(change: Callable[[dict[str, Any]], None]) -> bytes:
    """The header with something changed."""
    with np.load(io.BytesIO(corpus("network")[0])) as file:
        document = json.loads(str(file["header"]))
    change(document)
    return npy(np.array(json.dumps(document)))


def no_letters() -> bytes:
    """A key with what lies beyond the last character there is: Python's string of it is invalid."""
    valid = "units".encode("utf-32-le")
    return header(lambda d: None).replace(valid, (0x810075).to_bytes(4, "little") + valid[4:], 1)


def promised(shape: str) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


NETWORKS = {
    "a header without an end": ({"header": npy(np.zeros(2)).replace(b"}", b"{")}, "damaged"),
    "no letters": ({"header": no_letters()}, "header is no JSON object"),
    "a layer that is an object": (
        {"header": header(lambda d: d["layers"].__setitem__(0, {"layer": {}}))}, "layer 0 is {}",
    ),
    "an argument of two lines": (
        {"header": header(lambda d: d["layers"][0].__setitem__("a\nb", 1))}, "cannot be made",
    ),
    "a shape of 2^40 numbers": ({"0.weights": promised("(1099511627776,)")}, "promises"),
    "a shape below nothing": ({"0.weights": promised("(-1, 8)")}, "promises"),
    "layers of 2^40 weights": (
        {"header": header(lambda d: d["layers"][0].update(features=2**20, units=2**20))},
        r"0.weights has shape \(3, 2\), its layer \(1048576, 1048576\)",
    ),
    "an array that unpacks to far more": ({"9.weights": npy(np.zeros(2**23, "f4"))}, "unpack to"),
}  # fmt: skip


@pytest.mark.parametrize("what", NETWORKS)
def test_networks(what: str, tmp_path: Path) -> None:
    changes, words = NETWORKS[what]
    path = tmp_path / "network.npz"
    path.write_bytes(entries(**changes))

    def refused() -> None:
        with pytest.raises(ValueError, match=words) as caught:
            load(path)
        assert str(caught.value).isprintable()

    assert peak_bytes(refused) < 2**24


def test_a_status_of_thousands_of_letters() -> None:
    record = {
        "operation": "relu", "kernel": "loop", "sizes": {}, "options": {}, "dtype": "float32",
        "layout": "C", "threads": 1, "status": "9" * 5000,
    }  # fmt: skip
    with pytest.raises(ValueError, match="expected one of") as caught:
        Record.from_json(record)
    assert len(str(caught.value)) < 300


def test_an_operation_whose_name_no_terminal_shows(tmp_path: Path) -> None:
    found = json.loads(corpus("wisdom")[1]) | {"operation": "\ud800\x1b]0;x\x07"}
    path = tmp_path / "wisdom.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    imported = import_choices(Wisdom(str(tmp_path)), read_export(path), "2026-01-01T00:00:00Z")
    (why,) = imported.left
    assert why.isprintable()


def test_a_benchmark_whose_name_has_thousands_of_letters(tmp_path: Path) -> None:
    found = json.loads(corpus("pytest_benchmark")[0])
    found["benchmarks"].append({"name": "x" * 5000})
    path = tmp_path / "benchmarks.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    (warning,) = read([path]).warnings
    assert len(warning) < 400 + len(str(path))
    assert "left out, as no kernel's benchmarks: xxx" in warning


def test_a_small_file_is_not_read_into_a_quarter_of_a_gigabyte(tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    path.write_bytes(corpus("comparison")[0])
    assert peak_bytes(lambda: read([path])) < 2**21


def test_seconds_whose_ratio_no_float_holds(tmp_path: Path) -> None:
    """Of asv's: a kernel that takes 1e-320 seconds."""
    before = corpus("asv")[2]
    content = before.replace(b"1.541399888083106e-06", b"1e-320")
    assert content != before
    TARGETS["asv"](content, tmp_path)
