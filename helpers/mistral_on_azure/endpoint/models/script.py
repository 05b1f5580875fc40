"""The script: the answers in script.toml, which of them is taken, where it is cut, and its log probabilities.

A language model samples token by token. Here the candidates are whole answers, ranked; the same arithmetic is applied
to them, so that every parameter shows its effect and the same request always gets the same answer. The log
probabilities are made up, but well formed and always the same.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.files import NOTEBOOKS
from mistral_on_azure.catalog.sidecar import scripted_answers
from mistral_on_azure.endpoint.models.bounded_cache import BoundedCache
from mistral_on_azure.endpoint.models.tokens import Tokens, processor, size_of, tokenize


@cache
def table() -> dict[str, Any]:
    """All of script.toml."""
    return tomllib.loads(Path(__file__).with_name("script.toml").read_text(encoding="utf-8"))


@cache
def script() -> dict[tuple[str | None, str], tuple[str, ...]]:
    """The scripted answers by (system prompt or None, prompt): the script's own, and those of the recipes."""
    own = {(row.get("system"), row["prompt"]): tuple(row["answers"]) for row in table()["exchange"]}
    recipes = {(each.system, each.prompt): each.answers for each in scripted_answers(NOTEBOOKS)}
    return {**recipes, **own}


@cache
def unknown_prompt() -> tuple[str, ...]:
    """What is said to a prompt the script does not know."""
    return (table()["unknown_prompt"],)


def candidates(system: str | None, prompt: str) -> tuple[str, ...]:
    """The ranked answers to a prompt, the honest notice if there is none.

    An instruction on a line of its own above a known prompt is read as its system message: that is how a program
    instructs a model whose template has no system role.
    """
    lines, prompt = script(), prompt.strip()
    found = lines.get((system, prompt)) or lines.get((None, prompt))
    if found is None and "\n" in prompt:
        instruction, _, question = prompt.partition("\n")
        found = lines.get((instruction, question.strip())) or lines.get((None, question.strip()))
    return found or unknown_prompt()


_RANK_STEP = 0.6  # how much less likely each further candidate is, as a difference of logits
_ADJUSTING = {"frequency_penalty", "presence_penalty", "logit_bias"}
_REPEAT_WEIGHT = 5.0  # how strongly a penalty of 1 weighs on an answer that is nothing but repetition


def pick(ranked: Sequence[str], prompt: str, parameters: dict[str, Any], index: int) -> int:
    """Sample one of the ranked answers.

    Args:
        ranked: the answers, the likeliest first.
        prompt: what they answer.
        parameters: the request's validated parameters.
        index: which of `n` choices this is.

    Returns:
        its place among them.
    """
    temperature = parameters.get("temperature") or 0.0
    if temperature == 0.0 and _ADJUSTING.isdisjoint(parameters):
        return 0
    logits = [-_RANK_STEP * rank + _adjustment(text, parameters) for rank, text in enumerate(ranked)]
    if temperature == 0.0:
        return max(range(len(ranked)), key=logits.__getitem__)
    nucleus = _nucleus(logits, temperature, parameters.get("top_p") or 1.0)
    draw = _uniform(prompt, parameters.get("seed") or 0, index) * sum(weight for _, weight in nucleus)
    for rank, weight in nucleus:
        draw -= weight
        if draw < 0:
            return rank
    return nucleus[-1][0]


def _adjustment(text: str, parameters: dict[str, Any]) -> float:
    """What the penalties and the logit bias add to an answer's logit."""
    frequency, presence = parameters.get("frequency_penalty") or 0.0, parameters.get("presence_penalty") or 0.0
    bias = parameters.get("logit_bias") or {}
    if not (frequency or presence or bias):
        return 0.0
    seen = Counter(tokenize(text).ids)
    repeats = sum(seen.values()) - len(seen)
    repeated = sum(1 for times in seen.values() if times > 1)
    penalty = frequency * repeats / seen.total() + presence * repeated / len(seen)
    return sum(bias.get(str(token), 0.0) for token in seen) - _REPEAT_WEIGHT * penalty


def _nucleus(logits: Sequence[float], temperature: float, top_p: float) -> list[tuple[int, float]]:
    """The smallest set of most likely answers whose probabilities reach top_p, with their weights."""
    highest = max(logits)
    weights = sorted(((math.exp((x - highest) / temperature), -i) for i, x in enumerate(logits)), reverse=True)
    total, reached, kept = sum(weight for weight, _ in weights), 0.0, []
    for weight, minus_rank in weights:
        kept.append((-minus_rank, weight))
        reached += weight / total
        if reached >= top_p:
            break
    return kept


def _uniform(prompt: str, seed: int, index: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.blake2b(f"{seed}|{index}|{prompt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool. The arguments are JSON, as a string."""

    id: str
    name: str
    arguments: str

    @property
    def member(self) -> dict[str, Any]:
        """The call as it is sent, a member of `tool_calls`."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(slots=True, eq=False)
class Completion:
    """One answer, finished: its text, the tokens it took, why it ended, and the tools it calls instead of text.

    An answer that nothing cuts short is the same object each time: read it, never change it.

    Attributes:
        choice: the first choice with this answer as it is written, once it was; `completions` keeps it here.
    """

    text: str
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    finish_reason: str
    calls: tuple[Call, ...] = ()
    choice: bytes = b""


def complete(system: str | None, prompt: str, parameters: dict[str, Any], index: int = 0) -> Completion:
    """Answer a prompt.

    Args:
        system: the system message, if there was one.
        prompt: the last user message.
        parameters: the request's validated parameters.
        index: which of `n` choices this is.
    """
    return cut(chosen(system, prompt, parameters, index), parameters.get("max_tokens"), parameters.get("stop"))


def chosen(system: str | None, prompt: str, parameters: dict[str, Any], index: int = 0) -> str:
    """The whole text of the answer that is taken; `complete` describes the arguments."""
    ranked = candidates(system, prompt)
    return ranked[pick(ranked, prompt, parameters, index)] if len(ranked) > 1 else ranked[0]


def cut(text: str, max_tokens: int | None, stop: str | Sequence[str] | None, tokenizer: str = "v3") -> Completion:
    """End an answer where the service would: at the first stop sequence or at max_tokens, whichever comes first.

    The tokens that spelled the stop sequence were generated, so they count; their text is not part of the answer.
    """
    whole = _whole(text, tokenizer)
    if not stop and (max_tokens is None or max_tokens > len(whole.ids)):
        return whole
    tokens = tokenize(text, tokenizer)
    length, end, reason = len(tokens.ids), len(text), "stop"
    stops = [stop] if isinstance(stop, str) else stop or ()
    found = [(text.find(word) + len(word), text.find(word)) for word in stops if word and word in text]
    if found:
        complete_at, end = min(found)
        length = next(i for i, size in enumerate(accumulate(map(len, tokens.pieces)), 1) if size >= complete_at)
    if max_tokens is not None and max_tokens <= length and not (found and max_tokens == length):
        length, reason = max_tokens, "length"
        end = min(end, sum(map(len, tokens.pieces[:length])))
    return _shorten(text, tokens, length, end, reason)


_wholes: BoundedCache[tuple[str, str], Completion] = BoundedCache(8_000_000)


def _whole(text: str, tokenizer: str) -> Completion:
    """An answer that nothing cuts short."""
    known = _wholes.get((text, tokenizer))
    if known is None:
        tokens = tokenize(text, tokenizer)
        known = Completion(text, tokens.ids, tokens.pieces, "stop")
        written = 6 * len(text)  # at most, once it is encoded
        _wholes.keep((text, tokenizer), known, size_of(text, len(tokens.ids)) + written)
    return known


def _shorten(text: str, tokens: Tokens, length: int, end: int, reason: str) -> Completion:
    """Keep `length` tokens and `end` characters of an answer."""
    if end == len(text):
        return Completion(text, tokens.ids, tokens.pieces, reason)
    pieces, room = [], end
    for piece in tokens.pieces[:length]:
        pieces.append(piece[:room])
        room = max(0, room - len(piece))
    return Completion(text[:end], tokens.ids[:length], tuple(pieces), reason)


_FIRST_WORD = 771  # below this the vocabulary holds control tokens and bare bytes
_WORDS = 20_000  # alternatives come from the most frequent words


def logprobs(completion: Completion, top: int) -> dict[str, Any]:
    """The `logprobs` member of a choice.

    Args:
        completion: the answer whose tokens are described.
        top: how many alternatives each token lists, the chosen one among them; 0 lists none.
    """
    tokens = zip(completion.ids, completion.pieces, strict=True)
    return {"content": [_entry(place, token, piece, top) for place, (token, piece) in enumerate(tokens)]}


def _entry(place: int, token: int, piece: str, top: int) -> dict[str, Any]:
    chosen, others = _distribution(place, token, max(0, top - 1))
    entry = _token(piece, chosen)
    listed = [entry, *(_token(text, probability) for text, probability in others)][:top]
    return {**entry, "top_logprobs": sorted(listed, key=lambda item: -item["logprob"])}


def _token(text: str, probability: float) -> dict[str, Any]:
    return {"token": text, "logprob": round(math.log(probability), 6), "bytes": list(text.encode())}


@lru_cache(maxsize=4096)
def _distribution(place: int, token: int, others: int) -> tuple[float, tuple[tuple[str, float], ...]]:
    digest = hashlib.blake2b(f"{place}|{token}".encode(), digest_size=32).digest()
    chosen = 0.35 + 0.6 * digest[0] / 255
    left, alternatives, seen = 0.98 - chosen, [], {token}
    for rank in range(others):
        other = _FIRST_WORD + int.from_bytes(digest[1 + rank % 15 : 4 + rank % 15]) * (rank + 1) % _WORDS
        while other in seen:
            other += 1
        seen.add(other)
        left /= 2
        alternatives.append((processor().id_to_piece(other).replace("▁", " "), max(left, 1e-9)))
    return chosen, tuple(alternatives)
