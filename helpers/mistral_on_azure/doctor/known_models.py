"""What the table of models knows of a name, an address or an answer: whether it is retired, and what to use instead."""

from __future__ import annotations

from mistral_on_azure.catalog.models import Model, advice, as_of, known, mentioned, neighbour
from mistral_on_azure.doctor.calling import Answer
from mistral_on_azure.doctor.examination import Examination, Finding, note, ok

_SOLD = "`cookbook models` names those that are sold, and what replaces the others."


def model(e: Examination) -> Finding:
    """Whether the name that was given, or the one in the address, is that of a model that Azure has. Asks nothing."""
    if e.deployment:
        return _of_the_name(e.deployment)
    row = mentioned(e.host)
    if row is None:
        return ok("none is named, which leaves it to the endpoint")
    if line := advice(row):
        return note(f"the address names a retired model: {_first(line)}", _instead(line))
    return ok(f"{row.name}, as the address tells")


def _of_the_name(name: str) -> Finding:
    row = known(name)
    if row is not None and (line := advice(row)):
        own = "If it is only your own name for another deployment, that is fine."
        return note(_first(line), f"{_instead(line)} {own}")
    if row is not None:
        return ok(f"{row.name} is in the table of models ({row.group}, as of {as_of()})")
    if close := neighbour(name):
        return note(f"{name} is no model's name, but {close} is", f"If it is a mistake: --deployment {close}")
    return ok(f"{name} is a name of your own: Azure's catalog has no such model")


def about_gone(answer: Answer, e: Examination) -> str:
    """What to do about an answer that says the model is retired."""
    row = _meant(answer, e)
    return (advice(row) if row else "") or f"The model is retired. {_SOLD}"


def about_missing(answer: Answer, e: Examination, listed: list[str]) -> str:
    """What to do about an answer that says there is no such deployment.

    Args:
        listed: the deployments that the endpoint lists.
    """
    row = _meant(answer, e)
    if row is not None and (line := advice(row)):
        return f"{line} (Older pages of Azure name 404 for a retired model, newer ones 410.)"
    close = neighbour(e.model)
    if close and close not in listed and known(e.model) is None:
        return f"Did you mean {close}? Set --deployment to {_one_of(listed)}."
    return f"Set --deployment to {_one_of(listed)}."


def _one_of(listed: list[str]) -> str:
    return f"one of: {', '.join(listed)}" if listed else "the name on your deployment's page"


def _meant(answer: Answer, e: Examination) -> Model | None:
    return known(e.model) or mentioned(answer.text) or mentioned(e.host)


def _first(line: str) -> str:
    return line.partition(". Use ")[0].removesuffix(".")


def _instead(line: str) -> str:
    return f"Use {line.partition('. Use ')[2]}"
