"""How a mistake on the command line is told: in one line, whatever a command made of it."""

from __future__ import annotations

import errno
import math
import sys
from typing import Any

import click

from mistral_on_azure.errors import INTERRUPTED, CookbookError

_FULL = (errno.ENOSPC, errno.EDQUOT)  # at any of a hundred writes: it is told in one place


class Number(click.FloatRange):
    """A number to reckon with. Click's own range takes nan, which is neither below nor above any limit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value!r} is no number to reckon with.", param, ctx)


class OneLine(click.Group):
    """Shows a user's mistake as one line."""

    def invoke(self, ctx: click.Context) -> object:
        for stream in (sys.stdout, sys.stderr):
            # A log or a terminal that is not UTF-8 has no arrow: escaped, it can still be told.
            stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except CookbookError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            if error.errno not in _FULL:
                raise
            line = f"The disk is full ({error.strerror}). Make room, or write to another place."
            raise click.ClickException(line) from None
        except KeyboardInterrupt:  # before a command takes note of Ctrl-C itself, or the second one
            click.echo("\nInterrupted.", err=True)
            sys.exit(INTERRUPTED)
        except click.UsageError as error:
            # Click's parser of options does not say for which command it was.
            command = error.ctx.command_path if error.ctx else f"{ctx.command_path} {ctx.invoked_subcommand}"
            raise one_line(error, command) from None


def one_line(error: click.UsageError, command: str) -> click.ClickException:
    """A mistake in a command's options, in one line."""
    message = error.format_message()
    ended = message if message.endswith((".", "?")) else f"{message}."
    line = click.ClickException(f"{ended} See `{command} --help`.")
    line.exit_code = error.exit_code  # 2, as everywhere
    return line
