"""The same tasks in JavaScript: both programs do them on the local endpoint, with a key and with Microsoft Entra ID."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.sections import tasks
from helpers.urls import CREDENTIAL, ENDPOINT

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks" / "beyond-python"
PROGRAMS = ("openai-sdk", "azure-rest")
KEY, ENTRA_ID, *OTHERS = tasks(ROOT / "notebooks")
RETRIES = {"openai-sdk": 2, "azure-rest": 3}  # of each package, unless it is told otherwise
SAID = {
    "Ask what is deployed": "mistralai-Mistral-7B-Instruct-v01 by MistralAI",
    "Complete a chat": "Finish reason: stop\n19 + 72 = 91 tokens",
    "Send a system message": "7 000 langues",
    "Hold a conversation": "zǎoshang hǎo",
    "Stream the answer": "\n72 tokens",
    "Shape the answer with parameters": "→ length",
    "Ask for JSON": "language: 'Spanish', speakers_millions: 485",
    "Call tools": "returned: 485 million\nThe tool native_speakers returned: 234 million",
    "Call asynchronously": "- The hardest language",
    "Handle errors and retries": "more patience: stop",
    "Know the limits of this client": "404",
}
OF_ONE = {
    "openai-sdk": {"Pass extra parameters": '" of" 39 %', "Handle errors and retries": "AuthenticationError 401"},
    "azure-rest": {"Pass extra parameters": "error → 400\ndrop → log probabilities: false\npass-through → log prob"},
}


@pytest.fixture(scope="module")
def installed() -> Path:
    """The programs, beside the packages of the lock; these are kept until the lock changes."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("there is no Node.js with npm")
    folder = ROOT / "build" / "beyond-python"
    lock, last = FOLDER / "package-lock.json", folder / "installed-from.json"
    current = last.exists() and last.read_bytes() == lock.read_bytes()
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    if current:
        return folder
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)
    if re.search("ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN", done.stderr):
        pytest.skip("no package registry can be reached")
    assert done.returncode == 0, done.stderr
    shutil.copyfile(lock, last)
    return folder


def told(program: str, folder: Path, **environment: str) -> dict[str, str]:
    """What a program prints under the heading of each task."""
    command = ["node", f"{program}.mjs"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    parts = re.split(r"^## (.*)\n", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_task_is_done_with_a_key(installed, local, program):
    """And the first completion succeeds although it is refused as often as the package tries again by itself."""
    local.fail(status=429, retry_after=0, count=RETRIES[program])
    said = told(program, installed)
    assert [*said] == [KEY, ENTRA_ID, *OTHERS]
    assert said[KEY] == "Connected with a key.\n\n" and not said[ENTRA_ID].strip()
    for task, words in {**SAID, **OF_ONE[program]}.items():
        assert words in said[task], task
    assert [line.split(":")[0] for line in said["Handle errors and retries"].split("\n") if line] == [
        "a wrong key",
        "a wrong address",
        "a wrong value",
        "more patience",
    ]
    assert local.key not in str(said)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_task_is_done_without_a_key(installed, local, monkeypatch, program):
    session = local.session()
    monkeypatch.delenv(CREDENTIAL)
    identity = {"IDENTITY_ENDPOINT": session["identity_endpoint"], "IDENTITY_HEADER": session["identity_header"]}
    trusted = {"NODE_EXTRA_CA_CERTS": session["authorities"], ENDPOINT: session["https_endpoint"]}
    said = told(program, installed, **identity, **trusted)
    assert said[ENTRA_ID] == "Connected without a key.\n\n" and not said[KEY].strip()
    for task, words in SAID.items():
        assert words in said[task], task


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_can_be_copied(program):
    text = (FOLDER / f"{program}.mjs").read_text(encoding="utf-8")
    asked_for = set(re.findall(r'^import .* from "(.*)";$', text, re.MULTILINE))
    assert asked_for == set(re.search(r"^// Install: npm install (.*)$", text, re.MULTILINE)[1].split())
    assert asked_for <= set(re.findall(r'"(\S+)": "\d', (FOLDER / "package.json").read_text(encoding="utf-8")))
    assert "local" not in text and max(map(len, text.splitlines())) <= 120
