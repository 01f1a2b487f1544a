"""``einbench train``: a network for MNIST on any family of kernels, or on each in turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from einbench.cli.choosing import threads_as_found_option
from einbench.cli.parameters import (
    data_option,
    dtype_option,
    json_option,
    plugins_option,
    positive,
    seed_option,
    separate,
    whole,
)
from einbench.cli.resuming import keeping, resume_option
from einbench.cli.target import Target, refuse_one_file, refuse_unwritable
from einbench.cli.train_kept import Kept
from einbench.cli.train_settings import (
    FAMILIES,
    INITIALS,
    LOSSES,
    Settings,
    fraction,
    hidden_units,
    momentum,
    one_of,
)
from einbench.cli.warned import in_one_line

#: what a file that is loaded decides, and what --compare does without
_OF_THE_FILE = ("hidden", "loss", "initial", "dtype")
_OF_ONE_TRAINING = ("epochs", "target", "save", "load")
_OF_COMPARING = ("steps", "budget")


@click.command(
    epilog="\b\nExamples:\n"
    "  einbench train --epochs 5 --batch 128 --kernels auto\n"
    "  einbench train --target 97.5% --save mnist.npz --plot curves.svg\n"
    "  einbench train --compare --steps 200\n"
    "  einbench train --compare --kernels einsum,numba --dtype float64"
)
@click.option(
    "--epochs", type=whole(1, "5"), default=5, show_default=True, metavar="N",
    help="Times that every training image is seen.",
)  # fmt: skip
@click.option(
    "--batch", type=whole(1), default=128, show_default=True, metavar="N", help="Images a step."
)
@click.option(
    "--kernels", "kernels_", multiple=True, callback=separate, metavar="NAME",
    help="auto (the default), loop, einsum, matmul, numba or any method, or operation=method; "
    "with --compare several, separated by commas.",
)  # fmt: skip
@click.option(
    "--hidden", default="128,128", show_default=True, callback=hidden_units, metavar="N,N",
    help="Units of the hidden layers; none for no such layer.",
)  # fmt: skip
@click.option(
    "--rate", type=positive, metavar="X",
    help="Of learning, by default 0.2; 0.02 with --compare, for a high one makes much of rounding.",
)  # fmt: skip
@click.option(
    "--momentum", "momentum_", type=momentum, default=0.0, show_default=True, metavar="X",
    help="Part of the last update that is added to the next.",
)  # fmt: skip
@click.option(
    "--loss", default="cross_entropy", show_default=True, metavar="NAME",
    callback=one_of("loss", *LOSSES), help=f"{', '.join(LOSSES)}.",
)  # fmt: skip
@click.option(
    "--initial", default="he", show_default=True, metavar="NAME",
    callback=one_of("initialisation", *INITIALS), help=f"Weights: {', '.join(INITIALS)}.",
)  # fmt: skip
@dtype_option
@seed_option
@click.option(
    "--samples", type=whole(1, "1000"), metavar="N", help="Only the first N training images."
)
@click.option(
    "--target", type=fraction, metavar="ACCURACY",
    help="Stop after the epoch that reaches this on the test set: 0.975 or 97.5%.",
)  # fmt: skip
@threads_as_found_option
@data_option
@click.option("--load", metavar="PATH.npz", help="Go on from a network that was saved.")
@click.option("--save", metavar="PATH.npz", help="Keep the trained network in this file.")
@click.option(
    "--compare", is_flag=True,
    help=f"Train once per family, in turns: {', '.join(FAMILIES)}, or those of --kernels.",
)  # fmt: skip
@click.option(
    "--steps", type=whole(1, "100"), default=100, show_default=True, metavar="N",
    help="Of each family with --compare.",
)  # fmt: skip
@click.option(
    "--budget", type=positive, default=30.0, show_default=True, metavar="SECONDS",
    help="Of a family with --compare; one too slow takes fewer steps, and says so.",
)  # fmt: skip
@click.option(
    "--plot", metavar="PATH", help="Draw the curves to this .svg or .png (needs einbench[report])."
)
@json_option("all numbers")
@resume_option("finished epochs, or rounds of turns with --compare, are")
@plugins_option
@click.pass_context
def train(context: click.Context, /, **given: Any) -> int:
    """Train a network of Linear and ReLU layers on MNIST, and show where the time went.

    Pixels are normalised to mean 0 and standard deviation 1; the test set is what every epoch is
    judged on. Ctrl-C keeps the last whole epoch. With --compare every family trains from the same
    weights on the same batches: exit status 1 where their losses differ by more than rounding.
    """
    compare = given["compare"]
    _refuse_what_goes_unused(context, compare, given["load"])
    settings = Settings(
        epochs=given["epochs"],
        batch=given["batch"],
        kernels=given["kernels_"] or (FAMILIES if compare else ("auto",)),
        hidden=given["hidden"],
        rate=given["rate"] or (0.02 if compare else 0.2),
        momentum=given["momentum_"],
        loss=given["loss"],
        initial=given["initial"],
        dtype=given["dtype"],
        seed=given["seed"],
        samples=given["samples"],
        target=given["target"],
        threads=given["threads"],
        data=given["data"],
        load=given["load"],
    )
    refuse_one_file(json=given["json_path"], plot=given["plot"], save=given["save"])
    target = Target.of(given["json_path"])
    plot = _plot_path(given["plot"])
    kept = None if compare else Kept.of(given["save"])
    with in_one_line(), keeping(target, given["resume"]) as (journal, target):
        if kept is None:
            from einbench.cli.train_compare import train_families

            return train_families(settings, given["steps"], given["budget"], target, plot, journal)
        from einbench.cli.train_once import train_once

        return train_once(settings, kept, target, plot, journal)


def _refuse_what_goes_unused(context: click.Context, compare: bool, load: str | None) -> None:
    """An option that would change nothing is a mistake, and is refused."""

    def first_given(names: tuple[str, ...]) -> str | None:
        by_hand = click.core.ParameterSource.COMMANDLINE
        return next((n for n in names if context.get_parameter_source(n) is by_hand), None)

    if compare and (name := first_given(_OF_ONE_TRAINING)):
        raise ValueError(f"--{name} is for one training and does nothing with --compare; leave one")
    if not compare and (name := first_given(_OF_COMPARING)):
        raise ValueError(f"--{name} is for --compare; add that, or leave --{name} out")
    if load is not None and (name := first_given(_OF_THE_FILE)):
        raise ValueError(f"--load takes the network from its file; leave --{name} out")


def _plot_path(given: str | None) -> Path | None:
    """Raises before anything is trained where no such picture could be drawn."""
    if given is None:
        return None
    path = Path(given)
    from einbench.report.vega import refuse_format, refuse_without_charts

    refuse_format(path, "--plot")
    refuse_without_charts()
    refuse_unwritable(path, "--plot")
    return path
