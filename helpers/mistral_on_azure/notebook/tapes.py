"""A program's requests and answers: they are recorded on a tape or in a script, or a tape answers the requests.

A notebook uses `record_calls` and `replay_calls`; `cookbook serve` uses `record_script` and `serve_recording`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, endpoint_in_variables, label_of, variables_of
from mistral_on_azure.azure.children import around_proxies
from mistral_on_azure.azure.credentials import check_credential, new_key, own_secrets
from mistral_on_azure.azure.deployments import DEPLOYMENT_KINDS, SERVERLESS
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.notebook.connecting import current
from mistral_on_azure.recording.doors import Door, Doors, credential_for
from mistral_on_azure.recording.forwarding import Forwarder, Replayer
from mistral_on_azure.recording.tape import Recorder, Scrubber, Tape, hosts_of, read
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
    door, ended_well = Door(*_JOB), False
    try:
        with _listening(Forwarder(connection.url, lambda door: credential, Budget(), recorder), door):
            yield {**variables_of(door.url, connection.kind), CREDENTIAL: door.key, **around_proxies()}
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
    replayer, door = Replayer(tape), Door(*_JOB)
    with _listening(replayer, door):
        kind = DEPLOYMENT_KINDS.get(tape.about["kind"], SERVERLESS)
        yield {**variables_of(door.url, kind), CREDENTIAL: door.key, **around_proxies()}
    notes = [f"{door.usage.calls} requests answered from the tape"]
    notes += [f"{len(door.refused)} refused: {door.refused[0]}"] if door.refused else []
    print("; ".join([*notes, *filter(None, [replayer.left_over(door)])]))


def serve_recording(file: Path, port: int) -> None:
    """Answer requests from a recording until Ctrl-C; equal requests get their answers in the recorded order.

    The last answer to equal requests is repeated. The key is AZURE_INFERENCE_CREDENTIAL; without it, a key is generated
    and printed.

    Raises:
        CookbookError: for a file that is not a recording, a port that is taken, or a key that cannot be sent.
    """
    tape = read(file)
    anywhere = [replace(each, notebook="", deployment="") for each in tape.exchanges]  # for any program
    key = os.environ.get(CREDENTIAL) or ""
    door = Door("", "", check_credential(key) if key else new_key())
    with _listening(Replayer(Tape(tape.about, anywhere), stay=True), door, port):
        if not key:
            print(f"{CREDENTIAL}={door.key}")
        print(f"{ENDPOINT}={door.url}")
        _wait(f"Ready: {len(anywhere)} recorded answers of {tape.about['endpoint']}. Ctrl-C ends it.")


def record_script(file: Path, port: int) -> None:
    """Forward requests to AZURE_INFERENCE_ENDPOINT until Ctrl-C, then write requests and answers as a script.

    The app gets an address and a key of this process, which keeps the real credential to itself.

    Raises:
        CookbookError: when no endpoint is set, it does not answer or refuses the credential, for a port that is taken,
            or a file that cannot be written.
    """
    from mistral_on_azure.recording.recorded_script import ScriptRecorder

    if not os.environ.get(ENDPOINT):
        raise CookbookError(f"--record needs a real endpoint: set {ENDPOINT} and {CREDENTIAL}.")
    url, kind = endpoint_in_variables()
    give = credential_for(url, kind)
    door = Door(*_JOB)
    try:
        recorder = ScriptRecorder(file, Scrubber([*own_secrets(), door.key], hosts_of(url)))
    except OSError as error:
        raise CookbookError(f"{file} cannot be written ({error.strerror}). Choose another --record.") from None
    with _listening(Forwarder(url, lambda _: give(), Budget(), recorder), door, port):
        named = variables_of(door.url, kind) if kind else {ENDPOINT: door.url}
        for name, value in {**named, CREDENTIAL: door.key}.items():
            print(f"{name}={value}")
        _wait("Ready: run your app with these variables. Ctrl-C ends it and writes the script.")
    print(recorder.close())


@contextmanager
def _listening(answers: Forwarder | Replayer, door: Door, port: int = 0) -> Iterator[None]:
    """Let a door listen during a block, and wait for the requests that are unfinished at its end."""
    with Doors(answers.answer, answers.close) as doors:
        doors.listen(door, port)
        yield
        doors.settle(door)


def _wait(ready: str) -> None:
    """Wait for Ctrl-C or SIGTERM."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    print(ready, flush=True)
    while not ended.wait(0.2):  # on Windows, a wait without a timeout would delay signals
        pass
    for number, handler in before.items():
        signal.signal(number, handler)
