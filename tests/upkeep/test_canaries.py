"""A key and a token that must show up nowhere: not in what a client says about a fault, not in what a run leaves."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from trying import ALL

from commanding import COOKBOOK, Cookbook
from local_endpoint import Local
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.deployments import ML_SCOPE as SCOPE
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.upkeep.faults.calls import CALLS

Pair = tuple[str, str]  # a key, and a token for the same virtual endpoint
TRYING = Path(__file__).with_name("trying.py")


def spellings(credential: str) -> list[str]:
    """A credential as it may stand in a text. Of a token the claims alone would tell a tenant."""
    encoded = base64.b64encode(credential.encode()).decode()
    return [credential, encoded.rstrip("="), *credential.split(".")[1:]]


@pytest.fixture(scope="module")
def said(forks) -> dict[str, tuple[str, list[Pair]]]:
    """All that each client said about each fault, and the credentials it had."""
    keys = {client: [new_key() for _ in ALL] for client in CALLS}
    with start([key for each in keys.values() for key in each]) as endpoint:
        pairs = {client: [(key, Local(endpoint.url, key).token()) for key in mine] for client, mine in keys.items()}

        def attempt(client: str) -> str:
            given = json.dumps({"url": endpoint.url, "pairs": pairs[client]})
            done = forks.run(client, TRYING, dict(os.environ), client, given=given)
            assert done.returncode == 0, done.stderr[-2000:]
            return done.stdout + done.stderr

        with ThreadPoolExecutor() as pool:
            return dict(zip(CALLS, zip(pool.map(attempt, CALLS), pairs.values(), strict=True), strict=True))


@pytest.mark.parametrize("client", CALLS)
def test_no_client_tells_a_credential_whatever_goes_wrong(said, client):
    text, pairs = said[client]
    for case in ALL:
        assert text.count(f"{client}, {case.name}: ") == 2  # once with the key, once with the token
    assert text.count(": raised\n") >= len(ALL) and "DEBUG" in text
    told = {spelled for pair in pairs for credential in pair for spelled in spellings(credential) if spelled in text}
    assert told == set()


WORKING = f"""
import os, subprocess, requests
from azure.identity import DefaultAzureCredential
def call(credential, url=os.environ["{ENDPOINT}"]):
    headers = {{"Authorization": f"Bearer {{credential}}"}}
    body = {{"messages": [{{"role": "user", "content": "Hello"}}], "max_tokens": 8}}
    return requests.post(url + "/chat/completions", json=body, headers=headers, timeout=20).json()
print(call(os.environ["{CREDENTIAL}"]))
"""
TOKEN = f"print(call(DefaultAzureCredential().get_token('{SCOPE}').token, os.environ['SECURE']))"
# It takes a second, long enough for its arguments to be seen.
CURL = """%%bash
command -v curl > /dev/null || exit 0
curl --silent --header @- --header "Content-Type: application/json" --header "x-local-timing: first-token=1" \\
  --data '{"messages": [{"role": "user", "content": "Hello"}]}' "$AZURE_INFERENCE_ENDPOINT/chat/completions" \\
  <<< "Authorization: Bearer $AZURE_INFERENCE_CREDENTIAL"
"""
FAILING = "requests.get(os.environ['AZURE_INFERENCE_ENDPOINT'] + '/nowhere', timeout=20).raise_for_status()"


@pytest.fixture(scope="module", params=["direct", "recorded"])
def run(request, tmp_path_factory) -> Iterator[tuple[Cookbook, str]]:
    """What a run on somebody's endpoint leaves behind, with all that was printed and all processes' arguments."""
    folder = tmp_path_factory.mktemp(request.param)
    cookbook = Cookbook(folder)
    cookbook.write("working", WORKING, TOKEN, CURL)
    cookbook.write("failing", WORKING, FAILING)
    key = new_key()
    with start([key]) as endpoint:
        identity = Local(endpoint.url, key).identity()
        variables = {**identity, "SECURE": identity[ENDPOINT], ENDPOINT: endpoint.url, CREDENTIAL: key}
        way = ["--direct"] if request.param == "direct" else ["--record", str(folder / "tape.jsonl")]
        with ArgumentsSeen(folder / "arguments.txt"):
            done = cookbook.run(*way, **variables)
        (folder / "printed.txt").write_text(done.stdout + done.stderr)
        yield cookbook, key


class ArgumentsSeen:
    """Notes the arguments of every process on the machine, again and again."""

    def __init__(self, file: Path) -> None:
        self.file, self.seen, self.over = file, set(), threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self.over.wait(0.02):
            self.seen |= {" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])}

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        self.file.write_text("\n".join(sorted(self.seen)), errors="backslashreplace")  # others' may be any bytes


def test_a_run_leaves_no_credential_behind(run):
    cookbook, key = run
    folder = cookbook.reports.parent
    assert cookbook.status == {"working": "passed", "failing": "failed"}
    arguments = (folder / "arguments.txt").read_text()
    assert "ipykernel_launcher" in arguments and ("curl --silent" in arguments or not shutil.which("curl"))
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert files >= {"working.ipynb", "failing.ipynb", "junit.xml", "summary.md", "results.json", "printed.txt"}
    assert any(name.startswith("tape.jsonl") for name in files) or folder.name.startswith("direct")
    command = [str(COOKBOOK), "secrets", str(folder)]
    scanned = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, CREDENTIAL: key})
    assert scanned.returncode == 0, scanned.stdout
