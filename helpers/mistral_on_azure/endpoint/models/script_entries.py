"""Entries of a script: which requests each one is for, and what it replies to them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mistral_on_azure.catalog.script_format import Exchange, Reply, ToolCall, compiled, filled, key_of, placeholders
from mistral_on_azure.catalog.toml_lines import line_of
from mistral_on_azure.endpoint.api_errors import ApiError, invalid
from mistral_on_azure.endpoint.fault import Fault, fault_of
from mistral_on_azure.endpoint.fields import read
from mistral_on_azure.endpoint.models.tokens import count

PATIENCE = 0.02  # seconds of work that all patterns together may take for one request
MOST_FILLED = 100_000  # characters of an answer, and of all that are filled for one request


@dataclass(slots=True)
class Question:
    """What a script looks at in a request.

    Attributes:
        prompt: the last user message; system: the system message, None where there is none.
        last: the text of the last message, whoever it is from.
        deployment: the name of the deployment that is asked.
        tools: whether it offers any.
        may_call: whether the answer may be calls of them; must_call: whether it has to be.
        returned: whether the last message is what a tool returned.
    """

    prompt: str
    system: str | None = None
    last: str = ""
    deployment: str = ""
    tools: bool = False
    may_call: bool = False
    must_call: bool = False
    returned: bool = False


class Watch:
    """The time that the patterns of one request may take: the texts are a client's."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = PATIENCE

    def search(self, pattern: str, text: str) -> Any:
        """The first match of a pattern.

        Raises:
            ApiError: 400 when it takes too long.
        """
        if self.left <= 0:
            raise _too_slow(pattern)
        begun = time.thread_time()  # what other threads do meanwhile is not its fault
        try:
            return compiled(pattern).search(text, timeout=self.left)
        except TimeoutError:
            raise _too_slow(pattern) from None
        finally:
            self.left -= time.thread_time() - begun


def _too_slow(pattern: str) -> ApiError:
    why = f"With the script's pattern {pattern[:100]!r}, all take more than {1000 * PATIENCE:.0f} ms on this message."
    return invalid(f"{why} Make them simpler or fewer, or the message shorter.", code="pattern_too_slow")


_NO_GROUPS: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Given:
    """A reply as it is given: ranked texts or calls, and what happens to the answer."""

    texts: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    fault: Fault | None
    more: Reply | Exchange  # delay, finish_reason and logprobs

    def suits(self, asked: Question, entry: Entry) -> bool:
        """Whether the request lets it be given: calls where tools may be called, a text where none has to be.

        A tool that has returned is not called by the same entry again, unless that is what the entry is for.
        """
        if self.calls:
            again = asked.returned and len(entry.replies) == 1 and entry.exchange.last is None
            return asked.may_call and not again
        return not (self.texts and asked.must_call)


@dataclass(frozen=True, eq=False)
class Entry:
    """An exchange, ready to be matched.

    Attributes:
        source: the file or session that it was read from, and its place there.
        staged: whether what it replies depends on the requests before.
        plain: whether it has a prompt and nothing else, as most have; whoever asks it has compared the prompt.
        length: characters of the longest answer, before its placeholders are filled.
    """

    exchange: Exchange
    source: Source
    place: int
    replies: tuple[Given, ...]
    staged: bool
    plain: bool
    weight: int
    length: int

    @property
    def where(self) -> str:
        """Where it stands, as `FILE, line 12`."""
        return self.source.where("exchange", self.place)

    def match(self, asked: Question, reply: int, watch: Watch) -> dict[str, str] | None:
        """The groups of its patterns if it is meant, else None."""
        if self.plain:
            return _NO_GROUPS if self.replies[0].suits(asked, self) else None
        if self.exchange.system is not None and not self.has_system(asked):
            return None  # as most often, without a look at the rest
        groups: dict[str, str] = {}
        return groups if all(fits for _, fits in self.checks(asked, reply, watch, groups)) else None

    def has_system(self, asked: Question) -> bool:
        """Whether the system message is the one that it wants."""
        return (self.exchange.system or "").strip() == (asked.system or "").strip()

    def checks(self, asked: Question, reply: int, watch: Watch, groups: dict[str, str]) -> Iterator[tuple[str, bool]]:
        """Each of its keys, and whether the request fits it; the dearest last."""
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


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of entries, for error messages: a file with its text, or a session's exchanges."""

    name: str
    text: str | None = None

    def where(self, *path: str | int) -> str:
        """Where a value stands."""
        if self.text is None:
            return f"{self.name}, {key_of(path).removesuffix(': ')}"
        return f"{self.name}, line {line_of(self.text, path)}"

    def wrong(self, why: str, *path: str | int) -> WrongEntry:
        """What is wrong with a value, with its line and the keys that lead to it."""
        keys = "" if self.text is None else f" {key_of(path).removesuffix(': ')}:"
        return WrongEntry(f"{self.where(*path)}:{keys} {why}")


class WrongEntry(ValueError):
    """An exchange whose fault or log probabilities cannot be; the message says where."""


def entry_of(exchange: Exchange, source: Source, place: int) -> Entry:
    """An exchange, ready to be matched.

    Raises:
        WrongEntry: for an answer that is too long, a fault that there is not, or log probabilities of another number
            than the tokens.
    """
    if exchange.reply:
        given = [(reply, () if reply.answer is None else (reply.answer,)) for reply in exchange.reply]
    else:
        given = [(exchange, exchange.answers)]
    replies, length = [], 0
    for number, (each, texts) in enumerate(given):
        path = ("exchange", place, "reply", number) if exchange.reply else ("exchange", place)
        length = max([length, *map(len, texts), *(len(_called(call)) for call in each.calls)])
        if length > MOST_FILLED:
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
        replies.append(Given(texts, each.calls, fault, each))
    staged = len(replies) > 1 or any(reply.fault for reply in replies)
    weight = sum(value is not None for value in (exchange.system, exchange.deployment, exchange.tools, exchange.last))
    plain = not weight and not staged and bool(exchange.prompt)
    return Entry(exchange, source, place, tuple(replies), staged, plain, weight, length)


def _called(call: ToolCall) -> str:
    """The arguments of a call as they are written."""
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments, ensure_ascii=False)


def _fault(wanted: str | dict[str, Any] | None, answered: bool) -> Fault | None:
    if wanted is None:
        return None
    fault = fault_of(read(wanted) if isinstance(wanted, str) else wanted)
    always = fault.status is not None and fault.count is None and not fault.after and fault.probability == 1
    if not answered and not always:
        raise invalid("A fault without an answer beside it has a status, and neither count, after nor probability.")
    return fault


def _check_logprobs(given: Any, texts: Sequence[str], patterns: bool) -> None:
    """Refuse log probabilities that are not one for each token.

    Raises:
        ValueError: with what is wrong.
    """
    if not isinstance(given, tuple):
        return
    if len(texts) != 1 or (patterns and placeholders(texts[0])):
        raise ValueError("a list of log probabilities is for one answer without placeholders")
    if len(given) != (tokens := count(texts[0])):
        raise ValueError(f"there are {len(given)} log probabilities, and the answer has {tokens} tokens")


@dataclass(slots=True)
class Found:
    """The entry for a request, which of its replies is due, and what its patterns matched."""

    entry: Entry
    reply: int
    groups: Mapping[str, str] = field(default_factory=dict)
    _room: int = MOST_FILLED

    @property
    def given(self) -> Given:
        return self.entry.replies[self.reply]

    def texts(self) -> tuple[str, ...]:
        """The ranked texts, their placeholders filled.

        Raises:
            ApiError: 422 for texts that get too long by that.
        """
        self._room = MOST_FILLED
        texts = self.given.texts
        return tuple(self._filled(text) for text in texts) if self.groups else texts

    def calls(self) -> list[tuple[str, str]]:
        """Name and arguments of each call, their placeholders filled.

        Raises:
            ApiError: as `texts`.
        """
        self._room = MOST_FILLED
        return [(call.name, self._arguments(call.arguments)) for call in self.given.calls]

    def _arguments(self, arguments: dict[str, Any] | str) -> str:
        whole = self._deep(arguments) if self.groups else arguments
        return whole if isinstance(whole, str) else json.dumps(whole, ensure_ascii=False)

    def _deep(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._filled(value)
        if isinstance(value, dict):
            return {name: self._deep(each) for name, each in value.items()}
        return [self._deep(each) for each in value] if isinstance(value, list) else value

    def _filled(self, text: str) -> str:
        self._room -= len(text) + sum(len(self.groups[name]) * text.count(name) for name in placeholders(text))
        if self._room < 0:
            raise ApiError(422, "parameter_not_supported", "The script's answer to this message is too long.")
        return filled(text, self.groups)
