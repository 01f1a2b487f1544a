"""asv.conf.json says what constraints.txt says, and what no file may hold is in none."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest

from .conftest import ROOT


def relaxed(path):
    """JSON with whole-line comments, as asv reads it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return json.loads("\n".join(line for line in lines if not line.lstrip().startswith("//")))


def pins(path):
    """Those for every Python, and of those for some the ones for the oldest."""
    lines = [line.partition("; ") for line in path.read_text(encoding="utf-8").splitlines()]
    held = [pin for pin, _, marker in lines if marker in ("", 'python_version < "3.12"')]
    return dict(pin.split("==") for pin in held if "==" in pin and pin[0] != "#")


@pytest.fixture
def configuration():
    return relaxed(ROOT / "asv.conf.json")


def test_the_pinned_environment_has_the_versions_of_the_constraints(configuration):
    constraints, matrix = pins(ROOT / "constraints.txt"), configuration["matrix"]["req"]
    for name in ("numpy", "numba"):
        assert matrix[name] == [constraints[name], ""]
    assert matrix["pip+asv_runner"] == [constraints["asv_runner"]]


def test_what_both_environments_share_is_pinned_alike():
    own = pins(ROOT / "benchmarks/history/constraints.txt")
    constraints = pins(ROOT / "constraints.txt")
    assert own.items() <= constraints.items()
    assert not own.keys() & {"numpy", "numba", "llvmlite"}, "the newest must be free to come"


def test_every_dependency_of_the_package_is_pinned():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE).group(1)
    names = set(re.findall(r'"([A-Za-z0-9_-]+)', listed))
    assert names - {"numpy", "numba"} <= pins(ROOT / "benchmarks/history/constraints.txt").keys()


def test_no_python_is_asked_for_that_a_newcomer_may_lack(configuration):
    assert "pythons" not in configuration


def test_the_matrix_has_two_environments():
    pytest.importorskip("virtualenv", reason="virtualenv is not installed")
    path = ROOT / "benchmarks" / "environments.py"
    spec = importlib.util.spec_from_file_location("environments", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    configured = module.Config.load(str(ROOT / "asv.conf.json"))
    pair = module.environments(configured)
    listed = list(module.get_environments(configured, None, verbose=False))
    assert set(pair) == {"pinned", "newest"}
    assert len(listed) == 2


def test_the_suite_holds_nothing_that_pytest_would_run():
    names = [p.name for p in (ROOT / "benchmarks/history").rglob("*.py")]
    assert not [n for n in names if n.startswith("test_") or n == "conftest.py"]
