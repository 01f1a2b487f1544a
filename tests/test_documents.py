"""README and CONTRIBUTING hold: their code runs, their commands exist, their steps work."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)```", re.S)


def blocks(document: str) -> list[tuple[str, str, str]]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return [(m["note"] or "", m["language"], m["body"]) for m in BLOCK.finditer(text)]


def run(argv: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_readmes_own_kernel_is_rejected_for_the_reason_it_tells(capsys):
    own_kernel = next(body for _, kind, body in blocks("README.md") if "@op.kernel" in body)
    try:
        exec(own_kernel, {})
    finally:
        einbench.operation("softmax_jacobian").remove("outer")
    said = next(line for line in capsys.readouterr().out.splitlines() if "[outer]" in line)
    assert "empty batch" in said
    assert "need at least one array to stack" in said


def test_the_readmes_correction_of_it_passes():
    own_kernel = next(body for _, kind, body in blocks("README.md") if "@op.kernel" in body)
    corrected = own_kernel.replace(
        "jacobian = np.stack([-np.multiply.outer(p, p) for p in probs])",
        "jacobian = np.empty((*probs.shape, probs.shape[1]), probs.dtype)\n"
        "    for p, rows in zip(probs, jacobian): np.multiply.outer(p, -p, out=rows)",
    )
    assert corrected != own_kernel
    op = einbench.operation("softmax_jacobian")
    try:
        exec(corrected, {})
        (verdict,) = [v for v in einbench.check(op) if v.method == "outer"]
    finally:
        op.remove("outer")
    assert verdict.passed, verdict.reason


def test_the_readmes_fastest_runs_and_explains_itself(capsys):
    fastest = [body for _, kind, body in blocks("README.md") if "einbench.fastest" in body]
    assert len(fastest) == 2
    for body in fastest:
        exec(body, {})
        assert "softmax_vjp" in capsys.readouterr().out


def test_the_readmes_output_is_of_the_form_that_its_example_prints(capsys):
    example, output = blocks("README.md")[1:3]
    assert (example[1], output[1]) == ("python", "text")
    exec(example[2], {})
    printed = capsys.readouterr().out.splitlines()
    shown = [line for line in output[2].splitlines() if line.strip() != "..."]
    # times and the kernel that wins are this machine's; words and columns are the same everywhere
    assert re.sub(r": \w+,", ": K,", shown[0]) == re.sub(r": \w+,", ": K,", printed[0])
    assert shown[1] == re.sub(r"\d+ thread\w*", "2 threads", printed[1])
    kernels = {line[2:].split()[0] for line in printed if "error" in line}
    assert {line[2:].split()[0] for line in shown if "error" in line} <= kernels


def test_contributings_own_operation_passes_its_check(capsys):
    (example,) = [
        body for note, _, body in blocks("CONTRIBUTING.md") if note == "an operation of one's own"
    ]
    try:
        exec(example, {})
        assert [v.reason for v in einbench.check("entropy", dtype="float64") if not v.passed] == []
    finally:
        einbench.forget("entropy")
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition(", error")[0] for line in printed] == [
        "entropy[loop]: passed", "entropy[einsum]: passed",
    ]  # fmt: skip


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def training(name: str) -> str:
    """The example that follows the paragraph about that network."""
    text = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    match = re.search(rf"^{name}: [^`]*```python\n(.*?)```", text, re.M | re.S)
    assert match is not None
    return match[1]


@pytest.mark.parametrize("name", ["S1", "S2", "S3"])
def test_an_example_of_training_is_some_ten_lines(name):
    lines = [line for line in training(name).splitlines() if line]
    assert len(lines) <= 10


def test_s1_separates_what_no_line_does():
    ran: dict[str, Any] = {}
    exec(training("S1"), ran)
    net, columns, labels = ran["net"], ran["columns"], ran["labels"]
    assert columns.shape == (2, 400)
    assert net.accuracy(columns.T, labels) > 0.98
    # of all lines through the plane, one in every direction and place
    best = 0.0
    for angle in np.linspace(0, np.pi, 180, endpoint=False):
        order = np.argsort(columns.T @ [np.cos(angle), np.sin(angle)])
        lead = np.cumsum(2 * labels[order] - 1)
        best = max(best, 0.5 + np.abs(lead).max() / len(labels))
    assert round(best, 2) == 0.78


def test_s2_trains_and_weights_by_fan_in_are_ahead_of_it(capsys):
    ran: dict[str, Any] = {}
    exec(training("S2"), ran)
    losses = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()[1:]]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 10
    by_fan_in: dict[str, Any] = {}
    code = training("S2")
    assert "initial = N.uniform(-1, 1)" in code
    exec(code.replace("initial = N.uniform(-1, 1)", 'initial = "he"'), by_fan_in)
    ahead = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()[1:]]
    assert ahead[0] < losses[-1]


def test_s3_knows_its_hundred_images(capsys):
    exec(training("S3"), {})
    assert capsys.readouterr().out == "0.12 1.0\n"
    assert training("S3").rstrip().endswith("# 0.12 1.0")


def test_every_make_target_a_document_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for document in ("README.md", "CONTRIBUTING.md"):
        named = re.findall(r"`?make ([a-z-]+)", (ROOT / document).read_text(encoding="utf-8"))
        assert named
        assert set(named) <= targets


def test_every_local_file_a_document_links_to_exists():
    for document in ("README.md", "CONTRIBUTING.md", "docs/networks.md", "results/README.md"):
        folder = (ROOT / document).parent
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (folder / target).exists(), f"{document} links to {target}"


def test_the_readme_counts_what_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    operations = list(einbench.operations.values())
    assert f"{sum(len(op.kernels) for op in operations)} such kernels" in text
    assert f"{len(operations)} operations" in text


@pytest.fixture(scope="module")
def contributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package to which CONTRIBUTING's first step has been applied."""
    folder = tmp_path_factory.mktemp("contributed")
    package = folder / "einbench"
    shutil.copytree(
        Path(einbench.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    changed = []
    for note, _, body in blocks("CONTRIBUTING.md"):
        if edit := re.fullmatch(r'(append to|insert below "(.*)" in) kernels/(\S+)', note):
            path = package / edit[3]
            text = path.read_text(encoding="utf-8")
            if edit[2] is None:
                text += f"\n\n{body}"
            else:
                above = text.index(f"\n{edit[2]}") + 1
                below = text.index("\n", above) + 1
                text = text[:below] + body + text[below:]
            path.write_text(text, encoding="utf-8")
            changed.append(edit[1])
    assert len(changed) == 2
    return folder


def commands() -> list[str]:
    return [
        line
        for note, _, body in blocks("CONTRIBUTING.md")
        if note == "run"
        for line in body.strip().splitlines()
    ]


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("einbench ")])
def test_a_step_of_contributing_runs_and_shows_the_new_kernel(command, contributed, tmp_path):
    argv = [sys.executable, "-m", "einbench.cli", *shlex.split(command)[1:]]
    if "compare" in argv:
        argv += ["--json", str(tmp_path / "comparison.json")]
    done = run(argv, PYTHONPATH=str(contributed))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "outer" in done.stdout


def test_the_new_kernel_is_tested_without_a_new_test(contributed):
    (command,) = [c for c in commands() if c.startswith("make test")]
    selection = re.search(r'ARGS="(.*)"', command)
    assert selection is not None
    done = run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-q"),
            *("-p", "no:cacheprovider", "-p", "no:xdist", *shlex.split(selection[1])),
        ],
        PYTHONPATH=str(contributed),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tested = [line for line in done.stdout.splitlines() if "outer" in line]
    assert any("right_kernels" in line for line in tested)
    assert any("truth" in line for line in tested)
