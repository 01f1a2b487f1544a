"""Wrong use of the command, anywhere: one line that says what to do, and exit status 2."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from einbench.cli import main


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["chek"], "no command 'chek'; did you mean check"),
        (["--bogus"], "--bogus"),
        (["compare", "--operation", "sofmax"], "did you mean softmax"),
        (["compare", "--batch", "many"], "'many' is no whole number from 0"),
        (["compare", "--batch", "-1"], "'-1' is no whole number from 0"),
        (["compare", "--batch", "10,000"], "write 10000 or 10_000"),
        (["compare", "--batch", "1,000"], "write 1000 or 1_000"),
        (["compare", "--batch", "1,128,60,000"], "write 60000 or 60_000"),
        (["compare", "--batch", "1,000,000"], "write 1000000 or 1_000_000"),
        (["compare", "--batch", "1, 000"], "write 1000 or 1_000"),
        (["compare", "--batch", "1,007"], "write 1007 or 1_007"),
        (["compare", "--batch", "1,064,32"], "write 1064 or 1_064"),
        (["compare", "--batch", "1,032,128,064"], "write 1032128064 or 1_032_128_064"),
        (["compare", "--batch", "1,07"], "'07': write it without a 0 in front, 7"),
        (["compare", "--batch", "1,,2"], "an empty part"),
        (["compare", "--operation", "linear", "--batch", "60_001"], "60,000 images"),
        (["compare", "--threads", "0"], "from 1"),
        (["compare", "--operation", "relu", "--threads", "9999"], "expected 1 to"),
        (["compare", "--layout", "Q"], "no layout 'Q'; known: C, F"),
        (["compare", "--dtype", "float16"], "choose float32 or float64"),
        (["compare", "--data", "absent"], "absent: no such folder"),
        (["compare", "--data", "."], "train-images"),
        (["compare", "--size", "clases=3"], "did you mean classes"),
        (["compare", "--size", "classes"], "axis=number"),
        (["compare", "--size", "batch=3", "--batch", "4"], "--batch"),
        (["compare", "--budget", "nan"], "no number above 0"),
        (["compare", "--memory", "0"], "no number above 0"),
        (["compare", "--picture", "tables.png"], "ends in .svg"),
        (["compare", "--json", "."], "it is a folder"),
        (["compare", "--json", "file/below/a.json"], "cannot write file/below/a.json"),
        (["compare", "--picture", "file/a.svg"], "--picture PATH"),
        (["compare", "--operation", "relu", "--batch", "99_999_999_999_999"], "a smaller batch"),
        (["fastest", "relu", "--batch", "99_999_999_999_999"], "a smaller batch"),
        (["tune", "relu", "--size", "features=99_999_999_999_999"], "smaller sizes"),
        (["train", "--kernels", "foo"], "no kernels 'foo' of any operation; known: auto, loop"),
        (["export", "--output", "x.xyz"], "no format ends in .xyz; expected .csv, .json, .parquet"),
        (["fastest", "relu", "--verbose"], "it needs --from PATH"),
        (["check", "nope"], "no operation 'nope'"),
        (["check", "--dtype", "f4x"], "choose float32 or float64"),
        (["check", "--seed", "-1"], "from 0"),
        (["fastest"], "Missing argument 'OPERATION'"),
        (["list", "relu", "--json", "file/a.json"], "cannot write"),
        (["machine", "--json", "file/a.json"], "cannot write"),
    ],
)
def test_wrong_use_is_one_line_and_exits_2(args, message, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    finished = CliRunner().invoke(main, args)
    assert finished.exit_code == 2, finished.output
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert line.startswith("einbench: error: ")
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody can write to")
def test_a_folder_that_cannot_be_written_is_named(monkeypatch):
    monkeypatch.chdir("/proc")
    finished = CliRunner().invoke(main, ["compare", "--operation", "relu", "--batch", "1"])
    assert finished.exit_code == 2
    (line,) = finished.stderr.splitlines()
    assert line.startswith("einbench: error: cannot write results/compare-")
    assert "nothing can be written in /proc (" in line
    assert line.endswith(
        "choose another file with --json PATH, or change to a folder that can be written"
    )


def test_memory_that_is_not_there_is_one_line_that_says_what_to_give_less_of(monkeypatch):
    def full(*_):
        raise MemoryError("Unable to allocate 45.5 PiB")

    monkeypatch.setattr("einbench.registry.operation", full)
    finished = CliRunner().invoke(main, ["check", "relu"])
    assert (finished.exit_code, finished.stderr.splitlines()[-1]) == (
        2,
        "einbench: error: not enough memory (Unable to allocate 45.5 PiB); give smaller "
        "sizes (--batch, --size)",
    )
