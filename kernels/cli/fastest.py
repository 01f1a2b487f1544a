"""``einbench fastest``: which kernel to call, from memory, measured now or from saved results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from einbench.cli.choosing import (
    again_option,
    rigor_option,
    sizes_option,
    threads_as_found_option,
)
from einbench.cli.expressions import asked, operations_named
from einbench.cli.outcome import REJECTED, complain
from einbench.cli.parameters import (
    context_option,
    json_option,
    plugins_option,
    positive,
    separate,
    separate_batches,
    verbose_option,
)
from einbench.cli.progress import bar
from einbench.cli.streams import console
from einbench.cli.target import Target
from einbench.cli.warned import in_one_line

if TYPE_CHECKING:
    from rich.console import Console

    from einbench.choose.telling import Progress
    from einbench.problem import Problem
    from einbench.verbs.fastest import Choice

SCHEMA = "einbench.fastest/1"


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench fastest softmax_jacobian\n"
    "  einbench fastest softmax relu --batch 32\n"
    "  einbench fastest weight_gradient --batch 10_000 --threads 1\n"
    "  einbench fastest linear --batch 500 --rigor estimate\n"
    "  einbench fastest --from results\n"
    "  einbench fastest softmax --from results/asv --machine reference --batch 128,1000\n"
    "  einbench fastest softmax --machine laptop.json"
)
@operations_named("choose for")
@click.option(
    "--batch", "batches", multiple=True, callback=separate_batches, metavar="N",
    help="Rows per call, by default 128; with --from all there are, or several with commas.",
)  # fmt: skip
@click.option(
    "--dtype", "dtypes", multiple=True, callback=separate, metavar="NAME",
    help="float32 or float64, by default float32; with --from all there are.",
)  # fmt: skip
@sizes_option
@threads_as_found_option
@rigor_option(
    "estimate", "measure", "patient",
    help_text="estimate times nothing and guesses; patient times for 5 s and more.",
)  # fmt: skip
@click.option(
    "--budget", type=positive, metavar="SECONDS",
    help="Of timing, checking and compiling apart, in place of what --rigor says.",
)  # fmt: skip
@again_option
@context_option
@click.option(
    "--from", "sources", multiple=True, metavar="PATH",
    help="Time nothing: show the winners in the results in this folder or file, of any harness; "
    "may be given several times.",
)  # fmt: skip
@click.option(
    "--machine", metavar="NAME",
    help="Time nothing: what this machine remembers, by fingerprint, processor or FILE.json "
    "(einbench wisdom export); or the nearest kin of one that FILE.json describes (einbench "
    "machine --json); with --from its results.",
)  # fmt: skip
@click.option(
    "--commit", metavar="REV", help="With --from: results of this one, by default the latest."
)
@verbose_option
@json_option("every candidate")
@plugins_option
@click.pass_context
def fastest(
    click_context: click.Context,
    operations: tuple[str, ...],
    batches: tuple[int, ...],
    dtypes: tuple[str, ...],
    sizes: dict[str, int],
    threads: int | None,
    rigor: str,
    budget: float | None,
    again: bool,
    context: str,
    sources: tuple[str, ...],
    machine: str | None,
    commit: str | None,
    verbose: bool,
    json_path: str | None,
) -> int:
    """Name the kernel to call for each of these operations, and say why.

    What is remembered answers at once, also for batches between remembered ones; anything else
    is checked, timed and ranked now, and remembered (see einbench tune). Timed is what
    einbench.auto calls for arrays of this kind; einbench compare times the call that a kernel's
    users make, which takes up to some microseconds more.

    With --from, read it from asv results, pytest-benchmark JSON and saved comparisons: for each
    machine, operation, batch and dtype the winner of the latest run that has it. Comparisons
    have interleaved times and have their ties recorded; asv and pytest-benchmark take kernels one
    after another, so kernels tie there where their intervals come within 2 % of overlapping and
    their medians are within 10 % of the best.
    """
    given = click_context.get_parameter_source
    given_rigor = None if given("rigor") is _DEFAULT else rigor
    given_context = None if given("context") is _DEFAULT else context
    if sources:
        _refuse(
            "--from times nothing; leave it out", size=sizes or None, threads=threads,
            rigor=given_rigor, budget=budget, again=again or None, context=given_context,
        )  # fmt: skip
        from einbench.cli.fastest_saved import answer

        return answer(sources, operations, batches, dtypes, machine, commit, json_path, verbose)
    _refuse(
        "only results have one: it needs --from PATH",
        commit=commit,
        verbose=verbose or None,
    )
    if rigor == "estimate":
        why = "--rigor estimate times nothing; leave one of them out"
        _refuse(why, budget=budget, again=again or None)
    if machine is not None:
        _refuse(
            "--machine times nothing; leave it out", rigor=given_rigor, budget=budget,
            again=again or None,
        )  # fmt: skip
    if not operations:
        raise click.UsageError(
            "Missing argument 'OPERATION': name one, or results with --from PATH.", click_context
        )
    for option, values in (("--batch", batches), ("--dtype", dtypes)):
        if len(values) > 1 and machine is None:
            raise ValueError(
                f"{option}: one at a time where it is timed; several need --from or --machine"
            )
    from einbench.choose.decision import NoKernelLeft
    from einbench.choose.environment import limited
    from einbench.choose.tune import plan

    ops, sizes, rows = asked(operations, sizes)
    batches = batches or (128,) if rows is None else (rows,)
    problems = plan(ops, batches, dtypes or ("float32",), sizes)
    if machine is not None:
        from einbench.cli.fastest_machine import answer as answer_of

        return answer_of(machine, problems, threads, context, json_path)
    target = Target.of(json_path)
    settings = {
        "batches": list(dict.fromkeys(each.batch for each in problems)),
        "dtypes": [problems[0].dtype.name], "layout": "C", "rigor": rigor,
        "budget_s": budget, "again": again, "threads": threads, "context": context,
    }  # fmt: skip
    choices: list[Choice] = []
    without: list[str] = []
    with limited(threads), in_one_line(), bar() as progress:
        for number, each in enumerate(problems):

            def report(part: float, label: str, number: int = number) -> None:
                progress((number + part) / len(problems), label)

            try:
                choices.append(_choose(each, rigor, budget, again, context, report))
            except NoKernelLeft as problem:
                without.append(str(problem))
    try:
        status = _report(choices, target, settings) if choices else 0
    finally:
        for line in without:
            complain(line)
    return REJECTED if without else status


_DEFAULT = click.core.ParameterSource.DEFAULT


def _refuse(why: str, **given: object) -> None:
    """An option that would be ignored is refused."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"--{name}: {why}")


def _choose(
    problem: Problem,
    rigor: str,
    budget: float | None,
    again: bool,
    context: str,
    progress: Progress | None,
) -> Choice:
    """From memory where that answers exactly: arrays take time to read."""
    from einbench.choose import environment, policy
    from einbench.choose.tune import exactly
    from einbench.choose.usual import with_inputs
    from einbench.verbs.fastest import Choice
    from einbench.verbs.fastest import fastest as choose

    ask = not again and policy.now().choice == policy.ON
    found = exactly(problem, rigor, environment.threads(), context) if ask else None
    if found is not None:
        return Choice(found.kernel, found)
    arrays = with_inputs(problem).given
    return choose(
        problem.operation, *arrays, rigor=rigor, budget_s=budget, again=again, context=context,
        progress=progress,
    )  # fmt: skip


def _report(choices: list[Choice], target: Target, settings: dict[str, Any]) -> int:
    """The document, the explanations, and alarms where a kernel was found wrong."""
    from einbench.host.machine import machine
    from einbench.report.choice import plain_text
    from einbench.report.grid import blocks
    from einbench.report.notes import wrong
    from einbench.report.provenance import machine_text
    from einbench.report.terminal import print_paragraph

    facts = {**machine(), "threads": choices[0].decision.signature.threads.blas}
    out = console(target.tables)
    try:
        if target.path or target.stdout:
            documents = [_document(choice, facts, settings) for choice in choices]
            target.write(_together(documents) if len(documents) > 1 else documents[0])
    finally:
        # printed even where the disk turned out to be full
        for number, choice in enumerate(choices):
            if number:
                out.print()
            _show(choice, out)
    alarms = wrong(blocks([record for choice in choices for record in choice.records]))
    for note in alarms:
        print_paragraph(out, plain_text(note.text), "bold white on red")
    out.print()
    origins = {choice.origin for choice in choices}
    if origins == {"remembered"}:
        print_paragraph(out, "Nothing was timed now; --again measures anew.", "dim")
    elif "interpolated" in origins:
        print_paragraph(out, "--again measures at this very size.", "dim")
    print_paragraph(out, machine_text(facts), "dim")
    return REJECTED if alarms else 0


def _together(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """One document of several operations: a choice each, and all their records."""
    own = ("operation", "kernel", "on_threads", "origin", "rigor", "date")
    shared = {key: value for key, value in documents[0].items() if key not in own}
    return {
        **shared,
        "date": min(document["date"] for document in documents),
        "choices": [{key: document[key] for key in own} for document in documents],
        "records": [record for document in documents for record in document["records"]],
    }


def _document(choice: Choice, facts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    from einbench.choose.book import Remembered
    from einbench.choose.fewer import threads_of
    from einbench.verbs.comparison import Comparison

    decision = choice.decision
    plain = Comparison(choice.records, facts, settings).document()
    date, rigor = plain["date"], settings["rigor"]
    if decision.recalled is not None and isinstance(decision.recalled.evidence, Remembered):
        # the numbers are as old as they are
        date, rigor = decision.recalled.evidence.date, decision.recalled.evidence.rigor
    return {
        "schema": SCHEMA,
        "date": date,
        "machine": plain["machine"],
        "settings": plain["settings"],
        "operation": choice.kernel.operation.name,
        "kernel": choice.kernel.method,
        "on_threads": threads_of(choice.kernel) or None,
        "origin": choice.origin,
        "rigor": rigor,
        "records": plain["records"],
    }


def _show(choice: Choice, out: Console) -> None:
    from einbench.report.choice import explain_choice
    from einbench.report.terminal import print_line

    for line in explain_choice(choice.decision, choice.records, out.width).splitlines():
        print_line(out, [(line, "bold green" if line.startswith("* ") else "")])
