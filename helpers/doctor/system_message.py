"""The system message: what becomes of it, judging by the tokens of the prompt."""

from __future__ import annotations

from helpers.doctor.chatting import PROMPT, ask, prompt_tokens
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, note, ok
from helpers.doctor.refusals import said

_SYSTEM = "Be brief."
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
        return note(f"ignored: the prompt has {with_it} tokens with and without it", _IN_THE_PROMPT)
    folded = prompt_tokens(ask(e, f"{_SYSTEM}\n\n{PROMPT}"))
    more = f"{with_it - without} more prompt tokens"
    if folded == with_it:
        return ok(f"{more}: as many as in front of the user message, so it is put there")
    return ok(f"{more}: it has a place of its own in the prompt")
