"""`einbench report` as people use it and misuse it, without a browser."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.cli import main
from einbench.records.read import read

from . import made


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def report(*args: object) -> Any:
    return CliRunner().invoke(main, ["report", *map(str, args)])


def blob(page: str, name: str) -> Any:
    content = re.search(rf'<script type="text/plain" id="{name}">([^<]*)</script>', page)
    assert content is not None, name
    return json.loads(gzip.decompress(base64.b64decode(content[1])))


class Tags(HTMLParser):
    """Names of tags, what refers elsewhere, and text outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.refers: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        self._inside = tag
        self.refers += [v for name, v in attrs if name in ("src", "href", "action") and v]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text += data


def page(*args: object) -> tuple[str, Tags]:
    done = report(*args, "--out", "page.html")
    assert done.exit_code == 0, done.output
    text = Path("page.html").read_text("utf-8")
    return text, Tags(text)


def test_a_page_holds_all_it_shows_and_refers_to_nothing_outside_it(tmp_path: Path) -> None:
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    text, tags = page("a.json")
    assert all(where.startswith(("#", "data:,")) for where in tags.refers)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe-eval" not in policy[1]
    for said in ("loop until about 100 rows, numba beyond.", "Made-up Processor",
                 "einbench compare softmax --batch 1,100", "numba 500 ms"):  # fmt: skip
        assert said in tags.text, said


def test_what_is_in_the_page_is_what_is_in_the_file(tmp_path: Path) -> None:
    path = made.saved(tmp_path, "a.json", made.document(made.crossing()))
    text, _ = page("a.json")
    assert blob(text, "records")["records"] == read(["a.json"]).rows
    kept = [record["samples_s"] for record in json.loads(path.read_text("utf-8"))["records"]]
    assert blob(text, "samples") == kept


def test_names_from_files_are_text_everywhere(tmp_path: Path) -> None:
    records = made.crossing(made.HOSTILE)
    records += [
        made.record(
            made.HOSTILE, f"k{made.HOSTILE}", 1, None, status="rejected", reason=made.HOSTILE
        )
    ]
    content = made.document(records)
    content["machine"] = {**made.MACHINE, "cpu": made.HOSTILE}
    made.saved(tmp_path, "a.json", content)
    race = made.race()
    race["races"][0]["expressions"][0]["name"] = made.HOSTILE
    made.saved(tmp_path, "b.json", race)
    text, tags = page("a.json", "b.json")
    assert tags.seen.count("script") == text.count("<script") == 5
    assert "img" not in tags.seen
    assert f"REJECTED k{made.HOSTILE}: {made.HOSTILE}" in tags.text


@pytest.mark.parametrize(
    "name", ["map", "roofline", "time:softmax", "cost:softmax", "race", "expressions"]
)
def test_any_chart_is_a_picture(name: str, tmp_path: Path) -> None:
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    made.saved(tmp_path, "b.json", made.race())
    done = report("a.json", "b.json", "--chart", name, "--to", "chart.svg")
    assert done.exit_code == 0, done.output
    drawn = Path("chart.svg").read_text("utf-8")
    assert drawn.startswith("<svg")
    assert ("einbench.einsum" if name in ("race", "expressions") else "numba") in Tags(drawn).text
    assert 'href="http' not in drawn


def test_a_chart_is_a_png_where_its_name_ends_so(tmp_path: Path) -> None:
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    assert report("a.json", "--chart", "error:softmax", "--to", "c.png").exit_code == 0
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--chart", "map"], "--chart without --to PICTURE"),
        (["--to", "a.svg"], "--to without --chart NAME"),
        (["--chart", "map", "--to", "a.pdf"], "expected a name that ends in .svg or .png"),
        (["--chart", "mapp", "--to", "a.svg"], "did you mean map"),
        (["--chart", "map", "--to", "a.svg", "--out", "b.html"], "leave one of them out"),
        (["--out", "nowhere/page.html"], "there is no folder nowhere"),
        (["missing.json"], "missing.json: No such file or directory"),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(
    args: list[str], said: str, tmp_path: Path
) -> None:
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    done = report("a.json", *args)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_no_results_yet_is_one_line(tmp_path: Path) -> None:
    done = report(tmp_path)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "run einbench compare first" in done.stderr
    assert "there is no folder results here" in report().stderr
    Path("results").mkdir()
    assert "no results in results" in report().stderr


def test_a_missing_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    monkeypatch.setitem(sys.modules, "altair", None)
    done = report("a.json")
    assert done.exit_code == 2
    assert "pip install 'einbench[report]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    compared = CliRunner().invoke(main, ["compare", "relu", "--plot", "a.svg"])
    assert (compared.exit_code, compared.stdout) == (2, "")
    assert "pip install 'einbench[report]'" in compared.stderr


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    # root may write anywhere but here
    place = locked if os.geteuid() else Path("/proc")
    done = report("a.json", "--out", place / "page.html")
    assert done.exit_code == 2
    assert "cannot write" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    ("args", "option"),
    [(["--out", "/dev/full"], "--out"), (["--chart", "map", "--to", "full.svg"], "--to")],
)
def test_a_full_disk_is_one_line_and_its_device_stays_one(
    args: list[str], option: str, tmp_path: Path
) -> None:
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    Path("full.svg").symlink_to("/dev/full")
    done = report("a.json", *args)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"No space left on device; choose another file with {option}")
    assert Path("/dev/full").is_char_device()
    assert Path("full.svg").is_symlink()


def test_one_record_is_a_page(tmp_path: Path) -> None:
    made.saved(tmp_path, "a.json", made.document([made.record("softmax", "loop", 1, 1e-6)]))
    _, tags = page("a.json")
    assert "Of 1 cells" not in tags.text
    assert "the fastest kernel is loop" in tags.text


def test_a_kernel_with_all_cells_skipped_is_told_with_its_reason(tmp_path: Path) -> None:
    skipped = [
        made.record("softmax", "slow", b, None, status="skipped", reason="no time for it")
        for b in (1, 10_000)
    ]
    made.saved(tmp_path, "a.json", made.document([*made.crossing(), *skipped]))
    _, tags = page("a.json")
    assert "skipped slow: no time for it" in tags.text
    made.saved(tmp_path, "a.json", made.document(skipped))
    _, tags = page("a.json")
    assert "No kernel was timed" in tags.text
    assert "all skipped" in tags.text


def test_times_that_are_nan_leave_the_others(tmp_path: Path) -> None:
    records = made.crossing()
    content = json.dumps(made.document(records)).replace('"median_s": 1e-06', '"median_s": NaN')
    assert "NaN" in content
    made.saved(tmp_path, "a.json", content)
    _, tags = page("a.json")
    assert "without a time loop" in tags.text
    assert "numba" in tags.text


def test_machines_are_kept_apart_and_said_to_be_several(tmp_path: Path) -> None:
    other = made.document(made.crossing())
    other["machine"] = {**made.MACHINE, "cpu": "Another Processor", "fingerprint": "another"}
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    made.saved(tmp_path, "b.json", other)
    text, tags = page("a.json", "b.json")
    assert "compare within a table only" in tags.text
    assert text.count('class="operation"') == 2


def test_a_damaged_file_among_good_ones_is_named_on_stderr_and_on_the_page(tmp_path: Path) -> None:
    made.saved(tmp_path, "good.json", made.document(made.crossing()))
    made.saved(tmp_path, "damaged.json", '{"schema": "einbench.comp')
    done = report("good.json", "damaged.json", "--out", "page.html")
    assert done.exit_code == 0
    assert "warning: damaged.json: not JSON" in done.stderr
    assert "damaged.json: not JSON" in Tags(Path("page.html").read_text("utf-8")).text


def test_dialects_are_a_table(tmp_path: Path) -> None:
    made.saved(tmp_path, "a.json", made.dialects())
    _, tags = page("a.json")
    for word in ("behaviour 1", "torch", "differs", "refuses", "What 2 einsum libraries accept"):
        assert word in tags.text


def test_too_many_samples_lie_beside_the_page_which_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from einbench.page import whole

    monkeypatch.setattr(whole, "MOST_SAMPLES_BYTES", 10)
    made.saved(tmp_path, "a.json", made.document(made.crossing()))
    text, tags = page("a.json")
    assert 'id="samples"' not in text
    assert "page-samples.json.gz" in tags.text
    beside = json.loads(gzip.decompress(Path("page-samples.json.gz").read_bytes()))
    assert [len(each) for each in beside] == [4] * 4


@pytest.mark.long
def test_a_comparison_is_plotted_and_paged_as_it_is_made() -> None:
    done = CliRunner().invoke(
        main, ["compare", "relu", "--batch", "1,16", "--budget", "0.2", "--json", "c.json",
               "--plot", "c.svg", "--report", "c.html"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "chart: c.svg" in done.stdout
    assert "page: c.html" in done.stdout
    assert "relu" in Tags(Path("c.svg").read_text("utf-8")).text
    tags = Tags(Path("c.html").read_text("utf-8"))
    assert "einbench report c.json" in tags.text
    assert "relu" in tags.text


@pytest.mark.long
def test_a_comparison_and_a_choice_plot_themselves() -> None:
    comparison = einbench.compare("relu", batches=(1, 16), budget_s=0.2)
    chart = comparison.plot("relu.svg").to_dict()
    assert Path("relu.svg").read_text("utf-8").startswith("<svg")
    timed = {(r.kernel, r.batch) for r in comparison.records if r.median_s}
    rows = next(rows for name, rows in chart["datasets"].items() if name.startswith("rows"))
    assert {(row["kernel"], row["batch"]) for row in rows} == timed
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        comparison.plot("relu.pdf")
    choice = einbench.fastest("relu", np.ones((5, 4), np.float32), budget_s=0.05)
    shown = choice.plot().to_dict()["datasets"]["rows"]
    assert choice.kernel.method in {row["kernel"] for row in shown}
    assert [row["t"] for row in shown] == sorted(row["t"] for row in shown)
