"""`cookbook serve`: the local endpoint in the foreground."""

from __future__ import annotations

import os

from helpers.deployments import deployments
from helpers.endpoint.loop import run
from helpers.endpoint.server import Server
from helpers.endpoint.sessions import Sessions
from helpers.errors import CookbookError
from helpers.starting import new_key
from helpers.urls import CREDENTIAL, ENDPOINT, check_credential


def serve(port: int, deployment: str | None) -> None:
    """Serve until Ctrl-C.

    Args:
        port: 0 takes a free one.
        deployment: the default deployment; None is the cookbook's.

    Raises:
        CookbookError: for a port that is taken, a deployment that does not exist, or a key that cannot be sent.
    """
    if deployment is not None and deployment not in deployments():
        raise CookbookError(f"There is no deployment {deployment!r}. Choose one of: {', '.join(deployments())}.")
    key = os.environ.get(CREDENTIAL)
    if key is not None:
        check_credential(key)
    made = new_key() if key is None else None
    try:
        server = Server(Sessions([key or made]), port=port, default=deployment)
    except OSError as error:
        raise CookbookError(f"Port {port} cannot be used ({error.strerror}). Choose another with --port.") from None
    if made:
        print(f"{CREDENTIAL}={made}", flush=True)
    run(
        server.run(
            lambda url: print(f"{ENDPOINT}={url}\nReady: the local endpoint listens. Ctrl-C ends it.", flush=True)
        )
    )
