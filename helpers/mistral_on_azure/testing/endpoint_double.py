"""The endpoint as a test sees it: what it is to answer, how it is to fail, and what it was sent."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mistral_on_azure.azure.addresses import CREDENTIAL, variables_of
from mistral_on_azure.azure.deployment_kinds import kind_named
from mistral_on_azure.azure.offline import Changes, apply
from mistral_on_azure.catalog.script_format import ScriptFile, read_toml
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.testing.sent_requests import SentRequest
from mistral_on_azure.testing.shared_processes import KEPT, Process, Processes

_UNEXPECTED = "unexpected_prompt"  # the code of the refusal of a prompt that no script has
_PROXIES = ("NO_PROXY", "no_proxy")


class Endpoint:
    """A local endpoint for one test. As a context manager it sets an endpoint's variables, and puts them back.

    Args:
        processes: where the endpoint of each kind runs; they outlive the test.
        kind: `serverless`, `managed` or `foundry`.
    """

    def __init__(self, processes: Processes, kind: str = "serverless") -> None:
        self._processes = processes
        self._before: Changes | None = None
        self._process: Process = processes.of(kind)

    @property
    def kind(self) -> str:
        return self._process.kind

    @property
    def url(self) -> str:
        """The address without a route; a Foundry resource has /models after it in AZURE_INFERENCE_ENDPOINT."""
        return self._process.url

    @property
    def key(self) -> str:
        """The key, as in AZURE_INFERENCE_CREDENTIAL."""
        return self._process.key

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead an app to the endpoint, for a program that a test starts.

        They are all that `connect` sets, so that none of another endpoint is left.
        """
        addresses = variables_of(self.url, kind_named(self.kind))
        return {**addresses, CREDENTIAL: self.key, **dict.fromkeys(_PROXIES, "127.0.0.1,localhost")}

    # What it answers

    def answer(self, prompt: str | re.Pattern[str], *texts: str, **more: Any) -> None:
        """Answer a prompt.

        Args:
            prompt: the last user message, exactly but for white space around it; or a compiled pattern that is searched
                in it, whose groups fill `${1}` and `${name}` in the texts.
            texts: the answer; of several, each answers one request, and the last one stays.
            more: other keys of an exchange, which the script's format has: `system`, `deployment`, `last`, `tools`,
                `delay` (seconds), `finish_reason`, `logprobs`.

        Raises:
            CookbookError: for a key that there is not, or a pattern that is none.
        """
        if len(texts) == 1:
            self.script({**_matched(prompt), "answers": list(texts), **more})
        else:
            self.script({**_matched(prompt), "reply": [{"answer": text} for text in texts], **more})

    def call_tool(
        self, prompt: str | re.Pattern[str], name: str, arguments: Mapping[str, Any] | str | None = None, **more: Any
    ) -> None:
        """Answer a prompt with the call of a tool; `answer` with the same prompt says what follows its result.

        Args:
            prompt: as for `answer`.
            name: of the function.
            arguments: its arguments; a text is sent as it is, to see what the app does about broken JSON.
            more: as for `answer`.
        """
        call = {"name": name, "arguments": arguments if isinstance(arguments, str) else dict(arguments or {})}
        self.script({**_matched(prompt), "calls": [call], **more})

    def script(self, exchanges: Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Add exchanges, as a TOML file of `cookbook serve --script` has them, or as plain data.

        Raises:
            CookbookError: what is wrong with them.
        """
        if isinstance(exchanges, Path):
            exchanges = msgspec.to_builtins(read_toml(exchanges, ScriptFile).exchange)
        self._process.ask("POST", "/local/script", exchanges)

    def allow_unknown_prompts(self) -> None:
        """Answer prompts that the test has no answer for with the cookbook's own script, in place of a refusal."""
        self._process.ask("POST", "/local/session", {"strict": False})

    # How it fails

    def fail(self, status: int | None = None, times: int = 1, retry_after: int | None = None, **fault: Any) -> None:
        """Let the next chat completions fail.

        Args:
            status: the HTTP status, as 429, 500 or 503.
            times: how many requests fail, one after the other.
            retry_after: seconds in the `Retry-After` header.
            fault: others of the endpoint's faults, as reset="within", answer="truncated" or first_token=3 (seconds).

        Raises:
            CookbookError: for a fault that there is not.
        """
        asked = {"status": status, "retry_after": retry_after, "count": times, **fault}
        self._process.ask("POST", "/local/faults", {name: value for name, value in asked.items() if value is not None})

    def quota(self, requests_per_minute: int | None = None, tokens_per_minute: int | None = None) -> None:
        """Choose the quota of each deployment, of which nothing is used yet; None leaves one as it was."""
        asked = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
        self._process.ask("POST", "/local/session", {name: value for name, value in asked.items() if value is not None})

    def as_kind(self, kind: str) -> Endpoint:
        """Be another kind of deployment from here on: `serverless`, `managed` or `foundry`, each with its own address.

        Answers and faults that were asked for before stay behind. Call it before the app reads its variables.
        """
        self._process = self._processes.of(kind)
        if self._before is not None:
            apply(self._variables())
        return self

    # What it was sent

    @property
    def requests(self) -> list[SentRequest]:
        """The app's requests so far, the oldest first.

        Raises:
            CookbookError: after more than 1,000 of them, of which the endpoint has forgotten some.
        """
        told = self._process.ask("GET", f"/local/exchanges?last={KEPT}")
        if len(told) == KEPT and (calls := self._process.ask("GET", "/local/session")["calls"]) > KEPT:
            raise CookbookError(f"The app has sent {calls} requests, and only {KEPT} are kept.")
        return [SentRequest.of(exchange) for exchange in told]

    @property
    def tokens_used(self) -> int:
        """Prompt and completion tokens of all answers so far, streams among them."""
        spent = self._process.ask("GET", "/local/session")
        return spent["prompt_tokens"] + spent["completion_tokens"]

    @property
    def unexpected(self) -> list[str]:
        """Refusals of prompts that the test has no answer for, each with the nearest one that it has."""
        return [each.error["message"] for each in self.requests if each.error and _UNEXPECTED in each.answer]

    def report(self) -> str:
        """All exchanges as lines to read."""
        lines = [line for request in self.requests for line in request.lines()]
        return "\n".join(lines) or "Nothing was sent."

    # As a context manager

    def _variables(self) -> Changes:
        return dict(self.environment)

    def __enter__(self) -> Endpoint:
        self._before = apply(self._variables())
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            apply(self._before)
            self._before = None


def _matched(prompt: str | re.Pattern[str]) -> dict[str, str]:
    if isinstance(prompt, str):
        return {"prompt": prompt}
    flags = "".join(letter for letter, flag in _FLAGS.items() if prompt.flags & flag)
    return {"pattern": f"(?{flags}){prompt.pattern}" if flags else prompt.pattern}


_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


@contextlib.contextmanager
def azure_endpoint(kind: str = "serverless") -> Iterator[Endpoint]:
    """An endpoint for the length of a `with`, for unittest and for whatever is no pytest.

    Args:
        kind: `serverless`, `managed` or `foundry`.

    Raises:
        CookbookError: when it does not start.
    """
    with Processes() as processes, Endpoint(processes, kind) as endpoint:
        yield endpoint
