"""The deployment: who answers, whatever was asked for."""

from __future__ import annotations

from helpers.doctor.examination import Examination
from helpers.doctor.findings import Finding, note, ok


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
