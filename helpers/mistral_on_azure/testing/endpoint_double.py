"""The endpoint as a test sees it: the test chooses its answers and faults, and reads the requests that it got."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mistral_on_azure.azure.addresses import CREDENTIAL, variables_of
from mistral_on_azure.azure.children import Changes, apply
from mistral_on_azure.azure.deployments import kind_named
from mistral_on_azure.catalog.script_format import Reply, ScriptFile
from mistral_on_azure.catalog.toml_files import line_of, read_toml, text_of
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.testing.sent_requests import SentRequest
from mistral_on_azure.testing.shared_processes import KEPT, Processes

REPORT = "What azure_endpoint was sent, and what it answered"
_OF_REPLIES = set(Reply.__struct_fields__) - {"answer", "calls"}  # the keys of an exchange that each reply may have
_HARMLESS = {  # fields of a fault that alone make nothing fail
    "count", "after", "probability", "seed", "name", "reason",
    "retry_after", "retry_after_date", "retry_after_ms", "x_ms_retry_after_ms",
}  # fmt: skip


class Endpoint:
    """A local endpoint for one test. As a context manager it sets the endpoint's variables, and restores them.

    Args:
        processes: the processes of the endpoint of each kind. They outlive the test, which has one for itself.
        kind: `serverless`, `managed` or `foundry`.

    Attributes:
        noted: whether the test's exception has a note with the requests and answers.
    """

    def __init__(self, processes: Processes, kind: str = "serverless") -> None:
        self._processes = processes
        self.noted = False
        self._before: Changes | None = None
        self._left: list[tuple[dict[str, Any], list[SentRequest]]] = []  # the counts and requests of earlier kinds
        self._process = processes.take(kind, self)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call one of the endpoint's own routes; after the test only with GET, until another test gets the process.

        Raises:
            CookbookError: after the test, or with the message of an error answer.
        """
        process = self._process
        if process.holder is not self or not (process.taken or method == "GET"):
            raise CookbookError("The test that this endpoint was for has ended.")
        return process.ask(method, path, body)

    @property
    def kind(self) -> str:
        return self._process.kind

    @property
    def url(self) -> str:
        """The address without a route; for a Foundry resource AZURE_INFERENCE_ENDPOINT adds /models to it."""
        return self._process.started.url

    @property
    def key(self) -> str:
        """The key, as in AZURE_INFERENCE_CREDENTIAL."""
        return self._process.key

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which an app finds the endpoint, for a program that a test starts.

        These are all variables that `connect` sets, so that none of another endpoint stays.
        """
        around = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
        return {**variables_of(self.url, kind_named(self.kind)), CREDENTIAL: self.key, **around}

    # Choosing its answers

    def answer(self, prompt: str | re.Pattern[str], *texts: str, **more: Any) -> None:
        """Answer a prompt.

        Args:
            prompt: the last user message, exactly, apart from white space around it; or a compiled pattern that is
                searched in it, whose groups replace `${1}` and `${name}` in the texts.
            texts: the answer; of several texts, each answers one request, and the last one is repeated.
            more: other keys of an exchange in the script's format: `system`, `deployment`, `last`, `tools`, and for
                each of the texts `delay` (seconds), `finish_reason`, `logprobs`, `fault`.

        Raises:
            CookbookError: for an unknown key, or an invalid pattern.
        """
        given: dict[str, Any] = {"answers": texts}
        if len(texts) > 1:
            each = {name: more.pop(name) for name in _OF_REPLIES & more.keys()}
            given = {"reply": [{"answer": text, **each} for text in texts]}
        self.script({**_matched(prompt), **given, **more})

    def call_tool(
        self, prompt: str | re.Pattern[str], name: str, arguments: Mapping[str, Any] | str | None = None, **more: Any
    ) -> None:
        """Answer a prompt with the call of a tool. `answer` with the same prompt gives the answer to the tool's result.

        Another `call_tool` for the same prompt replaces it. For several calls, together or in turn, use `script`.

        Args:
            prompt: as for `answer`.
            name: the function's name.
            arguments: its arguments; a text is sent as it is, to test how the app handles broken JSON.
            more: as for `answer`.
        """
        call = {"name": name, "arguments": arguments if isinstance(arguments, str) else dict(arguments or {})}
        self.script({**_matched(prompt), "calls": [call], **more})

    def script(self, exchanges: str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Add exchanges, from a TOML file in the format of `cookbook serve --script` or as plain data.

        They go before the test's earlier exchanges, and replace those for the same requests.

        Raises:
            CookbookError: with what is wrong in them; for a file with line and key.
        """
        if isinstance(exchanges, str | Path):
            exchanges = _exchanges(Path(exchanges))
        self._ask("POST", "/local/script", exchanges)

    def allow_unknown_prompts(self) -> None:
        """Answer prompts without an answer in the test from the cookbook's own script, instead of refusing them."""
        self._ask("POST", "/local/session", {"strict": False})

    # Choosing its faults, limits and kind

    def fail(self, status: int | None = None, times: int = 1, retry_after: int | None = None, **fault: Any) -> None:
        """Make the next chat completions fail.

        Args:
            status: the HTTP status, such as 429, 500 or 503.
            times: how many requests fail, one after the other.
            retry_after: seconds in the `Retry-After` header.
            fault: other faults of the endpoint, such as reset="within", answer="truncated" or first_token=3 (seconds).

        Raises:
            CookbookError: for an unknown fault, or none at all.
        """
        asked = {"status": status, "retry_after": retry_after, "count": times, **fault}
        given = {name: value for name, value in asked.items() if value is not None}
        if not given.keys() - _HARMLESS:
            raise CookbookError("Name a fault, such as status=503, reset='within' or first_token=3.")
        self._ask("POST", "/local/faults", given)

    def quota(self, requests_per_minute: int | None = None, tokens_per_minute: int | None = None) -> None:
        """Set the quota of each deployment, of which nothing is used yet; None leaves a limit as it was."""
        asked = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
        self._ask("POST", "/local/session", {name: value for name, value in asked.items() if value is not None})

    def as_kind(self, kind: str) -> Endpoint:
        """Change to another kind of deployment: `serverless`, `managed` or `foundry`, each with its own address.

        Earlier answers and faults do not apply any more. Call it before the app reads its variables.

        Raises:
            CookbookError: for an unknown kind.
        """
        before, journal = self._process, self._journal()
        self._process = self._processes.take(kind, self)
        before.taken = before is self._process
        self._left.append(journal)
        if self._before is not None:
            apply(self.environment)
        return self

    # Reading the requests that it got

    def _journal(self) -> tuple[dict[str, Any], list[SentRequest]]:
        """The counts of the endpoint's session, and the exchanges in its journal."""
        spent = self._ask("GET", "/local/session")
        exchanges = self._ask("GET", f"/local/exchanges?last={KEPT}") if spent["calls"] else ()
        return spent, [SentRequest.of(exchange) for exchange in exchanges]

    def _sent(self) -> tuple[int, list[SentRequest]]:
        """The number of all requests, and those that the journals still have."""
        journals = [*self._left, self._journal()]
        return sum(spent["calls"] for spent, _ in journals), [request for _, kept in journals for request in kept]

    def _spent(self) -> list[dict[str, Any]]:
        return [*(spent for spent, _ in self._left), self._ask("GET", "/local/session")]

    @property
    def requests(self) -> list[SentRequest]:
        """The app's requests so far, the oldest first.

        Raises:
            CookbookError: after more than 1,000 requests, or 64 MB, since the endpoint no longer has all of them.
        """
        calls, kept = self._sent()
        if calls > len(kept):
            raise CookbookError(f"The app has sent {calls:,} requests, and only the last {len(kept):,} are kept.")
        return kept

    @property
    def tokens_used(self) -> int:
        """The prompt and completion tokens of all answers so far, including streams."""
        return sum(spent["prompt_tokens"] + spent["completion_tokens"] for spent in self._spent())

    @property
    def unexpected(self) -> list[str]:
        """The refusals of prompts without an answer, each with the most similar prompt that has one; 100 at most."""
        return [message for spent in self._spent() for message in spent["refused"]]

    @property
    def refused_ever(self) -> list[str]:
        """The refusals since the endpoint started. `DELETE /local/session` empties `unexpected` but not this list."""
        return self._ask("GET", "/local/session")["refused_ever"]

    def report(self) -> str:
        """The exchanges in the endpoint's journal as text; the error where the endpoint does not answer."""
        try:
            calls, kept = self._sent()
        except CookbookError as error:
            return str(error)
        some = [f"The last {len(kept):,} of {calls:,} requests:"] if calls > len(kept) else []
        lines = [*some, *(line for request in kept for line in request.lines())]
        return "\n".join(lines) or "Nothing was sent."

    # As a context manager

    def __enter__(self) -> Endpoint:
        self._before = apply(self.environment)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            apply(self._before)
            self._before = None
        self._process.taken = False


def _exchanges(file: Path) -> list[dict[str, Any]]:
    """The exchanges of a file, which are checked.

    Raises:
        CookbookError: one line that names the file, the line and the key.
    """
    from mistral_on_azure.endpoint.models.script_files import entries_of  # slow to import, with the tokenizer

    try:
        read = read_toml(file, ScriptFile)
    except FileNotFoundError:
        raise CookbookError(f"There is no file {file}.") from None
    for key in ("unknown_prompt", "content_filter"):
        if getattr(read, key) != getattr(ScriptFile(), key):
            where = f"{file}, line {line_of(text_of(file), [key])}"
            raise CookbookError(
                f"{where}: {key} is no part of a test's script: leave it out, or see `cookbook serve --script`."
            )
    entries_of(file, read.exchange)
    return msgspec.to_builtins(read.exchange)


def _matched(prompt: str | re.Pattern[str]) -> dict[str, str]:
    """The key of an exchange for a prompt or a pattern.

    Raises:
        CookbookError: for any other type, and for flags that a script's patterns cannot have.
    """
    if isinstance(prompt, str):
        return {"prompt": prompt}
    if not (isinstance(prompt, re.Pattern) and isinstance(prompt.pattern, str)):
        raise CookbookError(f"A prompt is a text, or a compiled pattern of a text, not {prompt!r}.")
    if unknown := prompt.flags & ~sum(_FLAGS.values(), re.UNICODE):
        raise CookbookError(f"A pattern may have the flags {', '.join(_FLAGS)}, not {re.RegexFlag(unknown)!r}.")
    flags = "".join(letter for letter, flag in _FLAGS.items() if prompt.flags & flag)
    return {"pattern": f"(?{flags}){prompt.pattern}" if flags else prompt.pattern}


_FLAGS = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
