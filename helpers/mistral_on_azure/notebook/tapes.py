"""Records a program's requests and their answers on a tape, and answers the program from the tape later."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mistral_on_azure.azure.addresses import CREDENTIAL, label_of, variables_of
from mistral_on_azure.azure.children import around_proxies
from mistral_on_azure.azure.deployments import DEPLOYMENT_KINDS, SERVERLESS
from mistral_on_azure.notebook.connecting import current
from mistral_on_azure.recording.doors import Doors
from mistral_on_azure.recording.forwarding import Forwarder, Replayer
from mistral_on_azure.recording.tape import Recorder, Scrubber, hosts_of, read
from mistral_on_azure.recording.usage import Budget

_JOB = "app", ""  # on a tape, each exchange names a notebook and a deployment; a program has neither


@contextmanager
def record_calls(file: str) -> Iterator[Mapping[str, str]]:
    """Forward a program's calls to the endpoint of `connect`, and write requests and answers to a tape.

    The tape has no credential, and no host names, ids and mail addresses of a tenant; read it before you share it.

    Args:
        file: the tape, a file of JSON lines. Until the block has ended without an error, its name ends in `.part`.

    Yields:
        the environment variables with which the program calls the recorder.

    Raises:
        CookbookError: when the file cannot be written.
    """
    connection, credential = current(), os.environ[CREDENTIAL]
    hosts = [] if connection.local else hosts_of(connection.url)
    about = {"endpoint": label_of(connection.url), "parameters": {}, "kind": connection.kind.name}
    recorder = Recorder(Path(file), about, Scrubber([credential], hosts))
    forwarder, ended_well = Forwarder(connection.url, lambda door: credential, Budget(), recorder), False
    try:
        with Doors(forwarder.answer, forwarder.close) as doors:
            door = doors.open(*_JOB)
            yield {**variables_of(door.url, connection.kind), CREDENTIAL: door.key, **around_proxies()}
            doors.settle(door)
        ended_well = True
    finally:
        print(recorder.close(ended_well))


@contextmanager
def replay_calls(file: str) -> Iterator[Mapping[str, str]]:
    """Answer a program's calls from a tape. No endpoint is called and no token is spent.

    A request that is not on the tape is answered with the status 501. At the end a line says how many requests were
    answered, how many were refused, and how many recorded requests the program did not send.

    Args:
        file: the tape that `record_calls` wrote.

    Yields:
        the environment variables with which the program calls the tape.

    Raises:
        CookbookError: when the file is not a tape.
    """
    tape = read(Path(file))
    replayer = Replayer(tape)
    with Doors(replayer.answer, replayer.close) as doors:
        door = doors.open(*_JOB)
        kind = DEPLOYMENT_KINDS.get(tape.about["kind"], SERVERLESS)
        yield {**variables_of(door.url, kind), CREDENTIAL: door.key, **around_proxies()}
        doors.settle(door)
        notes = [f"{door.usage.calls} requests answered from the tape"]
        notes += [f"{len(door.refused)} refused: {door.refused[0]}"] if door.refused else []
        print("; ".join([*notes, *filter(None, [replayer.left_over(door)])]))
