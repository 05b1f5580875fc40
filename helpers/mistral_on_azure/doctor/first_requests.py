"""The first requests: whether the endpoint speaks HTTP and accepts the credential, then single and concurrent chats.

The answers to chat requests show, besides the text, the deployment, the round trip, the quota, and how many concurrent
requests are accepted before 429.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from mistral_on_azure.azure.deployments import MANAGED
from mistral_on_azure.doctor.examination import (
    INFO,
    Answer,
    Examination,
    Finding,
    Refused,
    Unanswered,
    fails,
    note,
    ok,
    tokens_in,
)
from mistral_on_azure.doctor.failures import REASON, error_text, explain_refusal
from mistral_on_azure.endpoint import NAME

_REFUSED = (401, 403)
_NOT_READY = (502, 503, 504)
PROMPT = "Say hello."
CANNOT = (400, 404, 405, 415, 422, 500, 501)  # the statuses by which engines refuse a feature; 500 is llama.cpp's
AT_ONCE = 3  # one more than managed compute accepts with its defaults: 2 x 1 request x 1 instance
_INSTANT = 0.1  # seconds, in which no language model answers
_TOKENS = 8  # of each answer, so that the requests overlap
_LOW = 0.1  # of a minute's quota


def http(e: Examination) -> Finding:
    """Whether the endpoint answers HTTP, without a credential."""
    answer = e.get(INFO, anonymous=True)
    server = answer.headers.get("server", "")
    if 300 <= answer.status < 400:
        to = urlsplit(answer.headers.get("location", ""))
        base = f"{to.scheme}://{to.netloc}{to.path.removesuffix(INFO)}"
        remedy = f"Set {e.source} to {base}: clients do not follow." if to.netloc else "Check the address."
        return fails(f"It redirects ({answer.status}) instead of answering.", remedy)
    if answer.cause in _NOT_READY:
        return explain_refusal(answer, f"GET {INFO}", e)
    if answer.status == 407:
        return fails(
            "The proxy wants a user and a password.", "Put them into HTTPS_PROXY, in front of the host: USER:PASSWORD@"
        )
    if answer.status == 200 and "html" in answer.headers.get("content-type", ""):
        remedy = "Is it the portal's address, or does a network's sign-in page answer? Use the deployment's target URI."
        return fails("A web page answers, not an API.", remedy)
    if server == NAME:
        return ok("answers: the cookbook's local endpoint")
    return ok(f"answers ({server})" if server else "answers")


def access(e: Examination) -> Finding:
    """Whether the credential is accepted, on routes that use no tokens."""
    what = "the token" if e.is_token else "the key"
    for path in (INFO, e.models_path):
        if e.get(path).status == 200:
            if e.get(path, anonymous=True).status == 200:
                return note(f"{path} answers without any credential, so it does not show whether {what} is valid")
            return ok(f"{what} is accepted")
    for path in (INFO, e.models_path):
        if e.seen(path).cause in _REFUSED:
            return _by_api_key(e, path) or explain_refusal(e.seen(path), f"GET {path}", e)
    return ok(f"{what} was not refused; the chat routes below show whether it is accepted")


def _by_api_key(e: Examination, path: str) -> Finding | None:
    """Whether the key is accepted in the header `api-key`, as some gateways do. If so, later checks use that header."""
    if e.is_token:
        return None
    e.by_api_key = True
    if e.get(path).cause in _REFUSED:
        e.by_api_key = False
        return None
    return note(
        "the key is accepted in the header api-key, not as a bearer credential",
        "The Azure SDK sends both. With the OpenAI SDK, set default_headers={'api-key': key}.",
    )


def ask(
    e: Examination, prompt: str = PROMPT, *, system: str = "", headers: dict[str, str] | None = None, **parameters: Any
) -> Answer:
    """Request a completion of one token, or of `max_tokens`, on the route that answers.

    Returns:
        A completion, or an answer with a status of `CANNOT`, which refuses the parameters or the system message.

    Raises:
        Refused: for any other error.
    """
    answer = e.post(e.route, body(e, prompt, system=system, **parameters), headers, partly="stream" in parameters)
    if answer.status == 200:
        e.last = answer
    elif answer.cause not in CANNOT or not (system or headers or parameters):
        raise Refused(answer, f"POST {e.route.partition('?')[0]}")
    return answer


def body(e: Examination, prompt: str = PROMPT, *, system: str = "", **parameters: Any) -> dict[str, Any]:
    """The body of a chat request."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    named = {"model": e.model} if e.model else {}
    return {"messages": messages, "max_tokens": 1, **named, **parameters}


def choice(answer: Answer) -> dict[str, Any]:
    """The first choice of a completion; empty without one."""
    choices = answer.body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def message(answer: Answer) -> dict[str, Any]:
    """The message of the first choice; empty without one."""
    value = choice(answer).get("message")
    return value if isinstance(value, dict) else {}


def prompt_tokens(answer: Answer) -> int | None:
    """The prompt tokens in the usage; None where the answer does not state them."""
    return tokens_in(answer.body.get("usage"), "prompt_tokens")


def deployment(e: Examination) -> Finding:
    """The `model` that the answer names, and the deployment behind the endpoint."""
    answered = e.first.body.get("model")
    behind = e.first.headers.get("azureml-model-deployment")
    where = f" (deployment {behind})" if behind else ""
    if not answered:
        return note(f"the answer does not say which model it is from{where}")
    if not e.deployment or answered == e.deployment:
        return ok(f"{answered} answers{where}")
    return note(
        f"{answered} answers{where}, though {e.deployment} was asked for: this endpoint ignores the name",
        f"Name {answered}. For another deployment, set the address and key of that one.",
    )


def round_trip(e: Examination) -> Finding:
    """The median of three calls for one token, on an open connection."""
    seconds = median(ask(e).seconds for _ in range(3))
    return ok(f"{in_words(seconds)} for one token (median of 3)")


def in_words(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def quota(e: Examination) -> Finding:
    """The remaining requests and tokens of this minute, from the headers of the last answer."""
    parts, low = [], []
    for what in ("requests", "tokens"):
        limit, left = (_number(e, f"x-ratelimit-{which}-{what}") for which in ("limit", "remaining"))
        if left is None:
            continue
        parts.append(f"{left:,} of {limit:,} {what} left" if limit else f"{left:,} {what} left")
        if limit and left < limit * _LOW:
            low.append(what)
    if not parts:
        return note("the answers have no x-ratelimit headers; managed compute is limited by its machines instead")
    if low:
        return note(", ".join(parts), f"Few {' and '.join(low)} are left this minute: slow down, or raise the quota.")
    return ok(", ".join(parts))


def _number(e: Examination, header: str) -> int | None:
    value = e.last.headers.get(header, "")
    return int(value) if value.isdigit() else None


def concurrency(e: Examination) -> Finding:
    """How many of `AT_ONCE` requests at once are answered."""
    asked = body(e, "Count from one to ten.", max_tokens=_TOKENS)

    def send(_: int) -> Answer | Unanswered:
        try:
            return e.send("POST", e.route, e.authorization, asked)
        except Unanswered as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, range(AT_ONCE)))
    silent = [each for each in answers if isinstance(each, Unanswered)]
    answered = [each for each in answers if isinstance(each, Answer)]
    good = [each for each in answered if each.status == 200]
    refused = [each for each in answered if each.cause == 429]
    for answer in good:
        e.count(answer.body.get("usage"))
    if other := next((each for each in answered if each not in good and each not in refused), None):
        raise Refused(other, f"One of {AT_ONCE} calls at once")
    if silent:
        found = f"of {AT_ONCE} calls at once, {len(silent)} got no answer within {silent[0].seconds:.2g} s"
        return note(found, _fewer(len(good), e))
    if not refused:
        instant = max(each.seconds for each in good) < _INSTANT
        hint = "; the answers came so fast that they may not have overlapped" if instant else ""
        return ok(f"{AT_ONCE} calls at once are answered ({AT_ONCE} calls made for this{hint})")
    found = f"of {AT_ONCE} calls at once, {len(refused)} refused with 429 ({_why(refused[0])})"
    if _is_used_up(refused[0]):
        return note(found, "That is the quota of a minute: slow down, or raise it.")
    pause = "" if "retry-after" in refused[0].headers else ", after a pause of your own: no Retry-After comes"
    return note(found, f"{_fewer(len(good), e)} Repeat what was refused{pause}.")


def _why(answer: Answer) -> str:
    """The details of a 429 answer: the gateway's reason, the error message, and the seconds to wait."""
    parts = [answer.headers[REASON]] if answer.headers.get(REASON) else []
    parts.append(error_text(answer) if answer.text.strip() else "empty body")
    if "retry-after" in answer.headers:
        parts.append(f"Retry-After: {answer.headers['retry-after']}")
    return ", ".join(parts)


def _is_used_up(answer: Answer) -> bool:
    """Whether a 429 is about the quota of a minute, which only some kinds have."""
    return "0" in (answer.headers.get(f"x-ratelimit-remaining-{what}") for what in ("requests", "tokens"))


def _fewer(answered: int, e: Examination) -> str:
    most = "one call" if answered <= 1 else f"{answered} calls"
    whose = "On the deployment" if e.kind is MANAGED else "On managed compute"
    return (
        f"Have at most {most} under way at once (a semaphore, fewer workers), and stream long answers. {whose}, "
        "a higher max_concurrent_requests_per_instance or more instances let in more."
    )
