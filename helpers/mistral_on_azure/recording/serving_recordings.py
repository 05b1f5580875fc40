"""`cookbook serve --replay` answers from a recording; `--record` makes a script from a real endpoint's answers."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, endpoint_in_variables, variables_of
from mistral_on_azure.azure.credentials import check_credential, new_key, own_secrets
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording import tape as tapes
from mistral_on_azure.recording.doors import Door, Doors, credential_for
from mistral_on_azure.recording.forwarding import Forwarder, Replayer
from mistral_on_azure.recording.recorded_script import ScriptRecorder
from mistral_on_azure.recording.tape import Scrubber, hosts_of
from mistral_on_azure.recording.usage import Budget


def serve_recording(file: Path, port: int) -> None:
    """Answer requests from a recording until Ctrl-C; equal requests get their answers in the recorded order.

    The last answer to equal requests is repeated. The key is AZURE_INFERENCE_CREDENTIAL; without it, a key is generated
    and printed.

    Raises:
        CookbookError: for a file that is not a recording, a port that is taken, or a key that cannot be sent.
    """
    tape = tapes.read(file)
    anywhere = [replace(each, notebook="", deployment="") for each in tape.exchanges]  # for any program
    key = os.environ.get(CREDENTIAL) or ""
    door = Door("", "", check_credential(key) if key else new_key())
    replayer = Replayer(tapes.Tape(tape.about, anywhere), stay=True)
    with Doors(replayer.answer, replayer.close) as doors:
        doors.listen(door, port)
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
    if not os.environ.get(ENDPOINT):
        raise CookbookError(f"--record needs a real endpoint: set {ENDPOINT} and {CREDENTIAL}.")
    url, kind = endpoint_in_variables()
    give = credential_for(url, kind)
    door = Door("app", "")
    try:
        recorder = ScriptRecorder(file, Scrubber([*own_secrets(), door.key], hosts_of(url)))
    except OSError as error:
        raise CookbookError(f"{file} cannot be written ({error.strerror}). Choose another --record.") from None
    forwarder = Forwarder(url, lambda _: give(), Budget(), recorder)
    with Doors(forwarder.answer, forwarder.close) as doors:
        doors.listen(door, port)
        named = variables_of(door.url, kind) if kind else {ENDPOINT: door.url}
        for name, value in {**named, CREDENTIAL: door.key}.items():
            print(f"{name}={value}")
        _wait("Ready: run your app with these variables. Ctrl-C ends it and writes the script.")
        doors.settle(door)
    print(recorder.close())


def _wait(ready: str) -> None:
    """Wait for Ctrl-C or SIGTERM."""
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    print(ready, flush=True)
    while not ended.wait(0.2):  # on Windows, a wait without a timeout would delay signals
        pass
    for number, handler in before.items():
        signal.signal(number, handler)
