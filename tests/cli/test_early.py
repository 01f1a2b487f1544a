"""Ctrl-C while the command is still importing: status 130, one line, and no traceback."""

import os
import signal
import subprocess
import sys

import pytest

STARTED = "import sys\nfrom einbench.cli import start\nsys.argv[1:] = ['list']\nstart()\n"
#: in place of NumPy, which is where most of that time goes
SLOW = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
def interrupted(tmp_path):
    """What a process that is interrupted in NumPy's import ends with."""

    def run(*args):
        slow = tmp_path / "path" / "numpy"
        slow.mkdir(parents=True)
        (slow / "__init__.py").write_text(SLOW, encoding="utf-8")
        path = os.pathsep.join([str(tmp_path / "path"), *(p for p in sys.path if p)])
        environment = {**os.environ, "PYTHONPATH": path}
        with subprocess.Popen(
            [sys.executable, *args], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment,
        ) as process:  # fmt: skip
            try:
                assert process.stdout.readline() == "importing\n"
                process.send_signal(signal.SIGINT)
                _, told = process.communicate(timeout=60)
            finally:
                process.kill()
        return process.returncode, told

    return run


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")


@pytest.mark.parametrize("how", ["script", "module"])
def test_the_command_ends_without_a_traceback(interrupted, tmp_path, how):
    script = tmp_path / "einbench"
    script.write_text(STARTED, encoding="utf-8")
    args = [str(script)] if how == "script" else ["-m", "einbench.cli", "list"]
    assert interrupted(*args) == (130, "einbench: interrupted before anything was finished\n")


def test_other_programs_are_interrupted_as_they_are_used_to(interrupted):
    status, told = interrupted("-c", "import einbench")
    assert status != 130
    assert told.splitlines()[-1] == "KeyboardInterrupt"
