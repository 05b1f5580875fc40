"""The deployments side by side: a table in a notebook, a list of facts elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from helpers.deployments import Deployment, deployments


@dataclass(frozen=True, slots=True)
class DeploymentTable:
    """A column for each deployment, a row for each fact."""

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
        columns = [facts(deployment) for deployment in self.deployments]
        head = "".join(f'<th scope="col"><code>{escape(each.name)}</code></th>' for each in self.deployments)
        body = "".join(
            f'<tr><th scope="row">{escape(label)}</th>{"".join(_cell(column[label]) for column in columns)}</tr>'
            for label in columns[0]
        )
        return (
            f"<table><caption>The deployments</caption><thead><tr><td></td>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
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


def _cell(value: str) -> str:
    return f'<td style="text-align: left; vertical-align: top">{escape(value)}</td>'
