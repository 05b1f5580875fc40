"""The requests that are sent: bytes made before the clock starts, the same for every server."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import count, cycle

PATH = "/v1/chat/completions"
MODEL = "mistralai-Mixtral-8x7B-Instruct-v01"
PROMPT = "How many languages are in the world?"
ANSWER = (  # what Microsoft documents for this prompt: 72 tokens; every server is told to say it
    "As of now, it's estimated that there are about 7,000 languages spoken around the world. However, this number can "
    "vary as some languages become extinct and new ones develop. It's also important to note that the number of "
    "speakers can greatly vary between languages, with some having millions of speakers and others only a few hundred."
)
TOKENS = 72
_TEMPLATES = 4096
_TEXT = (
    "answer in a short sentence and say where every number comes from because readers of this page want to check it; "
    "translators, teachers and linguists count languages differently, dialects are sometimes counted too, some people "
    "live far from each other, others moved to cities long ago; never guess: write that you do not know, name the year "
    "of the survey, keep the tone friendly, use plain words, avoid lists, prefer examples from Africa, Polynesia, New "
    "Guinea and the Americas, mention endangered languages when they matter, do not repeat the question"
)


def request(body: bytes, key: str, headers: str = "") -> bytes:
    """A chat completion as HTTP."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n{headers}"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def body(system: str | None = None, prompt: str = PROMPT, stream: bool = False) -> bytes:
    """The JSON of a chat completion."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    sent = {"model": MODEL, "messages": messages, "max_tokens": 256}
    return json.dumps({**sent, "stream": True} if stream else sent).encode()


def same(key: str, stream: bool = False, prompt: str = PROMPT, headers: str = "") -> Callable[[], bytes]:
    """A supply of one and the same request."""
    made = request(body(prompt=prompt, stream=stream), key, headers)
    return lambda: made


def different(key: str) -> Callable[[], bytes]:
    """A supply of requests of which no two are alike: 20 to 60 shuffled words and a number that only grows."""
    shuffle, hole = random.Random(7), "#########"
    templates, words = [], _TEXT.split()
    for _ in range(_TEMPLATES):
        system = " ".join(shuffle.choices(words, k=shuffle.randint(20, 60)))
        templates.append(request(body(f"Request {hole}: {system}."), key).split(hole.encode()))
    numbers, texts = count(random.SystemRandom().randrange(10**8)), cycle(templates)

    def following() -> bytes:
        before, after = next(texts)
        return b"%b%09d%b" % (before, next(numbers), after)

    return following
