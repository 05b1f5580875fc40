"""Entries of a script: which requests an exchange matches, and its replies to them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from mistral_on_azure.catalog.script_format import Exchange, Reply, compiled, filled, placeholders, strings_of
from mistral_on_azure.catalog.toml_files import key_of, line_of
from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.fault import Fault, fault_of
from mistral_on_azure.endpoint.fields import read
from mistral_on_azure.endpoint.models.tokens import count

PATIENCE = 0.02  # seconds of processor time that the patterns of a script may take for one request
MOST_FILLED = 100_000  # characters of an answer, and of all answers whose placeholders are filled for one request


class Question(Struct):
    """The properties of a request that exchanges are matched with.

    Attributes:
        prompt: the last user message.
        system: the system message; None if there is none.
        last: the text of the last message, of any role, or of all tool results at the end.
        deployment: the name of the deployment.
        tools: whether the request has tools.
        may_call: whether the completion may have tool calls.
        must_call: whether the completion must have tool calls.
        returned: whether the last message is a tool result.
    """

    prompt: str
    system: str | None = None
    last: str = ""
    deployment: str = ""
    tools: bool = False
    may_call: bool = False
    must_call: bool = False
    returned: bool = False


class Watch(Struct):
    """The time limit of all patterns for one request: its texts are the client's, and may make a pattern slow."""

    left: float = PATIENCE

    def search(self, pattern: str, text: str) -> Any:
        """The first match of a pattern in a text, or None.

        Raises:
            ApiError: 400 when the time limit is exceeded.
        """
        if self.left <= 0:
            raise _too_slow(pattern)
        begun = time.thread_time()  # the processor time of this thread only
        try:
            return compiled(pattern).search(text, timeout=self.left)
        except TimeoutError:
            raise _too_slow(pattern) from None
        finally:
            self.left -= time.thread_time() - begun


def _too_slow(pattern: str) -> ApiError:
    limit = f"The script's patterns took more than {1000 * PATIENCE:.0f} ms on this message, at {pattern[:100]!r}."
    return invalid(f"{limit} Simplify or remove patterns, or shorten the message.", code="pattern_too_slow")


@dataclass(frozen=True, slots=True)
class Source:
    """The file with its text, or the session without one, that entries were read from; for error messages."""

    name: str
    text: str | None = None

    def where(self, *path: str | int) -> str:
        """The name of the source, with the line of a value or, in a session, its keys."""
        if self.text is None:
            return f"{self.name}, {key_of(path).removesuffix(': ')}"
        return f"{self.name}, line {line_of(self.text, path)}"

    def wrong(self, why: str, *path: str | int) -> WrongEntry:
        """The exception for a wrong value, with its line and its keys."""
        keys = "" if self.text is None else f" {key_of(path).removesuffix(': ')}:"
        return WrongEntry(f"{self.where(*path)}:{keys} {why}")


class WrongEntry(ValueError):
    """An exchange with a wrong fault, wrong log probabilities or a too long answer; the message has its place."""


@dataclass(frozen=True, slots=True)
class Given:
    """A reply of an exchange: its ranked texts, and the fault that applies to the answer."""

    texts: tuple[str, ...]
    fault: Fault | None
    more: Reply | Exchange  # has calls, delay, finish_reason and logprobs

    def suits(self, asked: Question, entry: Entry) -> bool:
        """Whether the request allows this reply: tool calls, or a text.

        After a tool result, an entry with a single reply does not repeat its tool call, unless it matches by `last`.
        """
        if self.more.calls:
            again = asked.returned and len(entry.replies) == 1 and entry.exchange.last is None
            return asked.may_call and not again
        return not (self.texts and asked.must_call)


class Entry:
    """An exchange, ready to be matched with requests.

    Args:
        source: what it was read from.
        place: its index in its source.

    Attributes:
        replies: its replies in their order.
        staged: whether its reply depends on earlier requests.
        plain: whether `prompt` is its only key for matching, and a text its only reply, as in most.
        fixed: whether its texts are the same for all requests: one reply without placeholders.
        system: the stripped system message that it is for; None for any.
        weight: number of keys for matching besides prompt and pattern: of several matches, the heaviest is taken.
        length: characters of the longest answer, before its placeholders are filled.

    Raises:
        WrongEntry: for an answer that is too long, a wrong fault, or a list of log probabilities whose length is not
            the number of tokens.
    """

    def __init__(self, exchange: Exchange, source: Source, place: int) -> None:
        self.exchange, self._source, self._place = exchange, source, place
        self.replies, self.length = [], 0
        wanted = [(reply, () if reply.answer is None else (reply.answer,)) for reply in exchange.reply]
        for number, (each, texts) in enumerate(wanted or [(exchange, exchange.answers)]):
            path = ("exchange", place, "reply", number) if exchange.reply else ("exchange", place)
            self.length = max([self.length, *map(len, texts), *(len(_written(call.arguments)) for call in each.calls)])
            if self.length > MOST_FILLED:
                raise WrongEntry(f"{source.where(*path)}: an answer has at most {MOST_FILLED:,} characters.")
            try:
                _check_logprobs(each.logprobs, texts, bool(exchange.pattern or exchange.last))
            except ValueError as error:
                raise source.wrong(f"{error}.", *path, "logprobs") from None
            try:
                fault = _fault(each.fault, bool(texts or each.calls))
            except ApiError as error:
                keys = (error.param,) if error.param and isinstance(each.fault, dict) else ()
                raise source.wrong(error.message, *path, "fault", *keys) from None
            self.replies.append(Given(texts, fault, each))
        further = exchange.system, exchange.deployment, exchange.tools, exchange.last
        self.weight = sum(value is not None for value in further)
        self.staged = len(self.replies) > 1 or self.replies[0].fault is not None
        self.fixed = not (self.staged or self.replies[0].more.calls or exchange.pattern or exchange.last)
        self.plain = self.fixed and not self.weight and bool(exchange.prompt)
        self.system = None if exchange.system is None else exchange.system.strip()

    @property
    def where(self) -> str:
        """Its file and line, as `FILE, line 12`."""
        return self._source.where("exchange", self._place)

    def match(self, asked: Question, reply: int, watch: Watch) -> dict[str, str] | None:
        """The groups of its patterns by number and name if it matches a request, else None.

        Args:
            reply: the index of the reply that is due.
        """
        groups: dict[str, str] = {}
        return groups if all(fits for _, fits in self.checks(asked, reply, watch, groups)) else None

    def has_system(self, asked: Question) -> bool:
        """Whether the request has the system message of this exchange."""
        return self.system == (asked.system or "").strip()

    def checks(self, asked: Question, reply: int, watch: Watch, groups: dict[str, str]) -> Iterator[tuple[str, bool]]:
        """Each key for matching, and whether the request matches it; the slowest checks come last."""
        wanted = self.exchange
        if wanted.prompt is not None:
            yield "prompt", wanted.prompt.strip() == asked.prompt.strip()
        if wanted.system is not None:
            yield "system", self.has_system(asked)
        if wanted.deployment is not None:
            yield "deployment", wanted.deployment == asked.deployment
        if wanted.tools is not None:
            yield "tools", wanted.tools == asked.tools
        yield "reply", self.replies[reply].suits(asked, self)
        for name, text in (("last", asked.last), ("pattern", asked.prompt)):
            pattern = getattr(wanted, name)
            if pattern is not None:
                found = watch.search(pattern, text)
                if found:
                    numbered = {str(number): found[number] or "" for number in range(1 + len(found.groups()))}
                    groups |= {**numbered, **{key: value or "" for key, value in found.groupdict().items()}}
                yield name, found is not None


def _written(arguments: dict[str, Any] | str) -> str:
    """The arguments of a tool call as JSON."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _fault(wanted: str | dict[str, Any] | None, answered: bool) -> Fault | None:
    if wanted is None:
        return None
    fault = fault_of(read(wanted) if isinstance(wanted, str) else wanted)
    always = fault.status is not None and fault.count is None and not fault.after and fault.probability == 1
    if not answered and not always:
        raise invalid("A fault without an answer must have a status, and must not have count, after or probability.")
    return fault


def _check_logprobs(given: Any, texts: Sequence[str], patterns: bool) -> None:
    """Check that a list of log probabilities has one for each token.

    Raises:
        ValueError: with the error message.
    """
    if not isinstance(given, tuple):
        return
    if len(texts) != 1 or (patterns and placeholders(texts[0])):
        raise ValueError("a list of log probabilities is for one answer without placeholders")
    if len(given) != (tokens := count(texts[0])):
        raise ValueError(f"there are {len(given)} log probabilities, and the answer has {tokens} tokens")


class Found(Struct):
    """The entry that matches a request, the index of the reply that is due, and the groups of its patterns."""

    entry: Entry
    reply: int
    groups: Mapping[str, str] = {}

    @property
    def given(self) -> Given:
        return self.entry.replies[self.reply]

    def texts(self) -> tuple[str, ...]:
        """The ranked texts, with their placeholders filled.

        Raises:
            ApiError: 422 for texts that are too long with their placeholders filled.
        """
        texts = self.given.texts
        return tuple(self._filled([*texts])) if self.groups else texts

    def calls(self) -> list[tuple[str, str]]:
        """(name, arguments) of each tool call, with their placeholders filled.

        Raises:
            ApiError: 422 for arguments that are too long with their placeholders filled.
        """
        calls = self.given.more.calls
        arguments = [call.arguments for call in calls]
        filled_in = self._filled(arguments) if self.groups else arguments
        return [(call.name, _written(each)) for call, each in zip(calls, filled_in, strict=True)]

    def _filled(self, values: list[Any]) -> list[Any]:
        length = 0
        for text in strings_of(values):
            length += len(text) + sum(len(self.groups[name]) * text.count(name) for name in placeholders(text))
        if length > MOST_FILLED:
            raise ApiError(422, "parameter_not_supported", "The script's answer to this message is too long.")
        return _deep(values, self.groups)


def _deep(value: Any, groups: Mapping[str, str]) -> Any:
    """A JSON value in whose texts the placeholders are filled."""
    if isinstance(value, str):
        return filled(value, groups)
    if isinstance(value, dict):
        return {name: _deep(each, groups) for name, each in value.items()}
    return [_deep(each, groups) for each in value] if isinstance(value, list) else value
