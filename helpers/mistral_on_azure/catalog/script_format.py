"""The format of scripts, which hold the local endpoint's answers: TOML files, and the JSON of `/local/script`.

Recipes' files, the endpoint's own `script.toml` and a user's `--script FILE` have the same exchanges, which are read
here. A pattern is a regular expression of the package `regex`, and its groups fill the placeholders of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mistral_on_azure.catalog.toml_files import Keys, WrongValue

LONGEST_PATTERN = 1_000  # characters
MOST_REPEATED = 100_000  # characters of a pattern with its counted repetitions written out: 0.1 s to compile
_PLACEHOLDER = re.compile(r"(\$?)\$\{(\w+)\}")
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d{0,9}),?(\d{0,9})\}|.", re.DOTALL)
Logprob = Annotated[float, Meta(le=0)]


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of the format."""


class ToolCall(Struct, frozen=True):
    """A call of a tool."""

    name: Annotated[str, Meta(min_length=1, max_length=64, description="The name of the function.")]
    arguments: Annotated[
        dict[str, Any] | str,
        Meta(description="Its arguments; a text is sent as it is, to test how an app handles what is not JSON."),
    ] = {}


class TokenLogprob(Struct, frozen=True):
    """The log probability of a token, and those of others that could have stood there."""

    logprob: Annotated[Logprob, Meta(description="The natural logarithm of the token's probability.")]
    top: Annotated[dict[str, Logprob], Meta(description="The log probabilities of other tokens, by their text.")] = {}


Logprobs = Annotated[
    Logprob | tuple[Logprob | TokenLogprob, ...],
    Meta(description="One log probability for all tokens, or one for each; `top` has the alternatives to a token."),
]
_REGEX = Meta(max_length=LONGEST_PATTERN)
_Pattern = Annotated[str, _REGEX, Meta(description="A regular expression, searched in the last user message.")]
_LAST = "A regular expression, searched in the last message, or in all tool results at the end."
_Last = Annotated[str, _REGEX, Meta(description=_LAST)]
_Calls = Annotated[
    tuple[ToolCall, ...], Meta(min_length=1, description="The tools that are called instead of an answer in text.")
]
_Fault = Annotated[
    str | dict[str, Any], Meta(description="What goes wrong, as in the header x-local-fault or in /local/faults.")
]
_Delay = Annotated[float, Meta(ge=0, le=600, description="Seconds until the answer, or its first token.")]
_Reason = Annotated[
    Literal["stop", "length", "tool_calls", "content_filter"],
    Meta(description="The finish reason of an answer that is not cut short."),
]


class Reply(Struct, frozen=True):
    """One of several replies that an exchange gives one after the other; the last one is repeated."""

    answer: Annotated[str, Meta(description="The text of the answer.")] | None = None
    calls: _Calls = ()
    fault: _Fault | None = None
    delay: _Delay = 0.0
    finish_reason: _Reason | None = None
    logprobs: Logprobs | None = None

    def __post_init__(self) -> None:
        _check_one("a reply", answer=self.answer is not None, calls=self.calls, fault=self.fault)


class Exchange(Struct, frozen=True):
    """The requests that an exchange is for, which match all of the given keys, and the answer to them."""

    prompt: Annotated[str, Meta(description="The last user message, apart from white space around it.")] | None = None
    pattern: _Pattern | None = None
    last: _Last | None = None
    system: Annotated[str, Meta(description="The system message, apart from white space around it.")] | None = None
    deployment: Annotated[str, Meta(description="The deployment that gets the request.")] | None = None
    tools: Annotated[bool, Meta(description="Whether the request offers tools.")] | None = None
    answers: Annotated[tuple[str, ...], Meta(min_length=1, description="Ranked texts, the likeliest first.")] = ()
    calls: _Calls = ()
    reply: Annotated[
        tuple[Reply, ...], Meta(min_length=1, description="Replies to successive requests of a session.")
    ] = ()
    fault: _Fault | None = None
    delay: _Delay = 0.0
    finish_reason: _Reason | None = None
    logprobs: Logprobs | None = None

    def __post_init__(self) -> None:
        if all(getattr(self, name) is None for name in MATCHERS):
            raise WrongValue(f"an exchange has one of the keys {', '.join(MATCHERS)}")
        if self.prompt is not None and self.pattern is not None:
            raise WrongValue("an exchange has a prompt or a pattern, not both", "pattern")
        _check_one("an exchange", answers=self.answers, calls=self.calls, reply=self.reply, fault=self.fault)
        if self.reply and (beside := [name for name in OF_REPLY if getattr(self, name)]):
            raise WrongValue("where there are tables of reply, this key belongs in them", beside[0])
        patterns = [(name, each) for name in ("pattern", "last") if (each := getattr(self, name)) is not None]
        known = {group for name, each in patterns for group in _groups(each, name)}
        for keys, text in _texts(self) if known else ():
            if unknown := placeholders(text) - known:
                raise WrongValue(
                    f"${{{min(unknown)}}} is no group of the pattern, which has {', '.join(sorted(known))}; "
                    f"a text that is meant reads $${{{min(unknown)}}}",
                    *keys,
                )


MATCHERS = ("prompt", "pattern", "last", "system", "deployment", "tools")
OF_REPLY = ("fault", "delay", "finish_reason", "logprobs")


class ContentFilter(Struct, frozen=True):
    """The prompts that the content filter refuses."""

    prompts: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...], Meta(description="Texts that no prompt may contain.")
    ] = ()


class ScriptFile(Struct, frozen=True):
    """A script of the local endpoint."""

    unknown_prompt: (
        Annotated[str, Meta(description="The answer to a prompt that no exchange matches, unless it is refused.")]
        | None
    ) = None
    content_filter: Annotated[
        ContentFilter,
        Meta(description="What the content filter refuses, besides the one text of the cookbook's own script."),
    ] = ContentFilter()
    exchange: Annotated[
        tuple[Exchange, ...],
        Meta(
            description="Prompts and their answers. Of several that fit, an exact prompt goes before a pattern, then "
            "more keys before fewer, then the earlier before the later."
        ),
    ] = ()


def _check_one(what: str, *, fault: Any, **ways: Any) -> None:
    given = [name for name, value in ways.items() if value]
    if len(given) > 1:
        raise WrongValue(f"{what} has {' or '.join(given)}, not both", given[1])
    if not given and fault is None:
        raise WrongValue(f"{what} answers with one of {', '.join(ways)}, or a fault")


def _texts(exchange: Exchange) -> Iterator[tuple[Keys, str]]:
    """All texts that placeholders may stand in, and the keys that lead to them."""
    for place, answer in enumerate(exchange.answers):
        yield ("answers", place), answer
    for place, reply in enumerate(exchange.reply):
        yield ("reply", place, "answer"), reply.answer or ""
    of_replies = [(("reply", place), reply.calls) for place, reply in enumerate(exchange.reply)]
    for keys, calls in (((), exchange.calls), *of_replies):
        for place, call in enumerate(calls):
            for text in strings_of(call.arguments):
                yield (*keys, "calls", place, "arguments"), text


def _groups(pattern: str, name: str) -> list[str]:
    """The names and numbers of a pattern's groups, `0` for all that matched; `name` is its key."""
    try:
        form = compiled(pattern)
    except ValueError as error:
        raise WrongValue(str(error), name) from None
    return [*map(str, range(form.groups + 1)), *form.groupindex]


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


def filled(text: str, groups: Mapping[str, str]) -> str:
    """A text in which each placeholder is replaced by the match of its group; `$${name}` becomes `${name}`."""
    return _PLACEHOLDER.sub(lambda found: found[0][1:] if found[1] else groups[found[2]], text)


@lru_cache(maxsize=1_000)
def compiled(pattern: str) -> Any:
    """A compiled pattern of the package `regex`, whose search can be given a time limit.

    Raises:
        ValueError: for what is no regular expression, or for one that repeats so much that it takes long to compile.
    """
    import regex  # only where there is a pattern: it takes a while to import

    if (size := written_out(pattern)) > MOST_REPEATED:
        most = f"with its repetitions written out, where {MOST_REPEATED:,} are allowed"
        raise ValueError(f"the pattern {pattern!r} has {size:,} characters {most}")
    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from None


def written_out(pattern: str) -> int:
    """About the number of characters that a pattern has with its counted repetitions, such as `{3,5}`, written out."""
    sizes, last = [0], 0  # of each group that is open, and of the last item
    for part in _PARTS.finditer(pattern):
        if part[0] == "(":
            sizes.append(0)
            continue
        if part[0] == ")" and len(sizes) > 1:
            last = sizes.pop()
        elif part[1] or part[2]:
            times = max(1, *(int(bound or 0) for bound in part.groups()))
            sizes[-1] -= last
            last *= times
        else:
            last = 1
        sizes[-1] += last
    return sum(sizes)
