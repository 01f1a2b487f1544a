"""`einbench fastest --from`: winners out of results, machine by machine, and nothing is timed."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def results(samples, recorded, tmp_path):
    """Real asv results, a comparison with known winners, and pytest-benchmark's of another."""
    rows = []
    for batch, factor in ((1, 1.0), (10_000, 100.0)):
        rows += [
            samples.record("loop", factor, batch=batch, speedup=1.0),
            samples.record(
                "einsum", 0.5 * factor, batch=batch, speedup=2.0, winner=True, tie=batch > 1
            ),
            samples.record("matmul", 0.51 * factor, batch=batch, speedup=1.96, tie=batch > 1),
            samples.record("cheat", 1e-9, "rejected", batch=batch, reason="returns zeros"),
        ]
    folder = tmp_path / "results"
    samples.comparison(*rows).to_json(folder / "a.json")
    document = samples.pytest_benchmark(
        ("loop", 1.0), ("numba", 0.1), machine=samples.MACHINE | {"cpu": "B", "fingerprint": "b"}
    )
    samples.write(folder / "b.json", document)
    (folder / "asv").symlink_to(recorded)
    return folder


def rows_of(text):
    """(batch, winner) of every row."""
    cut = [line.split() for line in text.splitlines()]
    return [(c[0], c[1]) for c in cut if c and c[0].replace(",", "").isdigit()]


def test_every_machine_and_cell_has_its_winner(results, einbench):
    finished = einbench("fastest", "--from", "results")
    assert (finished.status, finished.errors) == (0, [])
    assert rows_of(finished.out) == [
        ("1", "einsum"), ("10,000", "einsum"), ("128", "numba"), ("1", "einsum"),
        ("128", "matmul"),
    ]  # fmt: skip
    lines = finished.out.splitlines()
    (place,) = [n for n, line in enumerate(lines) if line.startswith("10,000")]
    assert lines[place + 1].strip() == "= matmul"
    assert finished.out.startswith("A Processor, openblas 0.3.30, NumPy 2.4.6")
    assert "REJECTED softmax[cheat] at batch 1 and 10,000: returns zeros" in finished.out
    assert "REJECTED softmax[einsum] at batch 128: its error is beyond" in finished.out
    text = " ".join(finished.out.split())
    assert "commit bbe9e806 of 2026-02-01, asv: results/asv/reference/bbe9" in text
    assert "cheat" not in {winner for _, winner in rows_of(finished.out)}


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_is_readable_in_a_pipe_of_any_width(results, samples, einbench, monkeypatch, width):
    long = "jacobian_einsum_premultiplied_and_more"
    rows = [samples.record(long, 1.0, batch=7), samples.record("einsum_path", 2.0, batch=7)]
    samples.comparison(*rows, machine={"cpu": "C"}).to_json(results / "c.json")
    monkeypatch.setenv("COLUMNS", str(width))
    finished = einbench("fastest", "--from", "results")
    assert "\x1b" not in finished.out
    assert max(map(len, finished.out.splitlines())) <= width
    for name in ("einsum", "matmul", "numba", "loop", "10,000", long, "einsum_path"):
        assert name in finished.out


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["softmax", "--machine", "reference"], [("1", "einsum"), ("128", "matmul")]),
        (["Softmax", "--machine", "REFERENCE", "--batch", "128"], [("128", "matmul")]),
        (["--machine", "B"], [("128", "numba")]),
        (["--machine", "abc123", "--batch", "1"], [("1", "einsum")]),
        (["--commit", "4868", "--batch", "128"], [("128", "matmul")]),
        (["--commit", "ab12"], [("128", "numba")]),
        (["--dtype", "float32", "--batch", "1,10_000", "--machine", "A Processor"],
         [("1", "einsum"), ("10,000", "einsum"), ("1", "einsum")]),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_what_is_reported(results, einbench, args, expected):
    finished = einbench("fastest", "--from", "results", *args)
    assert finished.status == 0
    assert rows_of(finished.out) == expected


def test_several_sources_are_read_as_one(results, einbench):
    finished = einbench("fastest", "--from", "results/a.json", "--from", "results/b.json")
    assert rows_of(finished.out) == [("1", "einsum"), ("10,000", "einsum"), ("128", "numba")]


def test_an_older_commit_is_reported_where_it_is_asked_for(results, einbench):
    finished = einbench("fastest", "--from", "results", "--commit", "48686691")
    assert "commit 48686691 of 2026-01-01" in finished.out
    assert "bbe9e806" not in finished.out


def test_the_document_has_schema_machine_and_every_winner(results, einbench):
    finished = einbench("fastest", "--from", "results", "--json", "-")
    document = json.loads(finished.out)
    assert document["schema"] == "einbench.winners/1"
    assert len(document["machine"]) == 3
    assert [(w["batch"], w["kernel"]) for w in document["winners"]] == [
        (1, "einsum"), (10_000, "einsum"), (128, "numba"), (1, "einsum"), (128, "matmul"),
    ]  # fmt: skip
    tied = document["winners"][1]
    assert (tied["ties"], tied["runner_up"], tied["speedup"]) == (["matmul"], "loop", 2.0)
    assert any("einsum" in line for line in finished.errors)  # the tables


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["sofmax"], "no operation 'sofmax' in results; did you mean softmax"),
        (["--batch", "100"], "no batch 100 in results; known: 1, 128, 10000"),
        (["--dtype", "float16"], "no dtype 'float16' in results; did you mean float32"),
        (["--machine", "referense"], "did you mean reference"),
        (["--commit", "cafe"], "no commit 'cafe' in results; known: "),
        (["--threads", "2"], "--threads: --from times nothing; leave it out"),
        (["--budget", "2"], "--budget: --from times nothing; leave it out"),
        (["--json", "."], "it is a folder"),
    ],
)
def test_wrong_use_is_one_line(results, einbench, args, message):
    finished = einbench("fastest", "--from", "results", *args)
    assert (finished.status, finished.out) == (2, "")
    (line,) = finished.errors
    assert message in line


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "Missing argument 'OPERATION': name one, or results with --from PATH."),
        (
            ["softmax", "--machine", "x", "--again"],
            "--again: --machine times nothing; leave it out",
        ),
        (["softmax", "--commit", "x"], "--commit: only results have one: it needs --from PATH"),
        (["softmax", "--batch", "1,2"], "--batch: one at a time"),
        (["softmax", "--dtype", "float32,float64"], "--dtype: one at a time"),
        (["--from", "absent"], "absent: No such file"),
    ],
)
def test_without_results_there_is_an_operation_to_time(einbench, args, message):
    finished = einbench("fastest", *args)
    assert (finished.status, finished.out) == (2, "")
    (line,) = finished.errors
    assert message in line


@pytest.mark.parametrize(
    "text", ["ij,jk->ik", "ab,bc->ac", "ij,jk", "rows terms, terms units -> rows units"]
)
def test_an_expression_is_found_whatever_its_letters(samples, einbench, tmp_path, text):
    sizes = {"i": 128, "j": 5, "k": 5}
    rows = [
        samples.record("loop", 1.0, operation=name, sizes=sizes, leading="i")
        for name in ("ij,jk->ik", "ij,kj->ik", "a mistake, of - another->")
    ]
    samples.comparison(*rows, samples.record("loop", 1.0)).to_json(tmp_path / "a.json")
    finished = einbench("fastest", "--from", "a.json", text, "--json", "-")
    assert finished.status == 0, finished.errors
    (winner,) = json.loads(finished.out)["winners"]
    assert (winner["operation"], winner["batch"]) == ("ij,jk->ik", 128)
    (line,) = einbench("fastest", "--from", "a.json", "ab,cb->ca").errors
    assert "no operation 'ab,cb->ca' in a.json; known: ij,jk->ik, ij,kj->ik" in line


def test_a_commit_that_may_be_several_is_refused(samples, einbench, tmp_path):
    for commit in ("aa1", "aa2"):
        document = samples.asv(["loop"], [1.0], commit=commit)
        samples.write(tmp_path / "r" / f"{commit}-env.json", document)
    (line,) = einbench("fastest", "--from", "r", "--commit", "aa").errors
    assert "commit 'aa' may be any of aa1, aa2" in line


def test_where_no_kernel_is_left_the_status_is_1_and_the_reason_is_reported(
    samples, einbench, tmp_path
):
    samples.write(tmp_path / "r" / "1-e.json", samples.asv(["loop"], [None]))
    finished = einbench("fastest", "--from", "r")
    assert finished.status == 1
    assert "none: failed" in finished.out
    assert "FAILED softmax[loop] at batch 128: asv could not time it" in finished.out


def test_kernels_that_no_file_calls_right_are_reported(samples, einbench, tmp_path):
    samples.write(tmp_path / "r" / "1-e.json", samples.asv(["loop", "matmul"], [1.0, 0.5]))
    assert "softmax[matmul]" in einbench("fastest", "--from", "r").out
    samples.write(
        tmp_path / "r" / "1-e.json",
        samples.asv(["loop", "matmul"], [1.0, 0.5], errors=[0.1, 0.1]),
    )
    assert "softmax[matmul]" not in einbench("fastest", "--from", "r").out


def test_several_runs_of_one_machine_are_reported_apart_by_number(samples, einbench, tmp_path):
    first = samples.asv(["loop"], [1.0], commit="a" * 12)
    second = samples.asv(["loop"], [1.0], commit="b" * 12)
    second["results"] = {"relu.time_kernel": second["results"]["softmax.time_kernel"]}
    samples.write(tmp_path / "r" / "a-e.json", first)
    samples.write(tmp_path / "r" / "b-e.json", second)
    out = einbench("fastest", "--from", "r").out
    assert "[1] commit aaaaaaaa of " in out
    assert "[2] commit bbbbbbbb of " in out
    assert sum(line.endswith(("[1]", "[2]")) for line in out.splitlines()) == 2


def test_nothing_is_timed_and_numba_is_not_loaded(results):
    script = (
        "import sys; from einbench.cli import main\n"
        "try: main(['fastest', '--from', 'results'])\n"
        "finally: sys.exit(40 + any(m == 'numba' or m.startswith('einbench.measure.')\n"
        "    and m != 'einbench.measure.conditions' for m in sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 40, done.stderr
