"""`cookbook ask "…"`: asks one question, and prints the answer as it arrives, its tokens, the request and the response.

It uses the standard library's HTTP, so that it works without the notebooks' packages.
"""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, OPENAI_ENDPOINT
from mistral_on_azure.azure.masking import masked_header
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.notebook.connecting import connect, current
from mistral_on_azure.notebook.streams import Usage, show_usage
from mistral_on_azure.notebook.wire import Wire

QUESTION = "How many languages are in the world?"
PACE = "x-local-timing"  # the local endpoint's pace of an answer; Azure has no such header
_ROUTE = "/chat/completions"


def ask(question: str, model: str, kind: str, max_tokens: int | None, write: Callable[..., None]) -> None:
    """Ask the endpoint in AZURE_INFERENCE_ENDPOINT, or the local one, and write the answer and the exchange.

    Args:
        question: the user message.
        model: the deployment; empty means the one that the endpoint names, or the cookbook's default.
        kind: the kind of deployment; empty takes it from the endpoint's answer.
        max_tokens: the limit of the answer, in tokens; None leaves it to the service.
        write: called with each text, and with `nl=False` for a text that does not end its line.

    Raises:
        CookbookError: when nothing answers, or with the message of an error answer.
    """
    if not question.strip():
        raise CookbookError('There is no question. Put one in quotes: cookbook ask "How many languages are there?"')
    connect(model=model, kind=kind)
    connection = current()
    write(f"\n> {question}\n")
    headers = {PACE: "imitate"} if connection.local else {}
    with answers(
        os.environ[OPENAI_ENDPOINT], os.environ[CREDENTIAL], question, connection.model, max_tokens, headers
    ) as answer:
        stream = EventStream()
        for text in stream.read(answer.lines()):
            write(text, nl=False)
    write("\n")
    write(f"{stream.usage or 'The endpoint sent no usage'}. The answer ended with {stream.finish_reason!r}.\n")
    write("What was sent and answered:\n")
    write(textwrap.indent(repr(Wire((_exchange(answer, stream),))), "  "))


@contextmanager
def answers(
    base: str, credential: str, question: str, model: str, max_tokens: int | None, headers: dict[str, str] | None = None
) -> Iterator[http.Streamed]:
    """Request one chat completion as a stream.

    Args:
        base: the base URL for OpenAI-compatible clients.

    Raises:
        CookbookError: when nothing answers, or with the message of an error answer.
    """
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": question}]}
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    with http.stream(f"{base}{_ROUTE}", credential, body, headers or {}) as answer:
        if answer.status >= 400:
            raise CookbookError(f"The endpoint answered {answer.status}: {answer.whole().message}")
        yield answer


class EventStream:
    """A stream of server-sent events, as far as it has been read.

    Attributes:
        events: the lines with data, as they were received.
        finish_reason: the finish reason; None until it has come.
        usage: the usage; None where the endpoint sends none.
    """

    def __init__(self) -> None:
        self.events: list[str] = []
        self.finish_reason: str | None = None
        self.usage: Usage | None = None

    def read(self, lines: Iterator[str]) -> Iterator[str]:
        """Read the lines of the stream, and yield the text of each chunk.

        Raises:
            CookbookError: for an error event, an event that is not JSON, or a stream without a finish reason.
        """
        for line in lines:
            if not line.startswith("data: "):
                continue
            self.events.append(line)
            if line == "data: [DONE]":
                return
            try:
                chunk = json.loads(line.removeprefix("data: "))
            except ValueError:
                raise CookbookError("The stream broke off inside an event. Ask again.") from None
            if error := chunk.get("error"):
                raise CookbookError(f"The endpoint broke the answer off: {error.get('message', error)}")
            if chunk.get("usage"):
                self.usage = show_usage(chunk["usage"])
            for choice in chunk.get("choices", ()):
                self.finish_reason = choice.get("finish_reason") or self.finish_reason
                yield (choice.get("delta") or {}).get("content") or ""
        if self.finish_reason is None:
            raise CookbookError("The answer broke off: its stream ended without a finish reason. Ask again.")


def _exchange(answer: http.Streamed, stream: EventStream) -> dict[str, Any]:
    """The exchange in the form of the endpoint's journal, which `Wire` shows, with the credential masked."""
    return {
        "method": "POST",
        "path": answer.path,
        "query": "",
        "headers": {name.lower(): masked_header(name, value) for name, value in answer.sent.items()},
        "body": answer.body,
        "status": answer.status,
        "answer_headers": answer.headers,
        "answer": "\n\n".join(stream.events),
        "note": "",
    }
