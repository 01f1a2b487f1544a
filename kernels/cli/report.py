"""``einbench report``: one page of saved results that opens from disk, or a picture of a chart."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from einbench.cli.parameters import verbose_option
from einbench.cli.streams import console
from einbench.cli.target import naming, refuse_unwritable

_TITLE = "einbench report"


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench report\n"
    "  einbench report results/compare-20261127T120000Z.json --out page.html\n"
    "  einbench report results/reference results/einsum-race-float32.json\n"
    "  einbench report run.json --chart time:softmax --to softmax.png\n"
    "  einbench compare softmax --report page.html"
)
@click.argument("paths", nargs=-1, metavar="[FILE]...")
@click.option(
    "--out",
    default=None,
    metavar="PAGE.html",
    help="Where to write the page, by default report.html.",
)
@click.option(
    "--chart", metavar="NAME",
    help="In place of the page one chart: map, roofline, race, expressions, or a kind and what it "
    "is of, time:softmax say.",
)  # fmt: skip
@click.option("--to", metavar="PICTURE", help="The .svg or .png of that chart.")
@click.option("--title", default=_TITLE, help="Heading of the page.")
@verbose_option
def report(
    paths: tuple[str, ...],
    out: str | None,
    chart: str | None,
    to: str | None,
    title: str,
    verbose: bool,
) -> int:
    """Make one self-contained page of saved comparisons, asv results and races of einsum.

    FILEs are what einbench compare, einbench dialects, asv, pytest-benchmark and the race of
    einsum libraries save, or folders with JSON anywhere below, by default results. The page needs
    no network. A file that is broken is named on stderr and on the page. Needs einbench[report].
    """
    from einbench.page.files import write_page
    from einbench.page.sources import material
    from einbench.report.vega import refuse_format, refuse_without_charts

    if (chart is None) != (to is None):
        given, missing = ("--to", "--chart NAME") if chart is None else ("--chart", "--to PICTURE")
        raise ValueError(f"{given} without {missing}: a picture needs both")
    if chart is not None and out is not None:
        raise ValueError("--chart makes a picture and --out a page: leave one of them out")
    refuse_without_charts()
    target, option = (Path(to), "--to") if to is not None else (Path(out or "report.html"), "--out")
    if to is not None:
        refuse_format(target, option)
    refuse_unwritable(target, option)
    if not paths and not Path("results").is_dir():
        raise ValueError(
            "there is no folder results here, where einbench compare saves: run it first, or name "
            "files"
        )
    known = material(paths or ("results",), verbose)
    for warning in known.warnings:
        click.echo(f"einbench: warning: {warning}", err=True)
    if not known.rows and not known.races and not known.dialects:
        named = ", ".join(paths or ("results",))
        raise ValueError(
            f"no results in {named}; expected what einbench compare or asv saves: run einbench "
            "compare first, or name its file"
        )
    say = console(sys.stdout)
    with naming(target, option):
        if chart is not None:
            from einbench.page.pictures import draw

            say.print(f"picture: {draw(known, chart, target)}", markup=False, soft_wrap=True)
        else:
            words = _command(paths, out, title)
            for path in write_page(known, target, words, title):
                size = f"{path.stat().st_size / 1e6:.1f} MB"
                say.print(f"page: {path} ({size})", markup=False, soft_wrap=True)
    return 0


def _command(paths: tuple[str, ...], out: str | None, title: str) -> str:
    """What makes the page again."""
    more = ["--title", title] if title != _TITLE else []
    return shlex.join(["einbench", "report", *paths, *more, *(["--out", out] if out else [])])
