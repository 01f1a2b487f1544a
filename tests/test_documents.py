"""README, CONTRIBUTING and the page on networks hold: their code runs, what they name exists."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import einbench

from .documents import ROOT, blocks


def test_the_readmes_own_kernel_is_rejected_for_the_reason_it_tells(capsys):
    own_kernel = next(body for _, kind, body in blocks("README.md") if "@op.kernel" in body)
    try:
        exec(own_kernel, {})
    finally:
        einbench.operation("softmax_jacobian").remove("stacked")
    said = next(line for line in capsys.readouterr().out.splitlines() if "[stacked]" in line)
    assert "empty batch" in said
    assert "need at least one array to stack" in said


@pytest.mark.long
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
        (verdict,) = [v for v in einbench.check(op) if v.method == "stacked"]
    finally:
        op.remove("stacked")
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
    changing = r": \w+,|\d+ kernels"
    if "those that tie" not in printed[0]:  # as two kernels may on another day
        assert re.sub(changing, "#", shown[0]) == re.sub(changing, "#", printed[0])
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


README_PYTHON = [body for _, kind, body in blocks("README.md") if kind == "python"]


@pytest.mark.parametrize("place", range(len(README_PYTHON)))
def test_the_readmes_python_runs_as_it_says_from_inside_the_clone(place):
    assert ".venv/bin/python" in next(b for _, kind, b in blocks("README.md") if kind == "sh")
    done = subprocess.run(
        [sys.executable, "-"], cwd=ROOT, input=README_PYTHON[place], capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


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


@pytest.mark.long
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
    assert capsys.readouterr().out == "0.09 1.0\n"
    assert training("S3").rstrip().endswith("# 0.09 1.0")


def test_every_make_target_a_document_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for document in ("README.md", "CONTRIBUTING.md"):
        named = re.findall(r"`?make ([a-z-]+)", (ROOT / document).read_text(encoding="utf-8"))
        assert named
        assert set(named) <= targets


def test_the_page_on_dask_runs(capsys):
    pytest.importorskip("dask.array", reason="dask is not installed (pip install 'einbench[dask]')")
    (body,) = [body for _, kind, body in blocks("docs/dask.md") if kind == "python"]
    exec(body, {})
    assert "weight_gradient at batch 250" in capsys.readouterr().out


def test_every_file_and_folder_that_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:kernels|tests|benchmarks|docs|results)/[\w./]*)`", text)
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_local_file_a_document_links_to_exists():
    for document in ("README.md", "CONTRIBUTING.md", "docs/networks.md", "docs/dask.md",
                     "results/README.md"):  # fmt: skip
        folder = (ROOT / document).parent
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (folder / target).exists(), f"{document} links to {target}"
