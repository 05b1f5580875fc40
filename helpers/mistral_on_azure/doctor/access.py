"""The first answers: whether the endpoint speaks HTTP, and whether it accepts the credential."""

from __future__ import annotations

from urllib.parse import urlsplit

from mistral_on_azure.doctor.calling import Refused
from mistral_on_azure.doctor.examination import INFO, Examination, Finding, fails, note, ok
from mistral_on_azure.doctor.failures import explain_refusal
from mistral_on_azure.endpoint import NAME

_REFUSED = (401, 403)
_NOT_READY = (502, 503, 504)


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
        return explain_refusal(Refused(answer, f"GET {INFO}"), e)
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
            return _verdict(e, path, what)
    for path in (INFO, e.models_path):
        if e.seen(path).cause in _REFUSED:
            return _by_api_key(e, path) or explain_refusal(Refused(e.seen(path), f"GET {path}"), e)
    return ok(f"{what} was not refused; whether it may chat is seen below")


def _verdict(e: Examination, path: str, what: str) -> Finding:
    if e.get(path, anonymous=True).status == 200:
        return note(f"{path} answers without any credential, so it does not tell whether {what} is good")
    return ok(f"{what} is accepted")


def _by_api_key(e: Examination, path: str) -> Finding | None:
    """Whether the key is accepted in the header `api-key`, as by some gateways. Later checks use that header then."""
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
