"""The deployments side by side: a table in a notebook, a list of facts elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from helpers.deployments import Deployment, deployments

_LEFT = ' style="text-align: left; vertical-align: top"'


@dataclass(frozen=True, slots=True)
class DeploymentTable:
    """A row of numbers for each deployment, and below it what takes words: narrow enough for half a window."""

    deployments: tuple[Deployment, ...]

    def __repr__(self) -> str:
        blocks = []
        for deployment in self.deployments:
            rows = facts(deployment)
            width = max(map(len, rows))
            lines = (f"  {label:<{width}}  {value}" for label, value in rows.items())
            blocks.append("\n".join((deployment.name, *lines)))
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col"{_LEFT}>{name}</th>' for name in ("Deployment", "Parameters", "Context", "Tools")
        )
        body = "".join(map(_rows, self.deployments))
        return (
            f"<table><caption>The four deployments</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def show_deployments() -> DeploymentTable:
    """Show what the cookbook knows of each deployment."""
    return DeploymentTable(tuple(deployments().values()))


def facts(deployment: Deployment) -> dict[str, str]:
    """What there is to say about a deployment, by label."""
    dense = deployment.parameters_active == deployment.parameters_total
    return {
        "Architecture": deployment.architecture,
        "Parameters": f"{deployment.parameters_total:g} billion",
        "Active for a token": "all" if dense else f"{deployment.parameters_active:g} billion",
        "Context": f"{deployment.context:,} tokens",
        "Languages": ", ".join(deployment.languages),
        "Calls tools": "yes" if deployment.tools else "no",
        "Mistral AI says": deployment.claim,
    }


def _rows(deployment: Deployment) -> str:
    said = facts(deployment)
    size = f"{said['Parameters']}, {said['Active for a token']} active"
    cells = "".join(f"<td{_LEFT}>{escape(value)}</td>" for value in (size, said["Context"], said["Calls tools"]))
    more = "<br>".join(f"{label}: {escape(said[label])}" for label in ("Languages", "Architecture", "Mistral AI says"))
    return (
        f'<tr><th scope="row" rowspan="2"{_LEFT}>{_name(deployment)}</th>{cells}</tr>'
        f'<tr><td colspan="3"{_LEFT}>{more}</td></tr>'
    )


def _name(deployment: Deployment) -> str:
    """The name, which may wrap in a narrow window, but not inside its version."""
    head, last, version = escape(deployment.name).rpartition("Instruct-")
    return f'{head}<span style="white-space: nowrap">{last}{version}</span>'
