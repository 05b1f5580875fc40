"""The format of scripts: what the local endpoint answers, in TOML files and in the JSON of `/local/script`.

Recipes' files, the endpoint's own `script.toml` and a user's `--script FILE` have the same exchanges, read here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from mistral_on_azure.catalog.toml_lines import line_of
from mistral_on_azure.errors import CookbookError

LONGEST_PATTERN = 1_000  # characters
_PLACEHOLDER = re.compile(r"(\$?)\$\{(\w+)\}")

Text = Annotated[str, Meta(description="A text that has to be equal, but for white space around it.")]
Pattern = Annotated[
    str, Meta(max_length=LONGEST_PATTERN, description="A regular expression, searched anywhere in the text.")
]
Logprob = Annotated[float, Meta(le=0)]


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of the format."""


class ToolCall(Struct, frozen=True):
    """A call of a tool.

    Attributes:
        name: of the function.
        arguments: its arguments; a text is sent as it is, for an app that has to bear what is not JSON.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    arguments: dict[str, Any] | str = {}


class TokenLogprob(Struct, frozen=True):
    """The log probability of a token, and those of others that could have stood there."""

    logprob: Logprob
    top: dict[str, Logprob] = {}


Logprobs = Annotated[
    Logprob | tuple[Logprob | TokenLogprob, ...],
    Meta(description="Of all tokens, or of each one; with `top`, the alternatives to a token."),
]
_Calls = Annotated[tuple[ToolCall, ...], Meta(description="Tools that are called in the place of a text.")]
_Fault = Annotated[
    str | dict[str, Any], Meta(description="What goes wrong, as in the header x-local-fault or in /local/faults.")
]
_Delay = Annotated[float, Meta(ge=0, le=600, description="Seconds until the answer, or its first token.")]
_Reason = Annotated[
    Literal["stop", "length", "tool_calls", "content_filter"], Meta(description="Why the answer ended, if it is whole.")
]


class Reply(Struct, frozen=True):
    """One of several replies that an exchange gives one after the other; the last one stays."""

    answer: Annotated[str, Meta(description="The text that is answered.")] | None = None
    calls: _Calls = ()
    fault: _Fault | None = None
    delay: _Delay = 0.0
    finish_reason: _Reason | None = None
    logprobs: Logprobs | None = None

    def __post_init__(self) -> None:
        _check_one("a reply", answer=self.answer is not None, calls=self.calls, fault=self.fault)


class Exchange(Struct, frozen=True):
    """Which requests are meant, all keys that are given together, and what they are answered with."""

    prompt: Annotated[Text, Meta(description="The last user message, but for white space around it.")] | None = None
    pattern: Annotated[Pattern, Meta(description="A regular expression, searched in the last user message.")] | None = (
        None
    )
    last: (
        Annotated[Pattern, Meta(description="A regular expression, searched in the last message of any role.")] | None
    ) = None
    system: Annotated[Text, Meta(description="The system message, but for white space around it.")] | None = None
    deployment: Annotated[str, Meta(description="The deployment that is asked.")] | None = None
    tools: Annotated[bool, Meta(description="Whether the request offers tools.")] | None = None
    answers: Annotated[tuple[str, ...], Meta(description="Ranked texts, the likeliest first.")] = ()
    calls: _Calls = ()
    reply: Annotated[tuple[Reply, ...], Meta(description="Replies to successive requests of a session.")] = ()
    fault: _Fault | None = None
    delay: _Delay = 0.0
    finish_reason: _Reason | None = None
    logprobs: Logprobs | None = None

    def __post_init__(self) -> None:
        if all(getattr(self, name) is None for name in MATCHERS):
            raise ValueError(f"an exchange has one of the keys {', '.join(MATCHERS)}")
        if self.prompt is not None and self.pattern is not None:
            raise ValueError("an exchange has a prompt or a pattern, not both")
        _check_one("an exchange", answers=self.answers, calls=self.calls, reply=self.reply, fault=self.fault)
        if self.reply and (beside := [name for name in _OF_REPLY if getattr(self, name)]):
            raise ValueError(f"{beside[0]} belongs into the tables of reply where there are any")
        known = {name for each in (self.pattern, self.last) if each is not None for name in groups_of(each)}
        for text in _texts(self) if known else ():
            if unknown := placeholders(text) - known:
                raise ValueError(
                    f"${{{min(unknown)}}} is no group of the pattern, which has {', '.join(sorted(known))}; "
                    f"a text that is meant reads $${{{min(unknown)}}}"
                )

    @property
    def replies(self) -> tuple[Reply, ...]:
        """All replies in their order; for one with several ranked texts, the likeliest."""
        answer = self.answers[0] if self.answers else None
        return self.reply or (Reply(answer, self.calls, self.fault, self.delay, self.finish_reason, self.logprobs),)


MATCHERS = ("prompt", "pattern", "last", "system", "deployment", "tools")
_OF_REPLY = ("fault", "delay", "finish_reason", "logprobs")


class ContentFilter(Struct, frozen=True):
    """Texts that the content filter refuses, wherever they stand in a prompt."""

    prompts: tuple[Annotated[str, Meta(min_length=1)], ...] = ()


class ScriptFile(Struct, frozen=True):
    """A script of the local endpoint.

    Attributes:
        unknown_prompt: what is answered to a prompt that no exchange has.
        content_filter: what is refused.
        exchange: the exchanges; of several that fit, an exact prompt goes before a pattern, then more keys before
            fewer, then the earlier before the later.
    """

    unknown_prompt: str | None = None
    content_filter: ContentFilter = ContentFilter()
    exchange: tuple[Exchange, ...] = ()


def _check_one(what: str, *, fault: Any, **ways: Any) -> None:
    given = [name for name, value in ways.items() if value]
    if len(given) > 1:
        raise ValueError(f"{what} has {' or '.join(given)}, not both")
    if not given and fault is None:
        raise ValueError(f"{what} answers with one of {', '.join(ways)}, or a fault")


def _texts(exchange: Exchange) -> Iterator[str]:
    """All texts that placeholders may stand in."""
    yield from exchange.answers
    for reply in exchange.replies:
        yield reply.answer or ""
        for call in reply.calls:
            yield from strings_of(call.arguments)


def strings_of(value: Any) -> Iterator[str]:
    """The texts in a JSON value, without the names of members."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings_of(each)


def placeholders(text: str) -> set[str]:
    """The names in a text's placeholders."""
    return {name for escape, name in _PLACEHOLDER.findall(text) if not escape}


def filled(text: str, groups: dict[str, str]) -> str:
    """A text with its placeholders replaced by what a pattern's groups matched; `$${name}` becomes `${name}`."""
    return _PLACEHOLDER.sub(lambda found: found[0][1:] if found[1] else groups[found[2]], text)


@lru_cache(maxsize=1_000)
def compiled(pattern: str) -> Any:
    """A compiled pattern of the package `regex`, whose search can be given a time limit.

    Raises:
        ValueError: for what is no regular expression.
    """
    import regex  # only where there is a pattern: it takes a while to import

    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from None


def groups_of(pattern: str) -> list[str]:
    """The names and numbers of a pattern's groups, `0` for all that matched.

    Raises:
        ValueError: for what is no regular expression.
    """
    form = compiled(pattern)
    return [*map(str, range(form.groups + 1)), *form.groupindex]


_Kind = TypeVar("_Kind")


def read_toml(file: Path, kind: type[_Kind]) -> _Kind:
    """Read a TOML file with exchanges.

    Raises:
        CookbookError: one line that names the file, the line and the key.
        FileNotFoundError: when there is none.
    """
    text = ""
    try:
        text = file.read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), kind)
    except FileNotFoundError:
        raise
    except msgspec.ValidationError as error:
        why, path = explained(error)
        raise CookbookError(f"{file}, line {line_of(text, path)}: {key_of(path)}{why}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CookbookError(f"{file} cannot be used: {error}.") from None


def explained(error: msgspec.ValidationError) -> tuple[str, list[str | int]]:
    """What is wrong, and the keys that lead to it."""
    why, _, at = str(error).partition(" - at `$")
    path = [int(number) if number else name for number, name in re.findall(r"\[(\d+)\]|\.?([\w-]+)", at)]
    if missing := re.search(r"contains unknown field `(.*)`", why):
        return "there is no such key", [*path, missing[1]]
    return why[:1].lower() + why[1:], path


def key_of(path: Sequence[str | int]) -> str:
    """The keys that lead to a value, as `exchange 3, answers: `; tables are counted from 1."""
    words = [f" {each + 1}" if isinstance(each, int) else f", {each}" for each in path]
    return "".join(words).removeprefix(", ") + ": " if words else ""
