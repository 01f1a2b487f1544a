"""Pages opened from disk in headless Chromium, with the network cut: `make report-test`."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from einbench.page.files import write_page
from einbench.page.sources import material

from . import made
from .conftest import Browser, left_out

if reason := left_out():
    pytest.skip(reason, allow_module_level=True)

CONTEXTS = ("program", "alone", "after_blas", "after_pause")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Path:
    """A page with all that one can have, hostile names among it."""
    folder = tmp_path_factory.mktemp("whole")
    records = [*made.crossing(), *made.crossing("relu", "float64"), *made.crossing(made.HOSTILE)]
    records.append(
        made.record("softmax", f"k{made.HOSTILE}", 1, None, status="rejected", reason=made.HOSTILE)
    )
    made.saved(folder, "a.json", made.document(records))
    made.saved(folder, "b.json", made.race())
    made.saved(folder, "c.json", made.dialects())
    for day, (commit, s) in enumerate((("a" * 8, 1e-6), ("b" * 8, 2e-6))):
        made.asv(folder, commit, day, s)
    known = material([str(folder)])
    return write_page(known, folder / "page.html", "einbench report")[0]


def shown(browser: Browser, selector: str) -> int:
    return browser.run(
        "return [...document.querySelectorAll(arguments[0])].filter(e => e.offsetParent).length",
        selector,
    )


def choose(browser: Browser, name: str, value: str) -> None:
    browser.run(
        "const s = document.querySelector(`#filters [name=${arguments[0]}]`);"
        "s.value = arguments[1];"
        "s.dispatchEvent(new Event('change', {bubbles: true}))",
        name, value,
    )  # fmt: skip


def marks(browser: Browser, chart: str) -> int:
    """Points of kernels in the first chart of that kind."""
    return browser.wait(
        "const f = document.querySelector(`figure[data-chart=${arguments[0]}]`);"
        "f.scrollIntoView({block: 'center'});"
        "return f.dataset.drawn && f.querySelectorAll('.mark-symbol.role-mark path').length",
        chart,
    )


@pytest.mark.parametrize("dark", [False, True])
def test_every_chart_is_drawn_without_an_error_or_a_request(
    browser: Browser, whole: Path, dark: bool
) -> None:
    browser.open(whole, dark=dark)
    browser.draw_all()
    undrawn = browser.run(
        "return [...document.querySelectorAll('figure')].filter(f => f.offsetParent !== null && "
        "!f.querySelector('.plot svg .mark-symbol path, .plot svg .mark-rect path'))"
        ".map(f => f.dataset.chart)"
    )
    assert undrawn == []
    kinds = browser.run("return [...document.querySelectorAll('figure')].map(f => f.dataset.chart)")
    assert {"time", "error", "rate", "memory", "cost", "roofline", "race", "expressions",
            "commits"} <= set(kinds)  # fmt: skip
    errors, asked = browser.said()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert asked


def test_names_from_files_make_no_element(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    browser.draw_all()
    assert browser.run("return document.querySelectorAll('img, script').length") == 5
    assert made.HOSTILE in browser.run("return document.body.innerText")
    svg = browser.run("return [...document.querySelectorAll('svg text')].map(t => t.textContent)")
    assert svg


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_no_violation(
    browser: Browser, whole: Path, axe: str, dark: bool, width: int
) -> None:
    browser.open(whole, dark=dark, width=width)
    browser.draw_all()
    browser.run(axe)
    browser.driver.set_script_timeout(120)
    found = browser.driver.execute_async_script("axe.run(document).then(arguments[0])")
    told = [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]]
    assert told == []
    assert len(found["passes"]) > 10


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, whole: Path, width: int) -> None:
    browser.open(whole, width=width)
    browser.draw_all()
    assert browser.run("return document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("EINBENCH_SCREENSHOTS"):
        browser.run("scrollTo(0, 0)")
        browser.driver.save_screenshot(str(Path(folder, f"page-{width}.png")))


def test_filters_of_settings_leave_the_tables_that_fit(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    assert shown(browser, ".operation") == 4
    choose(browser, "dtype", "float64")
    assert shown(browser, ".operation") == 1
    assert shown(browser, "#map [data-context='program'] tbody tr") == 1
    assert "dtype=float64" in browser.run("return location.hash")
    browser.run("document.querySelector('#filters [type=reset]').click()")
    browser.wait("return !document.querySelector('#filters [name=dtype]').value")
    browser.wait("return [...document.querySelectorAll('.operation')].every(e => e.offsetParent)")


@pytest.mark.parametrize("name", ["kernel", "family"])
def test_filters_of_kernels_leave_their_lines(browser: Browser, whole: Path, name: str) -> None:
    browser.open(whole)
    assert marks(browser, "error") == 4 + 2  # two of them mark the limit
    choose(browser, name, "numba")
    browser.wait("return document.querySelector('figure[data-chart=error]').dataset.drawn")
    assert marks(browser, "error") == 2 + 2
    pale = browser.run("return document.querySelectorAll('#map td.other').length")
    assert pale == len(browser.run(
        "return [...document.querySelectorAll('#map td.win')]"
        ".filter(td => td.dataset.kernel !== 'numba')"
    ))  # fmt: skip
    assert pale


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_switch_shows_one_map_and_its_times(
    browser: Browser, whole: Path, context: str
) -> None:
    browser.open(whole, f"#context={context}")
    visible = browser.run(
        "return [...document.querySelectorAll('#map [data-context]')]"
        ".filter(e => e.offsetParent).map(e => e.dataset.context)"
    )
    assert visible == [context]
    factor = {"program": 6 ** (1 / 3), "alone": 1, "after_blas": 2, "after_pause": 3}[context]
    numbers = browser.run(
        "const d = document.querySelector('details[data-table]'); d.open = true;"
        "d.dispatchEvent(new Event('toggle'));"
        "return [...d.querySelectorAll('tr')].map(r => [...r.children].map(c => c.textContent))"
    )
    table = {(row[0], row[1]): row[3] for row in numbers[1:]}
    loop = next(
        value for (kernel, batch), value in table.items() if kernel == "loop" and batch == "1"
    )
    assert float(loop) == pytest.approx(1e-6 * factor, rel=1e-3)


def test_a_link_keeps_filters_and_place(browser: Browser, whole: Path) -> None:
    browser.open(whole, "#dtype=float32&kernel=numba")
    browser.run("[...document.querySelectorAll('#map td.win a')].find(a => a.offsetParent).click()")
    link = browser.run("return location.hash")
    place = browser.run("return document.activeElement.id")
    assert place.startswith("t")
    browser.open(whole, link)
    kept = browser.run(
        "return ['dtype', 'kernel'].map(n => document.querySelector(`#filters [name=${n}]`).value)"
    )
    assert kept == ["float32", "numba"]
    assert browser.run("return document.activeElement.id") == place
    assert browser.run("return scrollY") > 0


def test_a_hostile_address_is_ignored(browser: Browser, whole: Path) -> None:
    browser.open(whole, "#kernel=%3Cscript%3E&dtype=nothing&at=%22%3E&x=%E0")
    assert shown(browser, ".operation") == 4
    assert browser.said()[0] == []


def test_all_works_by_keyboard(browser: Browser, whole: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    browser.open(whole)
    reached: list[str] = []
    for _ in range(60):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        reached.append(browser.run(
            "const e = document.activeElement;"
            "return e.closest('#map td') ? 'cell' : e.name || e.className || e.tagName"
        ))  # fmt: skip
        if reached[-1] == "cell":
            break
    assert {"A", "context", "kernel", "scroll", "cell"} <= set(reached)
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    assert browser.run("return document.activeElement.className") == "operation"


def test_downloads_are_the_data(browser: Browser, whole: Path) -> None:
    known = material([str(whole.parent)])
    browser.open(whole)
    browser.run("document.querySelector('[data-save=json]:not(figure *)').click()")
    document = json.loads(browser.downloaded("page.json"))
    assert [
        {k: v for k, v in r.items() if k != "samples_s"} for r in document["records"]
    ] == known.rows
    assert [r["samples_s"] for r in document["records"]] == [
        known.samples.get(n, []) for n in range(len(known.rows))
    ]
    browser.run("document.querySelector('[data-save=csv]:not(figure *)').click()")
    lines = list(csv.DictReader(io.StringIO(browser.downloaded("page.csv"))))
    assert len(lines) == len(known.rows)
    for line, row in zip(lines, known.rows, strict=True):
        assert line["kernel"] == row["kernel"]
        assert line["reason"] == (row["reason"] or "")
        assert (float(line["median_s"]) if line["median_s"] else None) == row["median_s"]
        assert json.loads(line["sizes"] or "null") == row["sizes"]
    samples = [float(s) for s in lines[0]["samples_s"].split(" ") if s]
    assert samples == [s for s in known.samples[0] if s is not None]


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_chart_is_saved_as_a_picture(browser: Browser, whole: Path, kind: str) -> None:
    browser.open(whole)
    browser.run(
        "document.querySelector(`figure[data-chart=rate] [data-save=${arguments[0]}]`).click()",
        kind,
    )
    path = browser.downloads / f"rate.{kind}"
    browser._until(lambda: path.exists() and path.stat().st_size > 0)
    assert path.read_bytes().startswith(b"<svg" if kind == "svg" else b"\x89PNG")


ODD = {
    "one record": [made.document([made.record("softmax", "loop", 1, 1e-6)])],
    "one size": [made.document([made.record("softmax", "loop", 1, 1e-6, leading=None)])],
    "no error and no roofline": [made.document([
        made.record("relu", "loop", b, 1e-6, error=0.0, roofline=None, gflops_per_s=0.0)
        for b in (1, 10)
    ])],
    "all skipped": [made.document([
        made.record("softmax", "slow", 1, None, status="skipped", reason="no time for it")
    ])],
    "only alone": [made.document([
        made.record("softmax", k, b, s * b, context="alone", after_blas_s=None, after_pause_s=None)
        for k, s in (("loop", 1e-6), ("numba", 2e-6)) for b in (1, 10)
    ])],
    "no comparison": [made.race(), made.dialects()],
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_page_with_little_on_it_opens_and_draws_what_it_has(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    for number, each in enumerate(ODD[name]):
        made.saved(tmp_path, f"{number}.json", each)
    known = material([str(tmp_path)])
    path = write_page(known, tmp_path / "page.html", "einbench report")[0]
    browser.open(path)
    browser.draw_all()
    assert browser.said()[0] == []
    charts = browser.run(
        "return [...document.querySelectorAll('figure')].map(f => [f.dataset.chart, "
        "f.querySelectorAll('.plot svg .mark-symbol path, .plot svg .mark-rect path').length])"
    )
    assert all(count for _, count in charts)
    kinds = {kind for kind, _ in charts}
    assert (
        kinds
        == {
            "one record": {"time", "error", "rate", "memory", "roofline"},
            "one size": {"time", "error", "rate", "memory", "roofline"},
            "no error and no roofline": {"time", "error", "memory"},
            "all skipped": set(),
            "only alone": {"time", "error", "rate", "memory", "roofline"},
            "no comparison": {"race", "expressions"},
        }[name]
    )


def test_five_thousand_records_are_below_six_megabytes_and_open(
    browser: Browser, tmp_path: Path, record_property: Any
) -> None:
    made.saved(tmp_path, "many.json", made.document(made.many(5000)))
    path, *beside = write_page(material([str(tmp_path)]), tmp_path / "page.html", "einbench report")
    assert path.stat().st_size < 6_000_000
    assert [each.name for each in beside] == ["page-samples.json.gz"]
    browser.open(path)
    assert shown(browser, ".operation") == 50
    ready = float(browser.run("return document.documentElement.dataset.ready"))
    print(f"5,000 records: {path.stat().st_size / 1e6:.2f} MB, ready after {ready:.0f} ms")
    assert marks(browser, "time") > 0
    assert browser.said()[0] == []
