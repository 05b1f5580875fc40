"""The exercises: open when the notebook is opened, and solved by the solution that is folded up below them."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import pytest

from exercises import OPEN, exercises
from forks import Forks
from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import START, Notebook, load
from mistral_on_azure.snippets.starter import formatted, read, snippets

CLIENTS = names()

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
CONNECT = "from mistral_on_azure import connect\n\nconnect(endpoint, model)"  # for checks that make the endpoint fail
NEEDED = ["Connect with a key", "Send a system message", "Stream the answer", "Handle errors and retries"]
# For each client wrong answers, by the number of the exercise, and what the check says of them.
WRONG = {
    "webrequests": [
        (0, 'prepared = requests.Request("POST", url, json={"max_tokens": 8}).prepare()', "The key is missing"),
        (1, "payloads = lambda lines: map(json.loads, lines)", "A line that is no JSON was parsed"),
        (
            1,
            "payloads = lambda lines: (json.loads(each[6:]) for each in lines if each.startswith(b'data: {'))",
            "without a space after data: is missing",
        ),
        (2, "within = lambda seconds, question: 'all of it'", "returned the whole answer"),
    ],
    "azure-sdk": [
        (0, "record = client.complete(messages=[UserMessage(prompt)], max_tokens=8)", "a plain dict"),
        (1, "drafts = [client.complete(messages=[UserMessage(task)]).choices[0].message.content]", "put n into"),
        (1, 'drafts = "one"', "a str, not a list"),
        (2, "patient = lambda question: client.complete(messages=[UserMessage(question)])", "allow a repeated POST"),
    ],
    "openai-sdk": [
        (0, "hasty = client.with_options(max_retries=0)", "hasty waits for"),
        (1, "raw = client.chat.completions.create(model=model, messages=messages, max_tokens=8)", "has no headers"),
        (2, "reply = lambda chosen, question, **settings: 'Refused.'", "The message is missing"),
    ],
    "langchain": [
        (0, "counter = client", "Return a number, not AIMessage"),
        (1, "checked = lambda message: message", "Half an answer went through"),
        (2, "patient_stream = lambda question: (each.text for each in client.stream(question))", "429 ended it"),
    ],
    "mistralai": [
        (0, 'server_url_of = lambda address: address.removesuffix("/v1")', "became 'https://host/v1/'"),
        (1, "whole_text = lambda events: 'all'", "passed as 'all'"),
        (2, "reply = lambda either, question, **settings: 'Refused.'", "does not begin with the status"),
    ],
    "litellm": [
        (0, "other = client(messages=question, max_tokens=8)", "came by the route azure_ai/"),
        (1, 'text = "all"', "There is no usage"),
        (2, "standby = router", "The deployments are named"),
    ],
}


def printed_after(notebook: Notebook, parts: list[str], forks: Forks, folder: Path) -> str:
    """What code prints after the cells that the exercises refer to."""
    taught = [cell.source for section in NEEDED for cell in snippets(notebook, section)]
    program = folder / "program.py"
    whole = [notebook.parameters_source, CONNECT, *taught, 'print("Now:")', *parts]
    program.write_text("\n\n".join(whole), encoding="utf-8")
    done = forks.run(notebook.path.stem, program, dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("Now:\n")[2]


@pytest.mark.parametrize("client", CLIENTS)
def test_each_has_a_place_a_check_and_a_solution(client):
    found = exercises(read(NOTEBOOKS, client))
    assert 2 <= len(found) <= 3
    for exercise in found:
        assert len(exercise.place.splitlines()) == 1 and exercise.check
        assert exercise.printed == OPEN
        assert exercise.solution and formatted(exercise.solution) == exercise.solution
        assert len(exercise.solution.splitlines()) <= 20
    lengths = [len(exercise.solution) for exercise in found]
    assert lengths[0] == min(lengths)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_solutions_pass_the_checks(client, forks, local, tmp_path):
    notebook = read(NOTEBOOKS, client)
    found = exercises(notebook)
    solved = [part for exercise in found for part in (exercise.place, exercise.solution, exercise.check)]
    assert printed_after(notebook, solved, forks, tmp_path) == "Solved.\n" * len(found)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_wrong_answer_is_told_what_is_wrong(client, forks, local, tmp_path):
    if client not in WRONG:  # a client is added with its notebook and its row, and with nothing here
        pytest.skip(f"there are no wrong answers to the exercises of {client} in WRONG")
    notebook = read(NOTEBOOKS, client)
    found = exercises(notebook)
    assert {number for number, _, _ in WRONG[client]} == {*range(len(found))}
    tried = []
    for number, answer, _ in WRONG[client]:
        check = textwrap.indent(f"{found[number].place}\n{answer}\n{found[number].check}", "    ")
        tried.append(
            f"try:\n{check}\nexcept AssertionError as error:\n    print('Says:', str(error).replace('\\n', ' '))"
        )
    printed = printed_after(notebook, tried, forks, tmp_path)
    said = [line for line in printed.splitlines() if line.startswith("Says:")]
    assert len(said) == len(tried), printed
    for line, (_, answer, words) in zip(said, WRONG[client], strict=True):
        assert words in line, f"{answer}\n{line}"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ('mine = "Mixtral-8x7B-Instruct"', "is none of the four names"),
        ("mine = smallest(context=20_000)", "was not made for Italian"),
        ('mine = smallest("Italian")', "reads 32,768 tokens"),
    ],
)
def test_the_exercise_of_start_here(answer, says):
    """It needs no endpoint: the cells above it have the figures of the deployments."""
    guide = load(NOTEBOOKS / f"{START}.ipynb")
    (exercise,) = exercises(guide)
    assert exercise.printed == OPEN and formatted(exercise.solution) == exercise.solution
    taught = "\n".join(each.source for each in guide.code if re.search("import deployments|def smallest", each.source))
    scope: dict[str, object] = {}
    exec(taught, scope)
    with pytest.raises(AssertionError, match=says):
        exec(f"{answer}\n{exercise.check}", scope)
    exec(f"{exercise.solution}\n{exercise.check}", scope)
    name = f"mistralai-{scope['mine']}"
    assert f"{2 * deployments()[name].parameters_total:.0f} GB" in next(
        cell.source for cell in guide.markdown if exercise.solution in cell.source
    )


PILOT = "https://pilot.eastus2.inference.ai.azure.com"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (f'mine = "{PILOT}/v1"', "mine takes two: the kind and the URL"),
        (f'mine = ("424", "{PILOT}/v1")', "is none of the three kinds: serverless, managed, foundry"),
        (f'mine = ("serverless", "{PILOT}/v1")', "has 404 for serverless and /v2. You got a 424"),
        (f'mine = ("foundry", "{PILOT}/v1")', "has 404 for foundry"),
        (f'mine = ("managed", "{PILOT}/chat/completions")', "The client appends that path"),
        (f'mine = ("managed", "{PILOT}")', "expects /v1 after the address"),
        (f'mine = ("managed", "{PILOT}/openai/v1")', "is another host or path"),
    ],
)
def test_the_exercise_of_your_own_endpoint(answer, says):
    """It needs no endpoint: its check reads the statuses of the notebook's first table."""
    guide = load(NOTEBOOKS / "your-endpoint.ipynb")
    (exercise,) = exercises(guide)
    assert exercise.printed == OPEN and formatted(exercise.solution) == exercise.solution
    path = "a path that is not there, /v2"
    assert any(f'"{path}"' in cell.source for cell in guide.code)
    seen = {"serverless": {path: "404"}, "managed": {path: "424 (404)"}, "foundry": {path: "404"}}
    scope = {"served": dict.fromkeys(seen, "a model"), "seen": seen}
    with pytest.raises(AssertionError, match=re.escape(says)):
        exec(f"{answer}\n{exercise.check}", scope)
    exec(f"{exercise.solution}\n{exercise.check}", scope)
