"""Child processes that run a server, print its address and end with their parent; and how credentials stay hidden.

Credentials stay out of the environment of child processes, and out of this process's own environment in `/proc`. Not
hidden: root, and whoever may trace this user's processes, can read their memory. A shell that exported the variables
still has them, and on systems other than Linux the list of processes shows their environments.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mistral_on_azure.azure.addresses import CREDENTIAL, ENGINE_KEY
from mistral_on_azure.azure.offline import apply, own_python
from mistral_on_azure.errors import CookbookError

MISTAKE = "Error: "  # a child that cannot serve prints this and the reason in place of its address
_START_TIMEOUT, _END_TIMEOUT = 30.0, 10.0  # seconds
WITHHELD = (CREDENTIAL, ENGINE_KEY)
# Secrets of an identity in Microsoft Entra ID: notebooks may need them, and no output may show them.
OF_AN_IDENTITY = ("AZURE_CLIENT_SECRET", "AZURE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "IDENTITY_HEADER")
_SET_DUMPABLE = 4  # prctl(2)


def begin(module: str, environment: dict[str, str]) -> subprocess.Popen:
    """Run a module that prints its address in one line and ends at the end of its standard input.

    The standard input is a pipe, which the operating system closes when this process ends, even by a crash.

    Args:
        environment: all of the child's environment variables; credentials go there, never into its arguments.
    """
    environment = dict(environment)
    apply(own_python(environment), environment)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],  # -P: a file of the current folder, such as attr.py, is no module of ours
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches the parent, which ends the child in its own time
    )


def address(process: subprocess.Popen, otherwise: str) -> str:
    """Wait for the address that a child prints.

    Args:
        otherwise: the error message when no address is printed within 30 seconds.

    Raises:
        CookbookError: with the child's own message about a mistake, or with `otherwise`; the child has ended.
    """
    line = _first_line(process)
    if not line.startswith("http"):
        stop(process)
        raise CookbookError(line.removeprefix(MISTAKE) if line.startswith(MISTAKE) else otherwise)
    return line


def stop(process: subprocess.Popen) -> None:
    """End a child; safe to call twice."""
    process.stdin.close()
    try:
        process.wait(_END_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        # A process in a system call, such as a write to a slow disk, ends after that call.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_TIMEOUT)
    process.stdout.close()


def reserved_port() -> int:
    """A free port of loopback for a program that cannot choose a free one itself.

    The operating system gives the port to no other program for a minute, since a connection that was closed on this
    side keeps it in the state TIME_WAIT. A server can listen on it nevertheless, as servers set SO_REUSEADDR.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        accepted.close()  # before the client closes, so that this side gets the state TIME_WAIT
        return listener.getsockname()[1]


def _first_line(process: subprocess.Popen) -> str:
    timer = threading.Timer(_START_TIMEOUT, process.kill)
    timer.daemon = True
    timer.start()
    try:
        return process.stdout.readline().strip()
    finally:
        timer.cancel()


def own_secrets() -> list[str]:
    """The secrets that this process has in its environment: the endpoint's credential, and those of an identity."""
    return [value for name in (CREDENTIAL, *OF_AN_IDENTITY) if (value := os.environ.get(name))]


def hide() -> None:
    """Hide this process's credentials from the user's other processes, unless they run as root. Linux only.

    `/proc` shows as the environment the memory with which the process was started. The credentials in it are
    overwritten, so that not even root finds them there; `os.environ` has them as before.
    """
    if sys.platform != "linux":
        return
    import ctypes  # which takes a while to import

    libc = ctypes.CDLL(None)
    libc.getenv.restype, libc.getenv.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    for name in WITHHELD:
        value = os.environ.get(name)
        place = libc.getenv(os.fsencode(name))
        if value and place and ctypes.string_at(place) == os.fsencode(value):
            ctypes.memset(place, ord("*"), len(os.fsencode(value)))
            os.environ[name] = value  # a copy in other memory


@contextmanager
def withheld() -> Iterator[None]:
    """Within this context new processes get an environment without credentials."""
    kept = {name: os.environ.pop(name) for name in WITHHELD if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
