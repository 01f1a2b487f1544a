"""Documents for the tests of this folder, and the command as they call it."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from einbench.cli import main

HERE = Path(__file__).parent


def _module(name):
    spec = importlib.util.spec_from_file_location(f"records_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def samples():
    """The module samples.py of this folder."""
    return _module("samples")


@pytest.fixture(scope="session")
def recorded():
    """The folder of real asv results."""
    return HERE / "data" / "asv"


@pytest.fixture(scope="session")
def einbench():
    """The command in this process: ``einbench("export", path).exit_code``."""

    def invoke(*args):
        finished = CliRunner().invoke(main, [str(arg) for arg in args])
        if finished.exception and not isinstance(finished.exception, SystemExit):
            raise finished.exception
        return SimpleNamespace(
            status=finished.exit_code, out=finished.stdout, errors=finished.stderr.splitlines(),
            content=finished.stdout_bytes,
        )  # fmt: skip

    return invoke
