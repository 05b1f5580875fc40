"""A notebook's exercises: a cell for the reader, a cell that checks it, and a solution that is folded up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mistral_on_azure.catalog.notebooks import Notebook

FOLDED = re.compile(
    r"(?s)<details>\n<summary>Solution(?: of (?:the exercise|exercise \d))?</summary>\n\n"
    r"```python\n(.+?)```\n.*?</details>"
)
OPEN = "Not solved yet.\n"


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        place: the source of the reader's cell.
        check: the source of the cell that checks it.
        printed: the output of the check that is committed.
        solution: the code that is folded up.
    """

    place: str
    check: str
    printed: str
    solution: str


def exercises(notebook: Notebook) -> list[Exercise]:
    """The exercises of a notebook, in their order.

    Raises:
        ValueError: where a check or a solution is missing.
    """
    places = [cell.source for cell in notebook.code if "exercise" in cell.tags]
    checks = [cell for cell in notebook.code if "check" in cell.tags]
    printed = ["".join(text for output in cell.outputs for text in output.get("text", [])) for cell in checks]
    solutions = [found for cell in notebook.markdown for found in FOLDED.findall(cell.source)]
    parts = zip(places, [cell.source for cell in checks], printed, solutions, strict=True)
    return [Exercise(*each) for each in parts]
