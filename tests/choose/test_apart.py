"""What plugins ship is checked in a process of its own before a program's process calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

#: kernels note the process that they are called in
PLUGIN = """
import os
import time
from pathlib import Path
import numpy as np
import einbench

CALLED = Path(__file__).with_name("called")
relu = einbench.operation("relu")

def note(name):
    with CALLED.open("a") as file:
        file.write(f"{name} {os.getpid()}\\n")

@relu.kernel("dies")
def dies(inputs):
    note("dies")
    os._exit(3)

@relu.kernel("leaves")
def leaves(inputs):
    note("leaves")
    os.chdir("/")
    return np.clip(inputs, 0, None)

@relu.kernel("clipped")
def clipped(inputs):
    note("clipped")
    return np.clip(inputs, 0, None)

own = einbench.Operation(
    name="theirs", formula="y = 2 x", inputs={"x": "batch columns"},
    outputs={"y": "batch columns"}, sizes={"columns": 3}, reference=lambda x: 2 * x,
    scale=lambda y, x: abs(y), flops=lambda sizes: 1.0, independent=("batch", "columns"),
)

@own.kernel("right")
def right(x):
    note("right")
    return x + x

@own.kernel("dies_too")
def dies_too(x):
    note("dies_too")
    os._exit(3)

einbench.register(own)

stuck = einbench.Operation(
    name="stuck", formula="y = 3 x", inputs={"x": "batch columns"},
    outputs={"y": "batch columns"}, sizes={"columns": 3}, reference=lambda x: 3 * x,
    scale=lambda y, x: abs(y), flops=lambda sizes: 1.0, independent=("batch", "columns"),
)

@stuck.kernel("right")
def tripled(x):
    note("right")
    return x + x + x

@stuck.kernel("hangs")
def hangs(x):
    note("hangs")
    time.sleep(3600)

einbench.register(stuck)
"""


@pytest.fixture
def run(tmp_path: Path):
    """Runs a program, which prints JSON, where a package ships kernels; its process id too."""
    (tmp_path / "dangerous.py").write_text(PLUGIN, "utf-8")
    info = tmp_path / "dangerous-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dangerous\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[einbench.kernels]\nall = dangerous\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    here = {"PYTHONPATH": path, "EINBENCH_WISDOM": str(tmp_path / "wisdom")}

    def run(*arguments: str, status: int = 0):
        process = subprocess.Popen(
            [sys.executable, *arguments], env=os.environ | here, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        out, told = process.communicate()
        assert process.returncode == status, told[-3000:]
        calls = [line.split() for line in (tmp_path / "called").read_text().splitlines()]
        inside = {name for name, pid in calls if int(pid) == process.pid}
        return json.loads(out), inside, {name for name, _ in calls}

    return run


def test_the_command_goes_on_and_says_what_each_did(run):
    document, inside, called = run(
        "-m", "einbench.cli", "fastest", "relu", "--plugins", "--batch", "8", "--json", "-",
        status=1,
    )  # fmt: skip
    found = {record["kernel"]: record for record in document["records"]}
    assert found["dies"]["status"] == "crashed"
    assert "exit code 3" in found["dies"]["reason"]
    assert found["leaves"]["status"] == "rejected"
    assert "changes the working directory" in found["leaves"]["reason"]
    assert any(record["winner"] for record in found.values())
    assert called == {"dies", "leaves", "clipped"}
    assert inside == {"clipped"}


PROGRAM = """
import json, sys
import numpy as np, einbench

einbench.load_plugins()
x = np.ones((2, 3), "f4")
with einbench.choosing(choice=sys.argv[1]):
    found = [einbench.auto.theirs(x).tolist() for _ in range(2)]
print(json.dumps([found, einbench.fastest("theirs", x, rigor="estimate").kernel.method]))
"""


@pytest.mark.parametrize("choice", ["on", "off"])
def test_a_program_goes_on_whichever_kernel_its_call_would_have_taken(run, tmp_path, choice):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    found, inside, called = run(str(program), choice)
    assert found == [[[[2, 2, 2], [2, 2, 2]]] * 2, "right"]
    assert called == {"right", "dies_too"}
    assert inside == {"right"}


HANGING = """
import json
import numpy as np, einbench
from einbench.measure import workers

workers.ISOLATED_TIMEOUT_S = 3.0
einbench.load_plugins()
x = np.ones((2, 3), "f4")
choice = einbench.fastest("stuck", x)
print(json.dumps([
    einbench.auto.stuck(x).tolist(), {r.kernel: [r.status, r.reason] for r in choice.records},
]))
"""


def test_a_program_goes_on_where_a_kernel_hangs(run, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(HANGING, "utf-8")
    (result, found), inside, called = run(str(program))
    assert result == [[3, 3, 3], [3, 3, 3]]
    assert found["right"][0] == "ok"
    assert found["hangs"][0] == "hung"
    assert found["hangs"][1].startswith("no answer within 3 s")
    assert called == {"right", "hangs"}
    assert inside == {"right"}
