"""Managed compute without a socket, and its answers in the form that `upkeep/truth/` keeps."""

from __future__ import annotations

from functools import cache
from typing import Any

from asking import KEY, new_application

from mistral_on_azure.azure.deployments import Deployment, deployments
from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.gateway.managed import STATUS, Managed
from mistral_on_azure.endpoint.transport.exchange import Request, fields
from mistral_on_azure.endpoint.transport.listener import Callers
from mistral_on_azure.upkeep.truth.asking_truth import ANSWERS, MODEL, QUESTIONS
from mistral_on_azure.upkeep.truth.questions_and_answers import Question, Reply, kept, read_questions, read_rows

MEASURED_CONTEXT = 384  # of the engine that the questions were put to
ORIGIN = "http://example.org"  # of the page that the container's CORS was asked for
_PATHS = (*sorted({each.container_name for each in deployments().values()}), "MODEL")


class Measured(Managed):
    """Managed compute with the context, the tokenizer and the model's name that the truth was measured with."""

    def deployment(self, header: str | None, model: Any, default: str) -> Deployment:
        deployment = super().deployment(header, model, default)
        return deployment._replace(context=MEASURED_CONTEXT, tokenizer="v1", container_name=MODEL)


def managed(name: str | None = None, kind: Managed | None = None) -> Application:
    """An endpoint on managed compute.

    Args:
        name: of the deployment that answers.
        kind: None is one that lets many requests in at a time.
    """
    return new_application(default=name, kind=kind or Managed(concurrent=50))


def layer_of(deployment: Deployment) -> str:
    """The container that stands for a deployment in the kept answers."""
    return "fmi" if deployment.container_provider else "fmi-noprov"


@cache
def questions(layer: str = "fmi") -> list[Question]:
    """The questions that were put to a container; both that stand for a deployment were asked the same."""
    return [each for each in read_questions(QUESTIONS) if layer in each.layers]


@cache
def truth() -> dict[tuple[str, str], dict[str, Any]]:
    """What the container answered, by question and layer."""
    rows = ((row["id"], row["layer"], row) for row in read_rows(ANSWERS))
    return {
        (name, layer): {key: value for key, value in row.items() if key not in ("id", "layer")}
        for name, layer, row in rows
    }


def answered(application: Application, question: Question, callers: Callers | None = None) -> dict[str, Any]:
    """What the endpoint answers to a question, in the form of the truth: the container's status is a header's."""
    path, _, query = question.target.partition("?")
    headers = {name.lower(): text.strip() for name, text in question.headers.items()}  # as they are read from a socket
    headers["authorization"] = f"Bearer {KEY}"
    respond = (callers or Callers()).answering(application.answer)
    answer = respond(Request(question.method, path, query, headers, question.data or b""))
    found = {**fields(answer.headers), **({"content-type": answer.content_type} if answer.content_type else {})}
    body = answer.body if answer.events is None else b"".join(answer.events)
    return as_truth(answer.status, found, b"" if question.method == "HEAD" else body)


def as_truth(status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """An answer of the gateway in the form of the truth."""
    assert status in (200, 424) or (status, body) == (400, b"Disallowed CORS method"), status
    return kept(Reply(int(headers[STATUS]) if status == 424 else status, headers, body), _PATHS)
