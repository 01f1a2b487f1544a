"""Plugins: real distributions with entry points, loaded on request only."""

import importlib
import sys

import pytest

import einbench
from einbench.plugins import load_plugins


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with one module and one entry point on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution, module, source, entry):
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(f"[einbench.kernels]\n{entry}\n", encoding="utf-8")
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


REGISTER = """
import numpy as np
import einbench

def register():
    @einbench.operation("relu").kernel("from_a_plugin")
    def clipped(inputs):
        return np.clip(inputs, 0, None)
"""


@pytest.fixture
def relu():
    op = einbench.operation("relu")
    yield op
    if "from_a_plugin" in op:
        op.remove("from_a_plugin")


def test_a_module_registers_its_kernels_when_asked_for(install, relu):
    install("their-kernels", "their_module", REGISTER + "register()\n", "theirs = their_module")
    assert "from_a_plugin" not in relu
    assert "their-kernels: theirs" in load_plugins()
    assert "from_a_plugin" in relu


def test_a_function_is_called_once_however_often_plugins_are_loaded(install, relu):
    install("their-calls", "their_calls", REGISTER, "theirs = their_calls:register")
    assert load_plugins() == load_plugins()
    assert "from_a_plugin" in relu


@pytest.mark.parametrize(
    ("source", "entry", "fault"),
    [
        ("raise RuntimeError('no licence')", "bad = their_fault", "RuntimeError: no licence"),
        ("import nothing_of_this_name", "bad = their_fault", "nothing_of_this_name"),
        ("", "bad = their_fault:absent", "absent"),
        ("def f():\n    return 1 / 0", "bad = their_fault:f", "ZeroDivisionError"),
    ],
)
def test_a_plugin_that_fails_is_named_with_its_distribution(install, source, entry, fault):
    install("their-fault", "their_fault", source, entry)
    with pytest.raises(ValueError, match=r"plugin 'bad' .* of their-fault failed") as caught:
        load_plugins()
    assert fault in str(caught.value)
