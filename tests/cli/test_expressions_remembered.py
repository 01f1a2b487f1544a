"""What is remembered or saved of an expression is found whatever its letters."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.host.machine import machine

SIZES = ["--batch", "50", "--size", "j=5,k=5"]
#: spellings of one expression, each with the sizes of its axes
SPELT = [
    ("ij,jk->ik", SIZES),
    ("ab,bc->ac", ["--batch", "50", "--size", "b=5,c=5"]),
    ("rows terms, terms units -> rows units", ["--batch", "50", "--size", "terms=5,units=5"]),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The wisdom of this test, and nothing is written into the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "wisdom"


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """Wisdom of a matrix product, really measured, and its export."""
    folder = tmp_path_factory.mktemp("product")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EINBENCH_WISDOM", str(folder))
        done = invoke("fastest", "ij,jk->ik", *SIZES, "--budget", "0.05")
        assert done.exit_code == 0, done.output
        invoke("wisdom", "export", f"{folder}.json")
    return folder, Path(f"{folder}.json")


def invoke(*args):
    return CliRunner().invoke(main, list(args))


@pytest.mark.parametrize(("text", "sizes"), SPELT)
def test_a_machine_answers_whatever_the_letters(product, monkeypatch, text, sizes):
    monkeypatch.setenv("EINBENCH_WISDOM", str(product[0]))
    own = machine()["fingerprint"]
    done = invoke("fastest", text, *sizes, "--machine", own, "--json", "-")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["answers"]
    assert list(row["sizes"].values()) == [50, 5, 5]
    assert set(row["sizes"]) == {*einbench.operation(text).axes}
    assert row["exact"]
    assert row["kernel"] == next(iter(row["seconds"]))
    assert "nothing is remembered there" not in done.stderr


def test_an_export_answers_for_its_machine(product):
    document = json.loads(product[1].read_text("utf-8"))
    document["machine"][0] |= {"fingerprint": "0", "cpu": "of another"}
    Path("other.json").write_text(json.dumps(document), "utf-8")
    for path in (str(product[1]), "other.json"):
        done = invoke("fastest", *SPELT[0][:1], *SIZES, "--machine", path)
        assert done.exit_code == 0, done.output
        assert "ij,jk->ik at i 50, j 5, k 5, float32" in done.stdout
    assert "measured on of another" in done.stdout
    del document["machine"]
    Path("other.json").write_text(json.dumps(document), "utf-8")
    done = invoke("fastest", "ij,jk->ik", *SIZES, "--machine", "other.json")
    assert done.exit_code == 2
    assert done.stderr == "einbench: error: --machine other.json: it names no machine\n"


def test_a_kernel_that_is_not_here_is_not_listed(product):
    document = json.loads(product[1].read_text("utf-8"))
    (book,) = document["operations"].values()
    (choice,) = book["choices"]
    book["machine"][0]["candidates"]["of_theirs"] = "0123456789abcdef"
    choice["times"]["of_theirs"] = choice["times"][choice["kernel"]]
    Path("theirs.json").write_text(json.dumps(document), "utf-8")
    done = invoke("fastest", "ij,jk->ik", *SIZES, "--machine", "theirs.json", "--json", "-")
    (row,) = json.loads(done.stdout)["answers"]
    assert row["kernel"] == choice["kernel"]
    assert {*row["seconds"]} == {*choice["times"]} - {"of_theirs"}


@pytest.fixture
def own_kernel():
    """A choice for an expression with a kernel of a user's, beside one for its canonical form."""
    op = einbench.expression("abij->ab", i=4, j=4)
    op.kernel("mine")(lambda x0: np.sum(x0, axis=(2, 3)))
    array = np.ones((3, 16, 4, 4), np.float32)
    einbench.fastest(op, array, budget_s=0.05)
    return array


def shown(name):
    done = invoke("wisdom", "show", name, "--json", "-")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    return {choice["operation"] for choice in document["choices"]}, document["size_bytes"]


def test_an_expression_with_own_kernels_is_shown_and_forgotten_as_it_is_typed(own_kernel, folder):
    (file,) = folder.glob("abij*.json")
    for name in ("abij->ab", "abij -> ab"):
        assert shown(name) == ({"abij->ab"}, file.stat().st_size)
    einbench.fastest(einbench.expression("abij->ab", i=4, j=4), own_kernel, budget_s=0.05)
    assert shown("abij->ab") == ({"abij->ab"}, file.stat().st_size)
    for name in ("abcd->ab", "xyij->xy"):
        assert shown(name)[0] == {"abcd->ab"}
    done = invoke("wisdom", "forget", "relu", "abij->ab")
    assert {*done.stdout.splitlines()} == {
        "relu: 0 choices forgotten", "abij->ab: 1 choice forgotten",
    }  # fmt: skip
    # the name is free, and means the canonical form again
    assert invoke("wisdom", "forget", "abij->ab").stdout == "abcd->ab: 1 choice forgotten\n"
    done = invoke("wisdom", "show", "abij->ab")
    assert done.exit_code == 2
    assert "no operation" in done.stderr
