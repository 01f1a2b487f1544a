"""How a command ends: its exit status, and one line where it was used wrongly."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from einbench.cli.interrupt import first_only, interrupted_status
from einbench.cli.streams import spell_out_for_narrow_encodings
from einbench.cli.warned import in_one_line
from einbench.names import unknown

#: a check failed
REJECTED = 1
WRONG_USE = 2
#: as a shell reports Ctrl-C, and a reader that left; a command that SIGTERM ended returns the
#: first one too, and the process ends with 143
INTERRUPTED = 130
READER_LEFT = 141


class OneLine(click.Group):
    """A group whose commands return their exit status and complain in one line."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and leave the process with its status."""
        spell_out_for_narrow_encodings()
        try:
            status: Any = super().main(
                args, prog_name or "einbench", complete_var, standalone_mode=False, **extra
            )
        except click.Abort:
            status = INTERRUPTED
        except click.ClickException as problem:
            complain(_usage_message(problem))
            status = problem.exit_code or WRONG_USE
        if not standalone_mode:
            return status
        sys.exit(status if isinstance(status, int) else 0)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of that name, or the nearest names there are."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(unknown("command", args[0], self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the requested command; what the library refuses is wrong use."""
        try:
            with first_only(), in_one_line():
                status = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _stop_writing()
            return READER_LEFT
        except KeyboardInterrupt:
            click.echo("einbench: interrupted before anything was finished", err=True)
            return interrupted_status()
        except OSError as problem:
            complain(_system_message(problem))
            try:
                sys.stdout.flush()
            except OSError:  # what is full stays so, and Python would complain as it exits
                _stop_writing()
            return WRONG_USE
        except MemoryError as problem:
            complain(f"not enough memory ({problem}); give smaller sizes (--batch, --size)")
            return WRONG_USE
        except (ValueError, TypeError, ImportError) as problem:
            complain(str(problem) or type(problem).__name__)
            return WRONG_USE
        return interrupted_status() if status == INTERRUPTED else status


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    click.echo(f"einbench: error: {' '.join(message.split())}", err=True)


def _usage_message(problem: click.ClickException) -> str:
    message = problem.format_message().strip()
    if isinstance(problem, click.UsageError) and problem.ctx is not None:
        full_stop = "" if message.endswith((".", "?", "!")) else "."
        return f"{message}{full_stop} See '{problem.ctx.command_path} --help'."
    return message


def _system_message(problem: OSError) -> str:
    if problem.filename is None:
        if problem.errno == errno.ENOSPC:
            return f"cannot write the output: {problem.strerror}; free some, or send it elsewhere"
        return str(problem) or type(problem).__name__
    return f"{problem.filename}: {problem.strerror}"


def _stop_writing() -> None:
    """What is still buffered goes nowhere, so that Python does not complain as it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
