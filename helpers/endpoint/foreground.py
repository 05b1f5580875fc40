"""`cookbook serve`: the local endpoint in the foreground."""

from __future__ import annotations

import os
from typing import Any

from helpers.endpoint.loop import run
from helpers.endpoint.options import Options, make
from helpers.starting import new_key
from helpers.urls import CREDENTIAL, ENDPOINT, check_credential


def serve(port: int, deployment: str | None = None, **options: Any) -> None:
    """Serve until Ctrl-C.

    Args:
        port: 0 takes a free one.
        deployment: the default deployment; None is the cookbook's.
        options: the other choices of `Options`.

    Raises:
        CookbookError: for a port that is taken, a choice that does not exist, or a key that cannot be sent.
    """
    key = os.environ.get(CREDENTIAL) or ""  # a secret that a CI system does not have is empty there
    if key:
        check_credential(key)
    made = "" if key else new_key()
    server = make([key or made], Options(port=port, deployment=deployment, **options))
    if made:
        print(f"{CREDENTIAL}={made}", flush=True)
    run(
        server.run(
            lambda url: print(f"{ENDPOINT}={url}\nReady: the local endpoint listens. Ctrl-C ends it.", flush=True)
        )
    )
