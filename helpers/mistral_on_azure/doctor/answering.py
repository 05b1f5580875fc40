"""The first answers: whether HTTP is spoken, who answers and how fast, the quota, and the system message."""

from __future__ import annotations

from statistics import median
from urllib.parse import urlsplit

from mistral_on_azure.doctor import refusals
from mistral_on_azure.doctor.chatting import PROMPT, ask, prompt_tokens
from mistral_on_azure.doctor.examination import INFO, MODELS, Examination, Finding, fails, note, ok
from mistral_on_azure.doctor.refusals import Refused, said
from mistral_on_azure.endpoint import NAME

_REFUSED = (401, 403)
_NOT_READY = (502, 503, 504)


def http(e: Examination) -> Finding:
    """Whether it answers, asked without any credential."""
    answer = e.get(INFO, anonymous=True)
    server = answer.headers.get("server", "")
    if 300 <= answer.status < 400:
        to = urlsplit(answer.headers.get("location", ""))
        base = f"{to.scheme}://{to.netloc}{to.path.removesuffix(INFO)}"
        remedy = f"Set {e.source} to {base}: clients do not follow." if to.netloc else "Check the address."
        return fails(f"It redirects ({answer.status}) instead of answering.", remedy)
    if answer.cause in _NOT_READY:
        return refusals.explain(Refused(answer, f"GET {INFO}"), e)
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
    """Whether the credential is accepted, by routes that cost nothing."""
    what = "the token" if e.is_token else "the key"
    for path in (INFO, MODELS):
        if e.get(path).status == 200:
            return _verdict(e, path, what)
    for path in (INFO, MODELS):
        if e.seen(path).cause in _REFUSED:
            return _by_api_key(e, path) or refusals.explain(Refused(e.seen(path), f"GET {path}"), e)
    return ok(f"{what} was not refused; whether it may chat is seen below")


def _verdict(e: Examination, path: str, what: str) -> Finding:
    if e.get(path, anonymous=True).status == 200:
        return note(f"{path} answers without any credential, so it does not tell whether {what} is good")
    return ok(f"{what} is accepted")


def _by_api_key(e: Examination, path: str) -> Finding | None:
    """Some gateways take a key in another header; then the checks go on with that."""
    if e.is_token:
        return None
    answer = e.send("GET", path, {"api-key": e.bearer})
    if answer.cause in _REFUSED:
        return None
    e.by_api_key = True
    e.forget()
    return note(
        "the key is accepted in the header api-key, not as a bearer credential",
        "The Azure SDK sends both. With the OpenAI SDK, set default_headers={'api-key': key}.",
    )


def deployment(e: Examination) -> Finding:
    """What the answer says its `model` is, and which deployment behind the endpoint it came from."""
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


_CALLS = 3


def round_trip(e: Examination) -> Finding:
    """The median of a few calls for one token, on a connection that is open already."""
    seconds = median(ask(e).seconds for _ in range(_CALLS))
    shown = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    return ok(f"{shown} for one token (median of {_CALLS})")


_LOW = 0.1  # of what a minute has


def quota(e: Examination) -> Finding:
    """What is left of a minute's requests and tokens."""
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


_SYSTEM, _LONGER = "Be brief.", "Be brief. Be very brief. Be as brief as you can be."
_IN_THE_PROMPT = "Put it in front of the first user message yourself."


def system_message(e: Examination) -> Finding:
    """The same prompt without a system message, with one, and with its text in front of the prompt."""
    answer = ask(e, system=_SYSTEM)
    if answer.status != 200:
        return note(f"refused ({answer.cause}): {said(answer)}", _IN_THE_PROMPT)
    without, with_it = prompt_tokens(e.first), prompt_tokens(answer)
    if without is None or with_it is None:
        return note("accepted; the answers count no tokens, so it cannot be seen what becomes of it")
    if with_it <= without:
        return _not_more(e, with_it)
    in_front = prompt_tokens(ask(e, f"{_SYSTEM}\n\n{PROMPT}"))
    more = f"{with_it - without} more prompt tokens"
    if in_front == with_it:
        return ok(f"{more}: as many as in front of the user message, so it is put there")
    return ok(f"{more}: it has a place of its own in the prompt")


def _not_more(e: Examination, with_it: int) -> Finding:
    """It is ignored, or it replaces a system message that the model's template has of its own; a longer one tells."""
    with_longer = prompt_tokens(ask(e, system=_LONGER))
    if with_longer is not None and with_longer > with_it:
        return ok("read; without one, the model's template puts in its own")
    return note(f"ignored: the prompt has {with_it} tokens whatever it says", _IN_THE_PROMPT)
