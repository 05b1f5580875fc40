"""The system message: what becomes of it, judging by the tokens of the prompt."""

from __future__ import annotations

from helpers.doctor.chatting import PROMPT, ask, prompt_tokens
from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, note, ok
from helpers.doctor.refusals import said

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
