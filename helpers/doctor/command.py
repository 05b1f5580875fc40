"""`cookbook doctor`: what to examine, and how to tell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from helpers.doctor import table
from helpers.doctor.examination import Examination
from helpers.doctor.report import Report
from helpers.errors import INTERRUPTED
from helpers.running.targets import around_proxies
from helpers.starting import start
from helpers.urls import CREDENTIAL, ENDPOINT


def run(endpoint: str | None, deployment: str, timeout: float, as_json: bool) -> int:
    """Examine an endpoint and print what was found.

    Args:
        endpoint: its address; None leaves it to AZURE_INFERENCE_ENDPOINT, and without that to the local endpoint.
        deployment: the deployment's name, empty for whatever there is.
        timeout: how long to wait for each answer, in seconds.
        as_json: print JSON rather than a table.

    Returns:
        The exit status: 0 if nothing fails, 1 if something does, 130 if interrupted.

    Raises:
        CookbookError: when the local endpoint does not start.
    """
    try:
        with _report(endpoint, deployment, timeout) as report:
            if as_json:
                for _ in report.steps():
                    pass
                print(json.dumps(report.document, indent=2, ensure_ascii=False))
            else:
                table.show(Console(highlight=False), report)
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted.")
        return INTERRUPTED
    return 0 if report.passed else 1


@contextmanager
def _report(endpoint: str | None, deployment: str, timeout: float) -> Iterator[Report]:
    given, source = (endpoint, "--endpoint") if endpoint is not None else (os.environ.get(ENDPOINT), ENDPOINT)
    key = os.environ.get(CREDENTIAL)
    if given or key is not None or endpoint is not None:
        label = f"{source} with {'Microsoft Entra ID' if key is None else CREDENTIAL}"
        yield Report(label, Examination(given or "", source, key, deployment, timeout))
        return
    os.environ.update(around_proxies())
    with start() as local:
        label = f"the local endpoint, because {ENDPOINT} is not set"
        yield Report(label, Examination(local.url, source, local.keys[0], deployment, timeout))
