"""The answer that `cookbook run` shows at its end, from a notebook of this run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running.results import Result

_SECTION = "Complete a chat"
_AFTER = "\nModel: "  # what a client's notebook prints below the answer
_REFUSED = "The system message is refused here:"  # and above it, where the answer is to a second request
_WIDTH = 100  # columns


def first_answer(results: Iterable[Result]) -> str:
    """The prompt and the answer in a client's section "Complete a chat"; empty where no executed notebook has them.

    The text is read from the executed notebook, so it comes from the endpoint of this run.
    """
    for result in results:
        ran = result.passed and not result.resumed and result.job.name in clients()
        if ran and (answer := _answer(result)):
            asked = load(result.job.notebook).parameters["prompt"].default
            prompt = str(result.job.parameters.get("prompt", asked))
            heading = f"From {result.job.name}, {_SECTION}:"
            body = [*textwrap.wrap(f"> {prompt}", _WIDTH), *textwrap.wrap(answer, _WIDTH)]
            return "\n".join(["", heading, *(f"  {line}" for line in body), ""])
    return ""


def _answer(result: Result) -> str:
    """The first line of the answer that the section printed; empty where the executed notebook cannot be read."""
    try:
        cells = load(result.job.output).code
    except CookbookError:
        return ""
    for output in (output for cell in cells if cell.section == _SECTION for output in cell.outputs):
        printed = "".join(output["text"]) if output.get("name") == "stdout" else ""
        lines = printed.partition(_AFTER)[0].split("\n") if _AFTER in printed else []
        if answer := [line for line in lines if not line.startswith(_REFUSED)]:
            return answer[0]
    return ""
