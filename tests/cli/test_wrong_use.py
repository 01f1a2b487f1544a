"""Wrong use of the command, anywhere: one line that says what to do, and exit status 2."""

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
        (["compare", "--size", "batch=3"], "--batch"),
        (["compare", "--budget", "nan"], "no number above 0"),
        (["compare", "--memory", "0"], "no number above 0"),
        (["compare", "--picture", "tables.png"], "ends in .svg"),
        (["compare", "--json", "."], "it is a folder"),
        (["compare", "--json", "file/below/a.json"], "cannot write file/below/a.json"),
        (["compare", "--picture", "file/a.svg"], "--picture PATH"),
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
