"""The programs in C#: what they say of themselves, and how they end where something is wrong."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable

import pytest

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog.notebooks import notebooks
from mistral_on_azure.gallery.pages import other_languages_page
from mistral_on_azure.upkeep.beyond_python import FOLDER, PROGRAMS, SET_UP

CSHARP = [name for name in PROGRAMS if PROGRAMS[name].language == "csharp"]
# Without PublishAot=false, JSON from an anonymous type fails at run time. A property NoWarn would replace the SDK's own
# list, so that warnings about versions of assemblies appear.
PROPERTIES = {"PublishAot": "false"}
MISTAKES = {
    "no address": ({ENDPOINT: ""}, f"Set {ENDPOINT} "),
    "no scheme": ({ENDPOINT: "localhost:8000"}, f"Set {ENDPOINT} "),
    "no key": ({CREDENTIAL: ""}, f"Set {CREDENTIAL} "),
    "a wrong key": ({CREDENTIAL: "wrong"}, "cannot be used: The key was refused."),
    "nobody listens": ({ENDPOINT: "http://127.0.0.1:9"}, "cannot be used: Retry failed after 4 tries."),
    "another path": ({ENDPOINT: "URL/v3"}, "cannot be used: There is no route /v3/"),
}


@pytest.fixture
def ended(dotnet) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program."""

    def run(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [dotnet, "run", PROGRAMS[name].path]
        return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", CSHARP)
def test_what_is_wrong_with_address_or_key_is_told_in_one_line(ended, local, name, mistake):
    environment, words = MISTAKES[mistake]
    done = ended(name, **{key: value.replace("URL", local.url) for key, value in environment.items()})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and words in done.stderr
    assert "refused here" not in done.stdout and "Refused" not in done.stdout


@pytest.mark.parametrize("fault", [{"reset": "within"}, {"answer": "truncated"}, {"answer": "error-event"}])
@pytest.mark.parametrize("name", CSHARP)
def test_a_broken_stream_is_told_and_the_tasks_go_on(ended, local, name, fault):
    """The five completions before the stream are whole."""
    local.fail(tokens_per_second=1_000_000, count=5)
    local.fail(**fault)
    done = ended(name)
    assert (done.returncode, done.stderr) == (0, "")
    streamed, _, rest = done.stdout.partition("## Stream the answer\n")[2].partition("\n## ")
    assert streamed.startswith("As of now") and streamed.endswith("\nThe answer broke off.\n") and "→" in rest


@pytest.mark.parametrize("name", CSHARP)
def test_a_program_says_what_was_compiled_and_run_by_hand(name):
    said = PROGRAMS[name].by_hand()
    for words in ("2026-11-28", ".NET 10.0.13", "Not tested: `dotnet run`"):
        assert words in said
    text = PROGRAMS[name].path.read_text(encoding="utf-8")
    packages = re.findall(r"^#:package (\S+)@(\S+)$", text, re.MULTILINE)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    tried = " ".join(readme.partition("## What was tried in C#")[2].split())
    of_this = tried.partition(f"**{PROGRAMS[name].path.name}**")[2].partition("- **")[0]
    for words in ("2026-11-28", ".NET 10.0.13", "2026-11-27", ".NET SDK 10.0.401"):
        assert words in of_this
    assert packages and all(f"{package} {version}" in readme for package, version in packages)
    assert f"dotnet run notebooks/beyond-python/{PROGRAMS[name].file}" in readme


def test_the_gallery_says_what_was_compiled_and_run_by_hand():
    """In the programs' own words, below them."""
    page = other_languages_page(notebooks(FOLDER.parent)).rpartition("\n## ")[2]
    rows = re.findall(r"^- \*\*(.*)\*\*: (.*)$", page, re.MULTILINE)
    assert rows == [(PROGRAMS[name].title, PROGRAMS[name].by_hand()) for name in CSHARP]


@pytest.mark.parametrize("name", CSHARP)
def test_a_program_has_the_properties_that_it_needs(name):
    text = PROGRAMS[name].path.read_text(encoding="utf-8")
    assert dict(re.findall(r"^#:property (\w+)=(.+)$", text, re.MULTILINE)) == PROPERTIES


@pytest.mark.parametrize("name", CSHARP)
def test_the_first_request_is_guarded_with_a_key_and_without_one(name):
    """Each mistake in the set-up has its own line. This is seen without .NET, too."""
    program = PROGRAMS[name].parts()
    assert 'endpoint.Scheme is not ("http" or "https")' in program[SET_UP]
    assert "string.IsNullOrEmpty" in program[SET_UP] and program[SET_UP].count("return 1;") == 2
    first = program["Ask what is deployed"]
    assert "AuthenticationFailedException" in first and "AggregateException" in first and "return 1;" in first
    assert "if (key is not null)" not in first
