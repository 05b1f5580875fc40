"""The same tasks in other languages: the programs do them on the local endpoint, with a key and without one."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from local_endpoint import Local
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, OPENAI_ENDPOINT, TOKEN_SCOPE
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.catalog.notebooks import Kind, notebooks, tasks
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.gallery.pages import other_languages_page
from mistral_on_azure.upkeep.beyond_python import FOLDER, PROGRAMS, SET_UP
from scripted import script

ROOT = Path(__file__).resolve().parents[3]
JAVASCRIPT = [name for name in PROGRAMS if PROGRAMS[name].language == "javascript"]
KEY, ENTRA_ID, *OTHERS = tasks(ROOT / "notebooks")
# Of each by itself, unless it is told otherwise.
RETRIES = {"webrequests": 0, "openai-sdk": 2, "azure-sdk": 3, "csharp-openai": 3, "csharp-azure": 3}
SAID = {
    "Ask what is deployed": "mistralai-Mistral-7B-Instruct-v01 by MistralAI",
    "Complete a chat": "Finish reason: stop\n19 + 72 = 91 tokens",
    "Send a system message": "7 000 langues",
    "Hold a conversation": "zǎoshang hǎo",
    "Stream the answer": "\n29 tokens",
    "Shape the answer with parameters": "→ length",
    "Call tools": "Spanish has 485 million native speakers, and Bengali has 234 million.",
    "Call asynchronously": "- The hardest language",
    "Handle errors and retries": "more patience: stop",
    "Know the limits of this client": "404",
}
_CHOICES = "error → 400\ndrop → log probabilities: false\npass-through → log prob"
_ROWS = "language: 'Spanish', speakers_millions: 485"
_JSON = '{"language": "Spanish", "speakers_millions": 485}'
OF_ONE = {
    "webrequests": {
        "Pass extra parameters": _CHOICES,
        "Ask for JSON": '{"language":"Spanish","speakers_millions":485}',
        "Call asynchronously": "- Languages disappear",
        "Know the limits of this client": "preview → 400\n/v1/chat/completions → 200",
    },
    "openai-sdk": {
        "Pass extra parameters": '" of" 39 %',
        "Ask for JSON": _ROWS,
        "Handle errors and retries": "AuthenticationError 401",
    },
    "azure-sdk": {"Pass extra parameters": _CHOICES, "Ask for JSON": _ROWS},
    "csharp-openai": {
        "Complete a chat": "Finish reason: Stop\n19 + 72 = 91 tokens",
        "Stream the answer": "\n72 tokens",
        "Shape the answer with parameters": "→ Length",
        "Pass extra parameters": '" of" 39 %',
        "Ask for JSON": _JSON,
        "Handle errors and retries": "more patience: Stop",
    },
    "csharp-azure": {
        "Stream the answer": "\n72 tokens",
        "Pass extra parameters": "log probabilities: True",
        "Ask for JSON": _JSON,
    },
}


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[..., dict[str, str]]:
    """Runs a program, where there is what it needs."""

    def run(name: str, **environment: str) -> dict[str, str]:
        if name in JAVASCRIPT:
            return _told(["node", request.getfixturevalue("installed") / PROGRAMS[name].file], environment)
        if PROGRAMS[name].language == "csharp":
            return _told([request.getfixturevalue("dotnet"), "run", PROGRAMS[name].path], environment)
        request.getfixturevalue("curl")
        return _told(["bash", PROGRAMS[name].path], environment)

    return run


def _told(command: list[str | Path], environment: dict[str, str]) -> dict[str, str]:
    """What a program prints under the heading of each task."""
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    parts = re.split(r"^## (.*)\n", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_task_is_done_with_a_key(told, local, name):
    """And the first completion succeeds although it is refused as often as the package tries again by itself."""
    if RETRIES[name]:
        local.fail(status=429, retry_after=0, count=RETRIES[name])
    said = told(name)
    assert [*said] == [KEY, ENTRA_ID, *OTHERS]
    for task, words in {**SAID, **OF_ONE[name]}.items():
        assert words in said[task], task
    assert [line.split(":")[0] for line in said["Handle errors and retries"].split("\n") if line] == [
        "a wrong key",
        "a wrong address",
        "a wrong value",
        "more patience",
    ]
    assert local.key not in str(said)


def test_the_page_shows_how_the_first_program_begins(told, local):
    (shown,) = re.findall(r"```text\n(.*?)```", (FOLDER / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    printed = "".join(f"## {task}\n{said}" for task, said in told("webrequests").items())
    assert printed.startswith(shown)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_task_is_done_without_a_key(told, local, monkeypatch, name):
    identity = local.identity()
    monkeypatch.delenv(CREDENTIAL)
    said = told(name, **identity)
    for task, words in {**SAID, **OF_ONE[name]}.items():
        assert words in said[task], task


@pytest.mark.parametrize("name", [name for name in PROGRAMS if PROGRAMS[name].language != "bash"])
def test_a_foundry_resource_has_addresses_and_a_scope_of_its_own(told, monkeypatch, name):
    """Not curl, which says beside the answers that there is no /info."""
    monkeypatch.delenv(CREDENTIAL, raising=False)
    with start([key := new_key()], kind="foundry", deployment="Mistral-Large-3") as endpoint:
        identity = Local(endpoint.url, key).identity()
        paths = {ENDPOINT: "/models", OPENAI_ENDPOINT: "/openai/v1"}
        addresses = {variable: f"{identity[ENDPOINT]}{path}" for variable, path in paths.items()}
        scope = {TOKEN_SCOPE: "https://ai.azure.com/.default", "AZURE_INFERENCE_MODEL": "Mistral-Large-3"}
        said = told(name, **{**identity, **addresses, **scope})
    for task in ("Send a system message", "Hold a conversation", "Stream the answer", "Call tools"):
        assert SAID[task] in said[task], task


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_a_wrong_address_is_no_refusal_of_the_system_message(installed, local, name):
    environment = {**os.environ, ENDPOINT: f"{local.url}/v3"}
    done = subprocess.run(
        ["node", installed / PROGRAMS[name].file], env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1 and "There is no route /v3/" in done.stderr and "efused" not in done.stdout


def test_curl_tries_again_when_it_is_told_to(local, curl):
    """What was refused on the way is not in the answer."""
    parts = PROGRAMS["webrequests"].parts()
    local.fail(status=429, retry_after=0, count=2)
    lines = re.findall("^(?:hello=|.*more patience).*", parts["Handle errors and retries"], re.MULTILINE)
    done = subprocess.run(["bash", "-c", "\n".join([parts[KEY], *lines])], capture_output=True, text=True, timeout=30)
    assert done.stdout == "more patience: stop\n" and done.stderr.count("429") == 2


def test_curl_never_shows_the_key_to_the_process_list(tmp_path, told, local, curl):
    """A curl in front of the real one writes down its arguments."""
    seen = tmp_path / "seen"
    spy = tmp_path / "curl"
    spy.write_text(f'#!/bin/sh\necho "$@" >> {seen}\nexec {curl} "$@"\n', encoding="utf-8")
    spy.chmod(0o755)
    told("webrequests", PATH=f"{tmp_path}:{os.environ['PATH']}")
    arguments = seen.read_text(encoding="utf-8")
    assert "/chat/completions" in arguments and local.key not in arguments and "Bearer" not in arguments


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_have_the_same_tasks_and_prompts(name):
    parts = PROGRAMS[name].parts()
    assert [*parts] == [SET_UP, KEY, ENTRA_ID, *OTHERS] and all(parts.values())
    text = PROGRAMS[name].path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 120 and "127.0.0.1" not in text
    wanted = _prompts("openai-sdk") - (_AFTER_CSHARP if PROGRAMS[name].language == "csharp" else set())
    assert _prompts(name) == wanted and len(wanted) >= 7


# The programs in C# stay as they were compiled and run.
_AFTER_CSHARP = {"Draft a reply to a customer whose parcel is three days late, in two sentences."}


def _prompts(name: str) -> set[str]:
    """The prompts in a program that the local endpoint has answers to."""
    text = re.sub(r'"\s*\+\s*"|\\\n', "", PROGRAMS[name].path.read_text(encoding="utf-8"))  # long ones are in pieces
    return {prompt for _, prompt in script() if prompt in text}


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_a_program_names_what_to_install(name):
    text = PROGRAMS[name].path.read_text(encoding="utf-8")
    asked_for = set(re.findall(r'^import .* from "(.*)";$', text, re.MULTILINE))
    assert asked_for == set(re.search(r"^// Install: npm install (.*)$", text, re.MULTILINE)[1].split())
    assert asked_for <= set(re.findall(r'"(\S+)": "\d', (FOLDER / "package.json").read_text(encoding="utf-8")))


def test_the_gallery_links_to_each_notebook_in_another_language():
    ours = notebooks(FOLDER.parent, Kind.OTHER_LANGUAGE)
    go = replace(ours["beyond-python/curl"], id="beyond-python/go")
    page = other_languages_page({**ours, go.id: go})
    for name in ("[curl alone](notebooks/beyond-python/curl", "[JavaScript](notebooks/beyond-python/javascript"):
        assert f"{name}.ipynb)" in page
    assert "(notebooks/beyond-python/go.ipynb)" in page


PARAMETERS = {  # what the documented pages list, as each language writes it
    "bash": ("max_tokens", "stop", "response_format", "temperature", "seed", "top_p", "frequency_", "presence_penalty"),
    "csharp": ("StopSequences", "ResponseFormat", "Temperature", "Seed", "FrequencyPenalty", "PresencePenalty"),
}
OF_ONE_PACKAGE = {  # what the two packages for C# call top_p and max_tokens
    "csharp-openai": ("narrow.TopP =", "brief = Limit(8)"),
    "csharp-azure": ("narrow.NucleusSamplingFactor =", "brief.MaxTokens = 8"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_parameter_is_shown(name):
    part = PROGRAMS[name].parts()["Shape the answer with parameters"]
    common = PARAMETERS.get(PROGRAMS[name].language, PARAMETERS["bash"])
    for parameter in (*common, *OF_ONE_PACKAGE.get(name, ())):
        assert parameter in part, parameter


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_parameter_does_something_one_can_see(told, local, name):
    lines = told(name)["Shape the answer with parameters"].strip().split("\n")
    answers = [re.sub(r"^.*?→ | → \w+$", "", line) for line in lines]
    whole = "uno, dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez"
    brief, stopped, plain, first, drawn, narrow, repeated, varied, fresh = answers
    assert whole.startswith(brief) and len(brief) < len(whole) and stopped == "uno, dos, tres, cuatro, "[: len(stopped)]
    assert plain == whole and len({first, drawn, narrow}) == 3 and len({repeated, varied, fresh}) == 3
