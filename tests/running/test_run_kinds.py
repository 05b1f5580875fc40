"""`cookbook run` on kinds of deployment: the local endpoint's, and what an endpoint of one's own turns out to be."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

from commanding import Cookbook
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, OPENAI_ENDPOINT
from mistral_on_azure.azure.deployments import sold_deployments
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.running.targets import local_deployments
from servers import Asked, Reply, serving

KEY = "0123456789abcdef" * 2
CONNECT = "import os\nfrom mistral_on_azure import connect\nconnect(model=model)"
ASK = """
import json
from urllib.request import Request, urlopen
body = {"model": model, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 4}
headers = {"authorization": "Bearer " + os.environ["AZURE_INFERENCE_CREDENTIAL"], "content-type": "application/json"}
url = os.environ["AZURE_INFERENCE_OPENAI_ENDPOINT"] + "/chat/completions"
answer = json.load(urlopen(Request(url, json.dumps(body).encode(), headers)))
print(answer["model"])
"""


def said(cookbook: Cookbook, name: str = "a") -> str:
    """What the cells of the executed notebook printed."""
    (path,) = cookbook.reports.rglob(f"{name}.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


def test_a_run_on_managed_compute_says_so(cookbook):
    cookbook.write("a", CONNECT, ASK)
    done = cookbook.run("--kind", "managed", "-d", "mistralai-Mixtral-8x7B-Instruct-v01")
    assert done.returncode == 0, done
    assert "Local endpoint (managed compute), serving mistralai-Mixtral-8x7B-Instruct-v01" in said(cookbook)
    assert cookbook.results["endpoint"] == "local endpoint (managed compute)"
    assert "local endpoint (managed compute)" in (cookbook.reports / "summary.md").read_text(encoding="utf-8")
    assert cookbook.jobs["a"]["calls"] == 2  # with the one for /info


def test_a_foundry_resource_has_every_model_that_is_sold():
    assert local_deployments("foundry") == list(sold_deployments())


def test_what_passed_on_one_kind_is_not_taken_for_another(cookbook):
    cookbook.write("a", CONNECT)
    assert cookbook.run().returncode == 0 and cookbook.results["endpoint"] == "local endpoint"
    cookbook.run("--resume")
    assert cookbook.jobs["a"]["resumed"]
    cookbook.run("--resume", "--kind", "managed")
    assert not cookbook.jobs["a"]["resumed"] and cookbook.results["endpoint"] == "local endpoint (managed compute)"


@pytest.mark.parametrize(
    ("arguments", "real", "words"),
    [
        (["--kind", "batch"], False, "There is no kind 'batch'. Choose one of: serverless, managed"),
        (["--kind", "managed", "--save"], False, "--save keeps answers of the kind serverless"),
        (["--kind", "managed", "--replay", __file__], False, "--replay is to answer"),
        (["--kind", "managed"], True, f"the endpoint in {ENDPOINT} is to answer"),
    ],
)
def test_where_a_kind_has_no_effect_it_is_refused(cookbook, arguments, real, words):
    cookbook.write("a", CONNECT)
    done = cookbook.run(*arguments, **({ENDPOINT: "https://host.example", CREDENTIAL: KEY} if real else {}))
    assert done.returncode == 1 and words in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert "| passed |" not in (cookbook.reports / "summary.md").read_text()


def completion(model: str) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return Reply({"model": model, "choices": [choice], "usage": usage})


def engine(asked: Asked) -> Reply:
    """A server that knows one model, by its own name only, and has no /info."""
    if asked.path == "/v1/models":
        return Reply({"object": "list", "data": [{"id": "mistral"}]})
    if asked.path == "/v1/chat/completions" and asked.body["model"] == "mistral":
        return completion("mistral")
    return Reply({"detail": "Not Found"}, 404)


@pytest.mark.parametrize("way", [[], ["--direct"]])
def test_the_only_name_that_a_server_knows_is_taken(cookbook, way):
    cookbook.write("a", CONNECT, ASK)
    cookbook.write("b", CONNECT, ASK)
    with serving(engine) as url:
        done = cookbook.run(*way, **{ENDPOINT: url, CREDENTIAL: KEY})
        assert done.returncode == 0, done
        assert cookbook.jobs["a"]["deployment"] == cookbook.jobs["b"]["deployment"] == "mistral"
        assert said(cookbook).endswith("mistral\n") and said(cookbook, "b").endswith("mistral\n")
        named = cookbook.run("-d", "another", **{ENDPOINT: url, CREDENTIAL: KEY})
    assert named.returncode == 1 and cookbook.jobs["a"]["deployment"] == "another"


def resource(asked: Asked) -> Reply:
    """A Foundry resource with several deployments."""
    if asked.path == "/openai/v1/models":
        return Reply({"data": [{"id": "Mistral-Large-3"}, {"id": "Ministral-3B"}]})
    if asked.path == "/openai/v1/chat/completions" and asked.body["model"] == "Ministral-3B":
        return completion("Ministral-3B")
    return Reply({"error": {"code": "404", "message": "Resource not found"}}, 404)


@pytest.mark.parametrize("way", [[], ["--direct"]])
@pytest.mark.parametrize("path", ["", "/openai/v1"])
def test_a_foundry_resource(cookbook, tmp_path: Path, path, way):
    where = f"print(os.environ['{ENDPOINT}'][-7:], os.environ['{OPENAI_ENDPOINT}'][-10:])"
    cookbook.write("a", CONNECT, where, ASK)
    with serving(resource) as url:
        done = cookbook.run(*way, "-d", "Ministral-3B", **{ENDPOINT: url + path, CREDENTIAL: KEY})
    assert done.returncode == 0, done
    assert said(cookbook).splitlines()[-2:] == ["/models /openai/v1", "Ministral-3B"]
    assert "(Foundry resource), serving Ministral-3B" in said(cookbook)
    assert KEY not in (cookbook.reports / "results.json").read_text(encoding="utf-8")
    assert way or (cookbook.jobs["a"]["prompt_tokens"], cookbook.jobs["a"]["completion_tokens"]) == (5, 2)


def test_the_recording_of_a_foundry_resource_knows_its_kind(cookbook, tmp_path: Path):
    cookbook.write("a", CONNECT, ASK)
    tape = str(tmp_path / "tape.jsonl")
    with serving(resource) as url:
        given = {ENDPOINT: f"{url}/openai/v1", CREDENTIAL: KEY}
        assert cookbook.run("--record", tape, "-d", "Ministral-3B", **given).returncode == 0
    done = cookbook.run("--replay", tape)
    assert done.returncode == 0, done
    assert said(cookbook).endswith("Ministral-3B\n")


GATHER = """
import openai

client = openai.AsyncOpenAI(max_retries=0, base_url=os.environ["AZURE_INFERENCE_OPENAI_ENDPOINT"],
                            api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"])
messages = [{"role": "user", "content": "How many languages are in the world?"}]
await asyncio.gather(*(client.chat.completions.create(model=model, messages=messages) for _ in range(2)))
"""


def test_notebooks_side_by_side_wait_for_their_turn_at_managed_compute(cookbook):
    """It takes two requests at a time, and refuses the third with 429."""
    for name in "abc":
        cookbook.write(name, CONNECT, f"import asyncio, os\n{GATHER}")
    with start(kind="managed", concurrent=1, timing="first-token=0.5") as endpoint:
        done = cookbook.run("--workers", "3", **{ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0], **os.environ})
    assert done.returncode == 0, done


def test_managed_compute_behind_doors(cookbook):
    """The doors pass on the headers and words by which connect() tells the kind."""
    cookbook.write("a", CONNECT, ASK)
    with start(kind="managed") as endpoint:
        done = cookbook.run(**{ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0], **os.environ})
    assert done.returncode == 0, done
    assert "(managed compute), serving mistralai-Mistral-7B-Instruct-v01" in said(cookbook)
