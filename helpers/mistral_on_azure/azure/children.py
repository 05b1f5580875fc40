"""Child processes that serve: started, waited for until they tell their address, and never left behind."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

from mistral_on_azure.errors import CookbookError

MISTAKE = "Error: "  # a child that cannot serve prints this and why, in place of its address
_START_TIMEOUT, _END_TIMEOUT = 30.0, 10.0  # seconds


def spawn(module: str, environment: dict[str, str], otherwise: str) -> tuple[subprocess.Popen, str]:
    """Run a module that prints its address in one line and ends when its standard input does.

    That input is a pipe, which the system closes when this process ends in whatever way.

    Args:
        environment: all of the child's environment variables; credentials go there, never into its arguments.
        otherwise: what to tell the user if no address comes in time.

    Returns:
        The process, and its address.

    Raises:
        CookbookError: what the child says is the user's mistake, or `otherwise`.
    """
    environment = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,  # without PYTHONDONTWRITEBYTECODE, with which every start compiles everything again
        start_new_session=True,  # Ctrl-C reaches the parent, which ends the child in its own time
    )
    said = _first_line(process)
    if not said.startswith("http"):
        stop(process)
        raise CookbookError(said.removeprefix(MISTAKE) if said.startswith(MISTAKE) else otherwise)
    return process, said


def stop(process: subprocess.Popen) -> None:
    """End a child; safe to call twice."""
    process.stdin.close()
    try:
        process.wait(_END_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it waits for a disk or the like, and ends after that
            process.wait(_END_TIMEOUT)
    process.stdout.close()


def _first_line(process: subprocess.Popen) -> str:
    timer = threading.Timer(_START_TIMEOUT, process.kill)
    timer.daemon = True
    timer.start()
    try:
        return process.stdout.readline().strip()
    finally:
        timer.cancel()
