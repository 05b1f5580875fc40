"""Mistakes on the command line are shown in one line, whatever error a command raises."""

from __future__ import annotations

import errno
import math
import os
import sys
from typing import Any

import click

from mistral_on_azure.azure.files import is_checkout
from mistral_on_azure.errors import INTERRUPTED, CookbookError

NEEDS_CHECKOUT = "needs a checkout of the cookbook's repository: clone it, and call `make` there."
_EXTRAS = {"gallery": "gallery", "engine": "engine", "serve": "forwarding"}  # the extra with a command's packages
_FULL = (errno.ENOSPC, errno.EDQUOT)  # any write may raise these, so they are handled here


class Number(click.FloatRange):
    """A finite number. Click's own range accepts nan, which is neither below nor above a limit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value!r} is not a finite number.", param, ctx)


class OfCheckout(click.Command):
    """A command that needs a checkout of the repository. Elsewhere it ends with one line that says so."""

    def invoke(self, ctx: click.Context) -> object:
        if not is_checkout():
            raise CookbookError(f"`{ctx.command_path}` {NEEDS_CHECKOUT}")
        return super().invoke(ctx)


class OneLine(click.Group):
    """A group of commands that shows a user's mistake in one line, without a traceback."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands that work everywhere first."""
        width = formatter.width - 6 - max(map(len, self.commands))  # as click reckons
        for title, needed in (("Commands", False), ("In a checkout of the repository", True)):
            some = [each for each in sorted(self.commands.items()) if isinstance(each[1], OfCheckout) is needed]
            if some:
                with formatter.section(title):
                    formatter.write_dl([(name, command.get_short_help_str(width)) for name, command in some])

    def invoke(self, ctx: click.Context) -> object:
        _open_closed_streams()
        for stream in (sys.stdout, sys.stderr):
            # A terminal or log that is not UTF-8 cannot show an arrow, and gets an escape for it.
            stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except CookbookError as error:
            raise click.ClickException(str(error)) from None
        except ModuleNotFoundError as error:
            raise _missing(error, ctx.invoked_subcommand) from None
        except OSError as error:
            if error.errno not in _FULL:
                raise
            line = f"The disk is full ({error.strerror}). Make room, or write to another place."
            raise click.ClickException(line) from None
        except KeyboardInterrupt:  # before a command handles Ctrl-C itself, or the second Ctrl-C
            click.echo("\nInterrupted.", err=True)
            sys.exit(INTERRUPTED)
        except click.UsageError as error:
            # The error of click's option parser has no context, which names the command.
            command = error.ctx.command_path if error.ctx else f"{ctx.command_path} {ctx.invoked_subcommand}"
            raise one_line(error, command) from None


def _missing(error: ModuleNotFoundError, command: str | None) -> Exception:
    """The error that says what to install for a missing module; for a module of the cookbook's, the given error."""
    module = (error.name or "").partition(".")[0]
    if not module or module == "mistral_on_azure":
        return error
    if is_checkout():
        return click.ClickException(f"The package {module} is not installed. Run `make setup`.")
    extra = _EXTRAS.get(command or "", "notebooks")
    wanted = f"pip install 'mistral-azure-cookbook[{extra}]'"
    return click.ClickException(f"`cookbook {command}` needs {module}, which comes with: {wanted}")


def _open_closed_streams() -> None:
    """Open standard streams that were closed (`>&-`) on the null device.

    Otherwise the next file that is opened would get a stream's number, and the output.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def one_line(error: click.UsageError, command: str) -> click.ClickException:
    """The error for a mistake in a command's options, in one line that names the command."""
    message = error.format_message()
    ended = message if message.endswith((".", "?")) else f"{message}."
    line = click.ClickException(f"{ended} See `{command} --help`.")
    line.exit_code = error.exit_code  # 2, as everywhere
    return line
