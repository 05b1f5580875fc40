"""The requests that are sent: bytes made before the clock starts, the same for every server."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import count, cycle
from pydoc_data.topics import topics

PATH = "/v1/chat/completions"
MODEL = "mistralai-Mixtral-8x7B-Instruct-v01"
PROMPT = "How many languages are in the world?"
ANSWER = (  # what Microsoft documents for this prompt: 72 tokens; every server is told to say it
    "As of now, it's estimated that there are about 7,000 languages spoken around the world. However, this number can "
    "vary as some languages become extinct and new ones develop. It's also important to note that the number of "
    "speakers can greatly vary between languages, with some having millions of speakers and others only a few hundred."
)
TOKENS = 72
_TEMPLATES, _SHORTEST, _LONGEST = 1024, 10, 30  # different texts, and how many words each has


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
    """A supply of requests of which no two are alike: prose from Python's manual, and a number that only grows."""
    choose, hole, words = random.Random(7), "#########", " ".join(topics.values()).split()
    templates = []
    for _ in range(_TEMPLATES):
        start, length = choose.randrange(len(words) - _LONGEST), choose.randint(_SHORTEST, _LONGEST)
        system = f"{hole} {' '.join(words[start : start + length])}"
        templates.append(request(body(system), key).split(hole.encode(), 1))
    numbers, texts = count(random.SystemRandom().randrange(10**8)), cycle(templates)

    def following() -> bytes:
        before, after = next(texts)
        return b"%b%09d%b" % (before, next(numbers), after)

    return following
