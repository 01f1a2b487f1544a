"""Numbers that were measured are kept: beside other comparisons, and where the disk is full."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.cli.target import Target
from einbench.host.early import STOPPING

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Nothing is written into the checkout."""
    monkeypatch.chdir(tmp_path)


def invoke(*args):
    return CliRunner().invoke(main, list(args))


@pytest.mark.long
def test_two_comparisons_of_one_second_are_two_files(monkeypatch):
    module = sys.modules["einbench.cli.compare"]
    monkeypatch.setattr(module, "_default_path", lambda: Path("results/compare-now.json"))
    told = []
    for batch in ("1", "2"):
        finished = invoke("compare", "--operation", "relu", "--batch", batch, "--budget", "0.05")
        assert finished.exit_code == 0, finished.output
        told.append(finished.stdout.splitlines()[-1])
    assert told == [
        "all numbers: results/compare-now.json", "all numbers: results/compare-now-2.json"
    ]  # fmt: skip
    kept = [json.loads(Path(line.partition(": ")[2]).read_text("utf-8")) for line in told]
    assert [document["settings"]["batches"] for document in kept] == [[1], [2]]


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    code = (
        "import sys; from pathlib import Path; from einbench.cli.target import Target\n"
        "for n in range(20): Target(Path('a.json'), new=True).write({'by': [sys.argv[1], n]})"
    )
    at_once = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("one", "two")]
    assert [process.wait(120) for process in at_once] == [0, 0]
    by = [tuple(json.loads(p.read_text("utf-8"))["by"]) for p in tmp_path.glob("*.json")]
    assert sorted(by) == sorted((name, n) for name in ("one", "two") for n in range(20))


def test_a_file_that_was_requested_by_name_is_replaced():
    for number in (1, 2):
        assert Target.of("a.json").write({"n": number}).path == Path("a.json")
    assert json.loads(Path("a.json").read_text("utf-8")) == {"n": 2}
    assert len(list(Path().iterdir())) == 1


@pytest.mark.long
@FULL
@pytest.mark.parametrize(
    ("args", "kept", "shown"),
    [
        (["compare", "--operation", "relu", "--batch", "1", "--budget", "0.05"], "comparison",
         "relu"),
        (["check", "relu"], "check", "relu"),
        (["fastest", "relu", "--batch", "1", "--budget", "0.05"], "fastest", "relu at batch 1"),
        (["tune", "relu", "--batch", "1"], "tune", "relu"),
        (["train", "--samples", "64", "--batch", "64", "--epochs", "1"], "train", "auto"),
    ],
)  # fmt: skip
def test_where_the_disk_is_full_the_numbers_are_elsewhere_and_tables_are_shown(args, kept, shown):
    finished = invoke(*args, "--json", "/dev/full")
    assert finished.exit_code == 2
    *_, line = finished.stderr.splitlines()
    assert line == (
        "einbench: error: cannot write /dev/full: No space left on device; all numbers are in "
        f"einbench-{kept}.json; choose another file with --json PATH"
    )
    document = json.loads(Path(f"einbench-{kept}.json").read_text("utf-8"))
    assert document["schema"].startswith(f"einbench.{kept}/")
    assert shown in finished.stdout


def test_where_every_disk_is_full_the_numbers_are_on_stderr(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("einbench.host.documents.write_new", full)
    monkeypatch.setattr("einbench.cli.target._write", full)
    finished = invoke("check", "relu", "--json", "a.json")
    assert finished.exit_code == 2
    *_, numbers, line = finished.stderr.splitlines()
    assert json.loads(numbers)["schema"].startswith("einbench.check/")
    assert line.startswith("einbench: error: cannot write a.json: No space left on device; ")
    assert "all numbers are above, on stderr" in line
    assert "relu" in finished.stdout


@pytest.mark.parametrize(
    ("args", "option"),
    [
        (["compare"], "--json"),
        (["compare"], "--picture"),
        (["compare"], "--plot"),
        (["compare"], "--report"),
        (["report", "."], "--out"),
        (["report", ".", "--chart", "map"], "--to"),
        (["check"], "--json"),
        (["fastest", "relu"], "--json"),
        (["tune"], "--json"),
        (["train"], "--json"),
        (["train"], "--save"),
        (["export", "."], "--output"),
        (["list"], "--json"),
        (["wisdom", "export"], ""),
    ],
)
def test_a_folder_that_is_not_there_is_refused_and_not_made(args, option, tmp_path):
    ending = {
        "--picture": "svg",
        "--plot": "svg",
        "--to": "svg",
        "--save": "npz",
        "--output": "csv",
    }.get(option, "json")
    name = f"mistyped/deep/x.{ending}"
    finished = invoke(*args, *filter(None, [option]), name)
    assert finished.exit_code == 2
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert line.startswith(
        f"einbench: error: cannot write {name}: there is no folder mistyped/deep; make it, or "
        "choose another file with "
    )
    assert not list(tmp_path.iterdir())


@FULL
def test_a_table_for_a_full_disk_names_the_file(samples_of_relu):
    finished = invoke("export", str(samples_of_relu), "--output", "/dev/full")
    assert (finished.exit_code, finished.stderr) == (
        2,
        "einbench: error: cannot write /dev/full: No space left on device; choose another file "
        "with --output FILE\n",
    )


@FULL
def test_a_summary_for_a_full_disk_names_the_file():
    append = sys.modules["einbench.cli.gate"]._append
    with pytest.raises(OSError, match=r"cannot write /dev/full: No space left.* --summary PATH$"):
        append(Path("/dev/full"), "| cell |\n")


@FULL
def test_a_full_stdout_is_one_line(tmp_path):
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [sys.executable, "-m", "einbench.cli", "list"], stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert finished.returncode == 2
    assert finished.stderr == (
        "einbench: error: cannot write the output: No space left on device; free some, or send it "
        "elsewhere\n"
    )


@pytest.fixture
def samples_of_relu(tmp_path):
    """A saved comparison."""
    einbench.compare("relu", batches=1, budget_s=0.05).to_json(tmp_path / "a.json")
    return tmp_path / "a.json"


@pytest.fixture
def pressed():
    """After a signal the command ignores the next ones; this process goes on."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["compare", "tune"])
@pytest.mark.usefixtures("pressed")
def test_stopped_before_the_first_cell_no_file_is_written(
    command, number, status, monkeypatch, tmp_path
):
    from einbench.choose import measuring
    from einbench.verbs import compare as pipeline

    def press(*_, **__):
        signal.raise_signal(number)

    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))
    monkeypatch.setattr(pipeline, "check_small", press)
    monkeypatch.setattr(measuring, "check_small", press)
    named = ["--operation", "relu"] if command == "compare" else ["relu", "--json", "a.json"]
    finished = invoke(command, *named, "--batch", "1")
    assert finished.exit_code == status
    assert not list(tmp_path.rglob("*.json"))
    if command == "compare":
        assert finished.stderr.splitlines()[-1] == (
            "einbench: interrupted before the first cell was measured; no file was written"
        )
        assert finished.stdout == ""
    else:
        assert "interrupted: 0 of 1 cells are remembered" in finished.stdout


@pytest.mark.usefixtures("pressed")
def test_sigterm_keeps_the_cells_that_a_comparison_has_measured(monkeypatch):
    from einbench.verbs import compare as pipeline

    run, runs = pipeline.run, []

    def second_is_stopped(*args, **named):
        runs.append(1)
        if len(runs) == 2:
            signal.raise_signal(signal.SIGTERM)
        return run(*args, **named)

    monkeypatch.setattr(pipeline, "run", second_is_stopped)
    args = ["--operation", "relu", "--batch", "1,2", "--budget", "0.05", "--json", "a.json"]
    finished = invoke("compare", *args)
    assert finished.exit_code == 143
    assert {
        r["sizes"]["batch"] for r in json.loads(Path("a.json").read_text("utf-8"))["records"]
    } == {1}
    assert finished.stdout.splitlines()[-1] == (
        "interrupted: 1 of 2 cells were measured and kept in a.json; --resume goes on"
    )
