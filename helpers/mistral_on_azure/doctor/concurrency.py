"""Several requests at once: whether the deployment takes them, or refuses those above its limit with 429."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mistral_on_azure.azure.deployment_kinds import MANAGED
from mistral_on_azure.doctor.calling import Answer, Refused, Unanswered
from mistral_on_azure.doctor.chat_requests import body
from mistral_on_azure.doctor.examination import Examination, Finding, note, ok
from mistral_on_azure.doctor.failures import REASON, error_text

AT_ONCE = 3  # one more than managed compute takes with its defaults: 2 x 1 request x 1 instance
_INSTANT = 0.1  # seconds, in which no language model answers
_TOKENS = 8  # of each answer, so that the requests overlap


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
    """What a 429 says: the gateway's reason, the body, and how long to wait."""
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
