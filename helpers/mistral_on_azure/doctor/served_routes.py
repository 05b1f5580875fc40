"""The routes that the endpoint has, the api-version that it accepts, and how it treats extra parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mistral_on_azure.azure.addresses import API_VERSION
from mistral_on_azure.azure.deployments import FOUNDRY, MANAGED, SERVERLESS, default_name, kind_answered, kind_of_host
from mistral_on_azure.azure.http import deployment_behind
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.models import known
from mistral_on_azure.doctor.examination import INFO, Answer, Examination, Finding, Unanswered, fails, note, ok, skipped
from mistral_on_azure.doctor.failures import error_text, explain_refusal, models_listed, of_the_model
from mistral_on_azure.doctor.first_requests import ask, body

_NOT_HERE = (404, 405, 501)
_CLOSED = (400, 401, 403)  # the statuses of some gateways for unknown routes


@dataclass(frozen=True, slots=True)
class Route:
    """A chat route.

    Attributes:
        azure: whether it has an api-version.
        at_deployments: the route in clients.toml that corresponds to it; empty where none of those clients calls it.
        others: the callers that are not in clients.toml.
    """

    path: str
    azure: bool
    at_deployments: str
    others: tuple[str, ...] = ()

    @property
    def clients(self) -> str:
        """The names of the clients that call it."""
        named = [client.name for client in clients().values() if self.at_deployments in client.routes]
        return ", ".join([*named, *self.others])

    @property
    def with_query(self) -> str:
        return f"{self.path}?api-version={API_VERSION}" if self.azure else self.path


_DEPLOYMENTS = (
    Route("/chat/completions", True, "/chat/completions"),
    Route("/v1/chat/completions", False, "/v1/chat/completions", ("LiteLLM with mistral/",)),
    Route("/models/chat/completions", True, "", ("MistralAzure",)),
)
_RESOURCES = (
    Route("/models/chat/completions", True, "/chat/completions", ("MistralAzure",)),
    Route("/openai/v1/chat/completions", False, "/v1/chat/completions", ("LiteLLM with mistral/",)),
)


def kind(e: Examination) -> Finding:
    """Which kind of deployment it is, from its host name or from the answer to `GET /info`."""
    answer = e.get(INFO)
    if kind_of_host(e.host):
        return ok(f"{e.kind.words}, from the host name{_habits(e)}")
    found = kind_answered(answer.status, answer.headers, answer.json())
    if e.kind is FOUNDRY and found in (None, FOUNDRY):
        return ok(f"{e.kind.words}, from the address{_habits(e)}")
    if found is FOUNDRY and e.get(f"{FOUNDRY.openai_path}/models").cause in _NOT_HERE:
        found = None
    if found is None:
        return ok("no kind of Azure's is recognised: examined as a server with the routes of a deployment")
    e.kind = found
    return ok(f"{found.words}, from the answer to {INFO}{_habits(e)}")


def _habits(e: Examination) -> str:
    """How this kind differs from others, and what the catalog says of the model on this kind."""
    info = _info(e)
    named = deployment_behind(str(info.get("model_name", "")), str(info.get("model_provider_name") or ""))
    row = known(e.deployment or named)
    facts = getattr(row, e.kind.name) if row else ()
    return _HABITS[e.kind] + (f"; for {e.deployment or named} it is {', or '.join(map(str, facts))}" if facts else "")


_HABITS = {
    SERVERLESS: "",
    MANAGED: ": errors of the model's container come inside 424",
    FOUNDRY: ": `model` selects the deployment",
}


def _info(e: Examination) -> dict[str, Any]:
    """The JSON of `GET /info`, which was asked before; empty where it was not answered."""
    answer = e.seen(INFO)
    return answer.body if answer.status == 200 else {}


def info(e: Examination) -> Finding:
    """Whether `GET /info` names the deployed model."""
    answer = e.get(INFO)
    name = answer.body.get("model_name")
    if answer.status == 200 and name:
        return ok(f"serves {name}")
    if answer.status == 200:
        return note("answers, but names no model")
    if answer.cause in (*_NOT_HERE, *_CLOSED):
        return note(
            f"missing ({answer.status_words}): the Azure SDK's get_model_info() fails here",
            "Do without: nothing else needs it. Only managed compute and serverless deployments have it.",
        )
    return explain_refusal(answer, f"GET {INFO}", e)


def models(e: Examination) -> Finding:
    """Whether the OpenAI-compatible route lists the models."""
    answer = e.get(e.models_path)
    names = models_listed(answer)
    if answer.status == 200 and names:
        more = f", and {len(names) - 4} more" if len(names) > 4 else ""
        return ok(f"lists {', '.join(names[:4])}{more}")
    if answer.status == 200 or answer.cause in (*_NOT_HERE, *_CLOSED):
        found = f"missing ({answer.status_words}): models.list() of the OpenAI SDK fails here"
        return note(found, "Do without the list: name the model in each request.")
    return explain_refusal(answer, f"GET {e.models_path}", e)


def chat(e: Examination) -> Finding:
    """Which chat routes answer a request for one token. Later checks use the first of them."""
    e.model = e.deployment or _served(e)
    answers = _answers(e)
    good = [route for route, answer in answers.items() if _is_good(answer)]
    trouble = next((route for route, answer in answers.items() if _is_trouble(answer, e, bool(good))), None)
    if good:
        e.route, e.first = good[0].with_query, answers[good[0]]
        e.last = e.first
    if trouble:
        finding = explain_refusal(answers[trouble], f"POST {trouble.path}", e)
        return fails(finding.found, finding.remedy, goes_on=bool(good) and answers[trouble].cause != 429)
    if not good:
        if all("html" in answer.headers.get("content-type", "") for answer in answers.values()):
            return fails("No chat route answers: web pages come instead of JSON.", "Check the address and the port.")
        return fails("No chat route answers.", _no_route(e))
    missing = [route for route in _routes(e) if route not in good]
    if not missing:
        return ok(f"all answer: {_listed(good)}")
    return note(f"answer: {_listed(good)}. Missing: {_listed(missing)}", _instead(e))


def _answers(e: Examination) -> dict[Route, Answer]:
    """The answers of the chat routes. A route that does not answer after another one did counts as missing."""
    answers: dict[Route, Answer] = {}
    for route in _routes(e):
        try:
            answers[route] = e.post(route.with_query, body(e))
        except Unanswered:
            if not any(map(_is_good, answers.values())):
                raise
        if route in answers and answers[route].cause == 429:  # requests to the other routes would use up the quota
            break
    return answers


def _routes(e: Examination) -> tuple[Route, ...]:
    return _RESOURCES if e.kind is FOUNDRY else _DEPLOYMENTS


def _is_good(answer: Answer) -> bool:
    return answer.status == 200 and "choices" in answer.body


def _listed(routes: list[Route]) -> str:
    return "; ".join(f"{route.path} ({route.clients})" for route in routes)


def _instead(e: Examination) -> str:
    if e.kind is FOUNDRY:
        return f"Take the one that answers: {e.url}/models for the Azure SDK, {e.url}/openai/v1 for the OpenAI SDK"
    return "Take a client whose route answers."


def _served(e: Examination) -> str:
    """The model that the endpoint names; without one, the cookbook's default deployment."""
    named, listed = _info(e).get("model_name"), models_listed(e.seen(e.models_path))
    return str(named or (listed[0] if listed else default_name()))


def _is_trouble(answer: Answer, e: Examination, opened: bool) -> bool:
    """Whether an answer is an error other than a missing route.

    Args:
        opened: whether the credential is accepted by another route. Then 401 and 403 mean that the route is missing.
    """
    if _is_good(answer):
        return False
    if answer.cause in _NOT_HERE:
        return of_the_model(answer, e.model)
    return not (opened and answer.cause in (401, 403))


def _no_route(e: Examination) -> str:
    if e.kind is FOUNDRY:
        return (
            "This is a Foundry resource: it wants your deployment's name as --deployment, and the OpenAI SDK the "
            f"address {e.url}/openai/v1"
        )
    return (
        "Is it a chat model? Deployments that only have /score speak another protocol. On Azure, also see that the "
        "deployment receives traffic: az ml online-endpoint show --query traffic"
    )


def api_version(e: Examination) -> Finding:
    """Whether a request is answered with the api-version and without it."""
    path, _, query = e.route.partition("?")
    if e.seen(INFO).status == 200:  # costs no tokens
        sent, unsent = e.get(f"{INFO}?api-version={API_VERSION}"), e.seen(INFO)
    elif query:
        sent, unsent = e.first, e.post(path, body(e))
    else:
        return skipped(f"{path} takes none")
    if sent.status != 200:
        return note(
            f"{API_VERSION} is refused: {error_text(sent)}",
            "The Azure SDK sends that one; give its client another: api_version=",
        )
    if unsent.status != 200:
        return note(
            f"{API_VERSION} is accepted, and one is needed",
            "Clients that send none, such as LiteLLM with azure_ai/, need it in their URL.",
        )
    return ok(f"{API_VERSION} is accepted; none is needed")


_WAYS = ("error", "drop", "pass-through")


def extra_parameters(e: Examination) -> Finding:
    """How an unknown parameter is treated without the header `extra-parameters`, and with each of its values."""
    took = {way: _is_accepted(e, way) for way in ("", *_WAYS)}
    default = "accepted" if took[""] else "refused"
    if not took["error"]:
        ways = ", ".join(f"{way}: {'accepted' if took[way] else 'refused'}" for way in _WAYS[1:])
        return ok(f"{default} by default; the header extra-parameters counts ({ways})")
    if all(took.values()):
        return note("accepted and ignored, whatever the header says", "Check your spelling: a wrong name does nothing.")
    refused = ", ".join(way or "no header" for way, accepted in took.items() if not accepted)
    return note(f"{default} by default; refused with {refused}")


def _is_accepted(e: Examination, way: str) -> bool:
    return ask(e, headers={"extra-parameters": way} if way else {}, cookbook_doctor=True).status == 200
