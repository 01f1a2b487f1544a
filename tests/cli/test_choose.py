"""einbench tune, fastest and wisdom as people and programs run them."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.host.cores import usable_threads

COMMAND = [sys.executable, "-m", "einbench.cli"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The wisdom of this test, and nothing is written into the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path / "wisdom"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "wisdom"


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """Wisdom of relu and bias_gradient at two batches, really measured, and what was said."""
    folder = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EINBENCH_WISDOM", str(folder))
        patch.setenv("COLUMNS", "80")
        done = invoke(
            "tune", "relu", "bias_gradient", "--batch", "1,16", "--json", f"{folder}.json"
        )
    assert done.exit_code == 0, done.output
    return folder, done, json.loads(Path(f"{folder}.json").read_text("utf-8"))


@pytest.fixture
def there(tuned, monkeypatch):
    """That wisdom is this test's: it is only read."""
    monkeypatch.setenv("EINBENCH_WISDOM", str(tuned[0]))
    return tuned[0]


@pytest.fixture
def wrong_kernel():
    """bias_gradient with a kernel that forgets the last row."""
    op = einbench.operation("bias_gradient")
    op.kernel("forgetful")(lambda dlogits: np.sum(dlogits[:-1], axis=0))
    yield "forgetful"
    op.remove("forgetful")


def invoke(*args):
    return CliRunner().invoke(main, list(args))


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def test_tune_says_who_wins_where_and_what_it_did(tuned):
    folder, done, document = tuned
    for name in ("relu", "bias_gradient"):
        assert re.search(rf"^{name} +batch (1|1 to 16): \w+", done.stdout, re.MULTILINE)
    assert re.search(r"^4 cells measured in [\d.]+ m?s$", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-1] == f"wisdom: {folder}"
    assert done.stderr.splitlines() == [
        "  0% relu batch 1 (1 of 4)", " 25% relu batch 16 (2 of 4)",
        " 50% bias_gradient batch 1 (3 of 4)", " 75% bias_gradient batch 16 (4 of 4)", "100% done",
    ]  # fmt: skip
    assert document["schema"] == "einbench.tune/1"
    assert document["machine"]["numpy"] == np.__version__
    assert document["settings"]["batches"] == [1, 16]
    assert [(c["operation"], c["sizes"]["batch"], c["origin"]) for c in document["cells"]] == [
        ("relu", 1, "measured"), ("relu", 16, "measured"),
        ("bias_gradient", 1, "measured"), ("bias_gradient", 16, "measured"),
    ]  # fmt: skip
    for cell in document["cells"]:
        assert cell["kernel"] in cell["tie"]
        assert cell["median_s"] > 0
        assert cell["dtype"] == "float32"


def test_what_was_tuned_answers_at_once_and_so_do_sizes_between(there):
    asked = ["fastest", "relu", "--json", "-"]
    remembered = json.loads(invoke(*asked, "--batch", "16").stdout)
    assert (remembered["origin"], remembered["rigor"]) == ("remembered", "measure")
    between = invoke("fastest", "relu", "--batch", "4", "--json", "a.json")
    document = json.loads(Path("a.json").read_text("utf-8"))
    assert document["schema"] == "einbench.fastest/1"
    if document["origin"] == "interpolated":  # the winners of both batches may differ
        assert "between batch 1 (measured 20" in between.stdout
        assert all(r["median_s"] is None for r in document["records"])
    again = invoke("tune", "relu", "bias_gradient", "--batch", "16")
    assert "nothing was measured, 2 remembered already" in again.stdout


def test_what_a_program_asks_for_on_drawn_arrays_is_answered_too(there):
    drawn = einbench.operation("relu").draw(batch=16)
    assert einbench.fastest("relu", **drawn).origin == "remembered"


def test_fastest_measures_what_is_not_remembered_and_keeps_it():
    first = invoke("fastest", "relu", "--batch", "3", "--budget", "0.05")
    assert first.exit_code == 0
    assert re.search(r"^measured now: [\d.]+ \w+ of timing", first.stdout, re.MULTILINE)
    second = invoke("fastest", "relu", "--batch", "3")
    assert "remembered since 20" in second.stdout
    assert "--again" in second.stdout
    assert second.stdout.splitlines()[0] == first.stdout.splitlines()[0]
    third = invoke("fastest", "relu", "--batch", "3", "--again", "--budget", "0.05")
    assert "measured now" in third.stdout


def test_sizes_dtype_and_threads_are_part_of_the_question():
    asked = ["fastest", "relu", "--batch", "2", "--budget", "0.05", "--json", "a.json"]
    origins = []
    for more in ([], ["--size", "features=5"], ["--dtype", "float64"], ["--threads", "1"]):
        invoke(*asked, *more)
        origins.append(json.loads(Path("a.json").read_text("utf-8"))["origin"])
    assert origins[:3] == ["measured"] * 3
    several = usable_threads() > 1  # else one is what was found the first time
    assert origins[3] == ("measured" if several else "remembered")


def test_a_guess_says_so_and_what_it_stands_on(tuned, monkeypatch):
    asked = ["fastest", "relu", "--batch", "400", "--rigor", "estimate", "--json", "a.json"]
    stands_on = {
        None: "nothing was timed and nothing is remembered: the last kernel registered",
        tuned[0]: "scaled by the roofline from 2 remembered timings, the nearest at batch 16 (meas",
    }
    for folder, text in stands_on.items():
        if folder:
            monkeypatch.setenv("EINBENCH_WISDOM", str(folder))
        done = invoke(*asked)
        assert done.exit_code == 0, done.stderr
        document = json.loads(Path("a.json").read_text("utf-8"))
        assert document["origin"] == "estimated"
        assert f"relu at batch 400: {document['kernel']}, a guess" in done.stdout
        assert text in " ".join(done.stdout.split())
        assert ("about " in done.stdout) == bool(folder)


def test_a_wrong_kernel_is_named_each_time_and_exits_1(wrong_kernel):
    for origin in ("measured now", "remembered since"):
        done = invoke("fastest", "bias_gradient", "--batch", "2", "--budget", "0.05")
        assert done.exit_code == 1
        assert origin in done.stdout
        assert "REJECTED bias_gradient[forgetful]: " in done.stdout
    done = invoke("tune", "bias_gradient", "--batch", "2")
    assert done.exit_code == 1
    assert "REJECTED bias_gradient[forgetful]: " in done.stdout


def test_where_no_kernel_is_right_one_line_says_so_and_exits_1():
    op = einbench.register(einbench.Operation(
        name="twice", formula="y = 2 x", inputs={"inputs": "batch features"},
        outputs={"outputs": "batch features"}, sizes={"features": 3},
        reference=lambda x: 2 * x, scale=lambda y, x: abs(y), flops=lambda s: s["batch"],
    ))  # fmt: skip
    try:
        op.kernel("loop")(lambda inputs: 3 * inputs)
        done = invoke("fastest", "twice")
        assert (done.exit_code, done.stdout) == (1, "")
        assert "no kernel is left to choose from" in done.stderr
        tuned = invoke("tune", "twice", "--batch", "2")
        assert tuned.exit_code == 1
        assert "1 without a kernel to choose" in tuned.stdout
    finally:
        from einbench.registry import forget

        forget("twice")


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_nothing_is_wider_than_the_terminal(there, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    for args in (
        ["tune", "relu", "bias_gradient", "--batch", "1,16"],
        ["wisdom", "show"],
        ["fastest", "relu", "--batch", "16"],
        ["fastest", "relu", "--batch", "4"],
        ["fastest", "softmax_vjp", "--rigor", "estimate"],
    ):
        done = invoke(*args)
        assert done.exit_code == 0
        assert "\x1b" not in done.output
        lines = [line for line in done.stdout.splitlines() if str(there) not in line]
        assert max(map(len, lines)) <= columns


def test_wisdom_is_shown_to_people_and_programs(there):
    done = invoke("wisdom", "show", "--json", "a.json")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{there}\n4 answers, ")
    document = json.loads(Path("a.json").read_text("utf-8"))
    assert document["schema"] == "einbench.choices/1"
    assert document["folder"] == str(there)
    assert len(document["choices"]) == 4
    assert all(c["changed"] == [] for c in document["choices"])
    only = invoke("wisdom", "show", "relu").stdout
    assert "relu" in only
    assert "bias_gradient" not in only


def test_hints_are_counted_with_what_changed(there, folder, monkeypatch):
    monkeypatch.setenv("EINBENCH_WISDOM", str(folder))
    folder.mkdir()
    text = (there / "relu.json").read_text("utf-8")
    (folder / "relu.json").write_text(text.replace(np.__version__, "1.0.0\\u001b[2J"), "utf-8")
    done = invoke("wisdom", "show")
    assert "2 are only hints, for something has changed since: NumPy (2)" in done.stdout
    asked = invoke("fastest", "relu", "--batch", "16", "--budget", "0.05")
    assert re.search(r"under NumPy 1\.0\.0\?\[2J: \w+( too)? \(20", asked.stdout)
    assert "not used" in asked.stdout


def test_wisdom_goes_to_a_file_and_comes_back(there, folder, monkeypatch):
    assert "4 choices of 2 operations written" in invoke("wisdom", "export", "w.json").stdout
    assert json.loads(invoke("wisdom", "export", "-").stdout)["schema"] == "einbench.wisdom/1"
    monkeypatch.setenv("EINBENCH_WISDOM", str(folder))
    done = invoke("wisdom", "import", "w.json")
    assert done.stdout.startswith("4 choices of 2 operations imported: 4 answers here\n")
    assert "checked here before it is first called" in done.stdout
    assert "remembered since" in invoke("fastest", "relu", "--batch", "16").stdout
    assert "4 remembered here already" in invoke("wisdom", "import", "w.json").stdout
    assert invoke("wisdom", "forget", "relu").stdout == "relu: 2 choices forgotten\n"
    assert "2 choices of 1 operation forgotten" in invoke("wisdom", "forget").stdout
    assert "nothing is remembered" in invoke("wisdom", "show").stdout


def test_a_file_of_a_newer_einbench_is_left_alone_by_everything(folder):
    folder.mkdir()
    newer = folder / "relu.json"
    newer.write_text('{"schema": "einbench.wisdom/2"}', "utf-8")
    for args, status in (
        (["wisdom", "forget"], 2),
        (["wisdom", "forget", "relu"], 2),
        (["tune", "relu", "--batch", "1"], 2),
        (["wisdom", "show"], 0),
    ):
        done = invoke(*args)
        assert done.exit_code == status
        (line,) = done.stderr.splitlines()
        assert "a newer einbench wrote it" in line
        assert newer.read_text("utf-8") == '{"schema": "einbench.wisdom/2"}'
    # a choice is made all the same, and kept for as long as the process lives
    assert invoke("fastest", "relu", "--batch", "2", "--budget", "0.05").exit_code == 0
    assert newer.read_text("utf-8") == '{"schema": "einbench.wisdom/2"}'


def test_damaged_files_are_set_aside_and_stay(folder):
    folder.mkdir()
    (folder / "relu.json").write_text("{", "utf-8")
    done = invoke("wisdom", "show")
    assert done.exit_code == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("einbench: warning: ")
    assert "moved to" in line
    invoke("wisdom", "forget")
    assert (folder / "relu.json.damaged-1").read_text("utf-8") == "{"


def test_a_folder_with_other_documents_is_named_by_mistake_and_nothing_happens_to_them(folder):
    folder.mkdir()
    other = folder / "package.json"
    for text in ('{"name": "a"}', "[1, 2]", '{"schema": "einbench.comparison/1"}'):
        other.write_text(text, "utf-8")
        for args in (["wisdom", "show"], ["wisdom", "export", "w.json"], ["wisdom", "forget"]):
            assert "warning" not in invoke(*args).output
        assert [(p.name, p.read_text("utf-8")) for p in folder.iterdir()] == [(other.name, text)]


def test_a_refused_file_changes_nothing(folder):
    Path("w.json").write_text("{", "utf-8")
    done = invoke("wisdom", "import", "w.json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "w.json: not JSON" in done.stderr
    assert not folder.exists()


def test_a_group_alone_and_every_part_of_it_has_help():
    assert invoke("wisdom").output == invoke("wisdom", "--help").output
    for name in ("show", "export", "import", "forget"):
        assert f"  einbench wisdom {name}" in invoke("wisdom", name, "--help").output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["tune", "rellu"], "did you mean relu"),
        (["tune", "relu", "--batch", "10,000"], "write 10000 or 10_000"),
        (["tune", "relu", "--batch", "-1"], "no whole number from 0"),
        (["tune", "linear", "--batch", "60_001"], "60,000 images"),
        (["tune", "relu", "--dtype", "float16"], "choose float32 or float64"),
        (["tune", "relu", "--size", "feature=3"], "did you mean features"),
        (["tune", "relu", "--size", "batch=3", "--batch", "4"], "--batch"),
        (["tune", "relu", "--threads", "0"], "from 1"),
        (["tune", "relu", "--threads", "9999"], "expected 1 to"),
        (["tune", "relu", "--rigor", "estimate"], "'measure', 'patient'"),
        (["tune", "relu", "--json", "file/a.json"], "cannot write"),
        (["tune", "relu", "--bogus"], "--bogus"),
        (["fastest", "relu", "--rigor", "exact"], "'estimate', 'measure', 'patient'"),
        (["fastest", "relu", "--rigor", "estimate", "--budget", "1"], "--rigor estimate times"),
        (["fastest", "relu", "--rigor", "estimate", "--again"], "--rigor estimate times"),
        (["fastest", "relu", "--budget", "0"], "no number above 0"),
        (["fastest", "relu", "--size", "clases=3"], "known: features"),
        (["fastest", "relu", "--batch", "1,2"], "one at a time"),
        (["fastest", "relu", "--threads", "9999"], "expected 1 to"),
        (["fastest", "relu", "--machine", "a"], "nothing is remembered"),
        (["fastest", "--from", ".", "--rigor", "patient"], "--from times nothing"),
        (["fastest", "--from", ".", "--again"], "--from times nothing"),
        (["fastest", "--from", ".", "--size", "features=3"], "--from times nothing"),
        (["wisdom", "sho"], "did you mean show"),
        (["wisdom", "show", "rellu"], "did you mean relu"),
        (["wisdom", "show", "--json", "."], "it is a folder"),
        (["wisdom", "export"], "Missing argument 'FILE'"),
        (["wisdom", "export", "w.json"], "nothing is remembered"),
        (["wisdom", "export", "file/w.json"], "cannot write"),
        (["wisdom", "import"], "Missing argument 'FILE'"),
        (["wisdom", "import", "absent.json"], "No such file"),
        (["wisdom", "import", "."], "no regular file"),
        (["wisdom", "import", "file"], "empty"),
        (["wisdom", "forget", "rellu"], "did you mean relu"),
    ],
)
def test_wrong_use_is_one_line_and_exits_2(args, message, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = invoke(*args)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("einbench: error: ")
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_where_nothing_can_be_kept_nothing_is_measured(folder):
    folder.write_text("", "utf-8")
    done = invoke("tune", "relu", "--batch", "1")
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"einbench: error: cannot write to {folder}: ")
    assert "EINBENCH_WISDOM" in line


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_after_ctrl_c_the_same_command_measures_only_the_rest(folder):
    args = ["tune", "relu", "softmax", "--batch", "1,2,4"]
    leader, follower = os.openpty()  # a terminal on stderr: the bar says when to interrupt
    process = subprocess.Popen(
        [*COMMAND, *args], text=True, stdout=subprocess.PIPE, stderr=follower, env=environment(),
    )  # fmt: skip
    try:
        _read_until(leader, rb"relu batch 4 \(3 of 6\)")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(follower)
        os.close(leader)
    assert process.returncode == 130
    found = re.fullmatch(
        r"interrupted: (\d) of 6 cells are remembered; the same command goes on from there",
        output.splitlines()[-1],
    )
    assert found
    kept = int(found[1])
    assert 2 <= kept < 6
    before = (folder / "relu.json").read_text("utf-8")
    again = subprocess.run(
        [*COMMAND, *args, "--json", "-"], capture_output=True, text=True, check=True,
        env=environment(),
    )  # fmt: skip
    cells = json.loads(again.stdout)["cells"]
    assert [c["origin"] for c in cells] == ["remembered"] * kept + ["measured"] * (6 - kept)
    assert "\x1b" not in again.stdout + again.stderr
    first = json.loads(before)["choices"]
    assert json.loads((folder / "relu.json").read_text("utf-8"))["choices"][: len(first)] == first


def _read_until(descriptor, pattern, timeout_s=60):
    """Read a terminal until it shows something: what is not read would block the writer."""
    shown, deadline_s = b"", time.monotonic() + timeout_s
    while not re.search(pattern, shown):
        ready, _, _ = select.select([descriptor], [], [], 1.0)
        shown += os.read(descriptor, 65536) if ready else b""
        assert time.monotonic() < deadline_s, shown


def test_tune_on_a_disk_that_fills_up_says_what_is_lost_and_ends_with_2(folder, monkeypatch):
    begun = []

    def full(descriptor):
        if begun:  # there was room when the command began
            raise OSError(28, "No space left on device")
        begun.append(descriptor)

    monkeypatch.setattr("os.fsync", full)
    done = invoke("tune", "bias_gradient", "--batch", "1,2")
    assert done.exit_code == 2, done.output
    said = done.output.splitlines()[-1]
    assert said.startswith("einbench: error: not on disk, and lost by now: what was measured for")
    assert "bias_gradient" in said
    assert str(folder) in said
