"""Keep credentials out of the environment of child processes, and out of this process's own environment in `/proc`.

What remains: root, and whoever may trace this user's processes, can read their memory. A shell from which the variables
were exported still has them, and on systems other than Linux so does the list of processes with their environments.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mistral_on_azure.azure.addresses import CREDENTIAL, ENGINE_KEY

WITHHELD = (CREDENTIAL, ENGINE_KEY)
# Secrets of an identity in Microsoft Entra ID: notebooks may need them, and no output may show them.
OF_AN_IDENTITY = ("AZURE_CLIENT_SECRET", "AZURE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "IDENTITY_HEADER")
_SET_DUMPABLE = 4  # prctl(2)


def own_secrets() -> list[str]:
    """The secrets that this process has in its environment: the endpoint's credential, and those of an identity."""
    return [value for name in (CREDENTIAL, *OF_AN_IDENTITY) if (value := os.environ.get(name))]


def hide() -> None:
    """Make this process's credentials unreadable for other processes of the same user, who are not root. Linux only.

    What `/proc` shows as the environment is the memory with which the process was started. The credentials in it are
    overwritten, so that not even root finds them there, and stand in `os.environ` as before.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.getenv.restype, libc.getenv.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    for name in WITHHELD:
        value = os.environ.get(name)
        place = libc.getenv(os.fsencode(name))
        if value and place and ctypes.string_at(place) == os.fsencode(value):
            ctypes.memset(place, ord("*"), len(os.fsencode(value)))
            os.environ[name] = value  # in memory of its own from now on


@contextmanager
def withheld() -> Iterator[None]:
    """Within this context new processes get an environment without credentials."""
    kept = {name: os.environ.pop(name) for name in WITHHELD if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
