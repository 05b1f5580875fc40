"""The endpoint as a test sees it: what it is to answer, how it is to fail, and what it was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mistral_on_azure.azure.addresses import CREDENTIAL, variables_of
from mistral_on_azure.azure.deployment_kinds import kind_named
from mistral_on_azure.azure.offline import Changes, apply
from mistral_on_azure.catalog.script_format import Reply, ScriptFile, read_toml, text_of
from mistral_on_azure.catalog.toml_lines import line_of
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.testing.sent_requests import SentRequest
from mistral_on_azure.testing.shared_processes import KEPT, Processes

REPORT = "What azure_endpoint was sent, and what it answered"
_PROXIES = ("NO_PROXY", "no_proxy")
_OF_REPLIES = set(Reply.__struct_fields__) - {"answer", "calls"}  # the keys of an exchange that each reply may have
_HARMLESS = {  # fields of a fault that by themselves let nothing fail
    "count", "after", "probability", "seed", "name", "reason",
    "retry_after", "retry_after_date", "retry_after_ms", "x_ms_retry_after_ms",
}  # fmt: skip


class Endpoint:
    """A local endpoint for one test. As a context manager it sets an endpoint's variables, and puts them back.

    Args:
        processes: where the endpoint of each kind runs; they outlive the test, which has one for itself.
        kind: `serverless`, `managed` or `foundry`.

    Attributes:
        noted: whether a failure has been told what was sent.
    """

    def __init__(self, processes: Processes, kind: str = "serverless") -> None:
        self._processes = processes
        self.noted = False
        self._before: Changes | None = None
        self._left: list[tuple[dict[str, Any], list[SentRequest]]] = []  # by each kind that it was before
        self._process = processes.take(kind, self)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask one of the endpoint's own routes: after the test with GET alone, until another test has the process."""
        process = self._process
        if process.holder is not self or not (process.taken or method == "GET"):
            raise CookbookError("The test that this endpoint was for has ended.")
        return process.ask(method, path, body)

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
                and for each of the texts `delay` (seconds), `finish_reason`, `logprobs`, `fault`.

        Raises:
            CookbookError: for a key that there is not, or a pattern that is none.
        """
        given: dict[str, Any] = {"answers": texts}
        if len(texts) > 1:
            each = {name: more.pop(name) for name in _OF_REPLIES & more.keys()}
            given = {"reply": [{"answer": text, **each} for text in texts]}
        self.script({**_matched(prompt), **given, **more})

    def call_tool(
        self, prompt: str | re.Pattern[str], name: str, arguments: Mapping[str, Any] | str | None = None, **more: Any
    ) -> None:
        """Answer a prompt with the call of a tool; `answer` with the same prompt says what follows its result.

        A later call for the same prompt takes its place; `script` has several calls, at once or one after the other.

        Args:
            prompt: as for `answer`.
            name: of the function.
            arguments: its arguments; a text is sent as it is, to see what the app does about broken JSON.
            more: as for `answer`.
        """
        call = {"name": name, "arguments": arguments if isinstance(arguments, str) else dict(arguments or {})}
        self.script({**_matched(prompt), "calls": [call], **more})

    def script(self, exchanges: str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Add exchanges, as a TOML file of `cookbook serve --script` has them, or as plain data.

        They are asked before those that the test has, and take the place of those for the same requests.

        Raises:
            CookbookError: what is wrong with them; of a file with line and key.
        """
        if isinstance(exchanges, str | Path):
            exchanges = _exchanges(Path(exchanges))
        self._ask("POST", "/local/script", exchanges)

    def allow_unknown_prompts(self) -> None:
        """Answer prompts that the test has no answer for with the cookbook's own script, in place of a refusal."""
        self._ask("POST", "/local/session", {"strict": False})

    # How it fails

    def fail(self, status: int | None = None, times: int = 1, retry_after: int | None = None, **fault: Any) -> None:
        """Let the next chat completions fail.

        Args:
            status: the HTTP status, as 429, 500 or 503.
            times: how many requests fail, one after the other.
            retry_after: seconds in the `Retry-After` header.
            fault: others of the endpoint's faults, as reset="within", answer="truncated" or first_token=3 (seconds).

        Raises:
            CookbookError: for a fault that there is not, or none at all.
        """
        asked = {"status": status, "retry_after": retry_after, "count": times, **fault}
        given = {name: value for name, value in asked.items() if value is not None}
        if not given.keys() - _HARMLESS:
            raise CookbookError("Say what fails, as with status=503, reset='within' or first_token=3.")
        self._ask("POST", "/local/faults", given)

    def quota(self, requests_per_minute: int | None = None, tokens_per_minute: int | None = None) -> None:
        """Choose the quota of each deployment, of which nothing is used yet; None leaves one as it was."""
        asked = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
        self._ask("POST", "/local/session", {name: value for name, value in asked.items() if value is not None})

    def as_kind(self, kind: str) -> Endpoint:
        """Be another kind of deployment from here on: `serverless`, `managed` or `foundry`, each with its own address.

        Answers and faults that were asked for before stay behind. Call it before the app reads its variables.

        Raises:
            CookbookError: for a kind that there is not.
        """
        before, told = self._process, self._told()
        self._process = self._processes.take(kind, self)
        before.taken = before is self._process
        self._left.append(told)
        if self._before is not None:
            apply(self._variables())
        return self

    # What it was sent

    def _told(self) -> tuple[dict[str, Any], list[SentRequest]]:
        """What the endpoint has counted, and the exchanges that it has kept."""
        spent = self._ask("GET", "/local/session")
        told = self._ask("GET", f"/local/exchanges?last={KEPT}") if spent["calls"] else ()
        return spent, [SentRequest.of(exchange) for exchange in told]

    def _sent(self) -> tuple[int, list[SentRequest]]:
        """How many requests there were, and those that are kept."""
        told = [*self._left, self._told()]
        return sum(spent["calls"] for spent, _ in told), [request for _, kept in told for request in kept]

    def _spent(self) -> list[dict[str, Any]]:
        return [*(spent for spent, _ in self._left), self._ask("GET", "/local/session")]

    @property
    def requests(self) -> list[SentRequest]:
        """The app's requests so far, the oldest first.

        Raises:
            CookbookError: after more than 1,000 of them, or 64 MB, of which the endpoint has forgotten some.
        """
        calls, kept = self._sent()
        if calls > len(kept):
            raise CookbookError(f"The app has sent {calls:,} requests, and only the last {len(kept):,} are kept.")
        return kept

    @property
    def tokens_used(self) -> int:
        """Prompt and completion tokens of all answers so far, streams among them."""
        return sum(spent["prompt_tokens"] + spent["completion_tokens"] for spent in self._spent())

    @property
    def unexpected(self) -> list[str]:
        """Refusals of prompts that the test has no answer for, each with the nearest one that it has; 100 at most."""
        return [message for spent in self._spent() for message in spent["refused"]]

    @property
    def refused_ever(self) -> list[str]:
        """The refusals since the endpoint started; `DELETE /local/session` empties `unexpected`, and not this list."""
        return self._ask("GET", "/local/session")["refused_ever"]

    def report(self) -> str:
        """All exchanges that are kept as lines to read; or why the endpoint cannot tell them."""
        try:
            calls, kept = self._sent()
        except CookbookError as error:
            return str(error)
        some = [f"The last {len(kept):,} of {calls:,} requests:"] if calls > len(kept) else []
        lines = [*some, *(line for request in kept for line in request.lines())]
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
        self._process.taken = False


def _exchanges(file: Path) -> list[dict[str, Any]]:
    """The exchanges of a file, each of them checked.

    Raises:
        CookbookError: one line that names the file, the line and the key.
    """
    from mistral_on_azure.endpoint.models.script_files import entries_of  # with the tokenizer, which takes a while

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
        CookbookError: for what is neither, and for flags that a script's patterns do not have.
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
