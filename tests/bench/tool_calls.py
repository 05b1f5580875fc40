"""What a small real model does with tools: it is asked the recipe's questions, and its transcripts are kept beside it.

The recipe on tools plays back a script. Here the engine of `make engine` answers, with the recipe's loop and checks.
Tools are offered, or a call is required in each round, or the functions stand in the prompt. Run it with
`.venv/bin/python tests/bench/tool_calls.py`; on two busy cores it takes ten minutes.
"""

from __future__ import annotations

import datetime
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.addresses import CREDENTIAL, variables_of
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.deployments import SERVERLESS
from mistral_on_azure.catalog.notebooks import load
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.snippets.starter import composed

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
RECIPE = "recipes/call-tools-in-a-loop"
KEPT = NOTEBOOKS / "recipes" / "calls-measured.json"
MODEL = "mistralai-Mixtral-8x22B-Instruct-v0-1"  # the deployment's name, under which the engine answers
ROUNDS = 4
QUESTIONS = (
    "Which languages do people in Finland speak?",
    "Which languages do people in Belgium and in Luxembourg speak?",
    "How many of our customers in Finland can speak Swedish?",
    "How many of our customers in Switzerland can speak German?",
    "How many of our customers in Belgium can speak French?",
    "Which language do most of our customers in Luxembourg speak?",
    "How many customers speak Klingon?",
    "How many customers could our new colleague talk to?",
    "Good morning, dear colleague!",
)


def taught() -> dict[str, Any]:
    """What the program of the recipe's section on prompted tools defines."""
    names: dict[str, Any] = {}
    for section in ("Go round, and come to an end", "Go on where tools are refused"):
        code = composed(NOTEBOOKS, section, RECIPE)
        exec(compile(code, section, "exec", dont_inherit=True), names)
    return names


def main() -> None:
    """Ask all questions in all ways, print how each ended, and keep the transcripts."""
    question = load(NOTEBOOKS / f"{RECIPE}.ipynb").parameters["question"].default
    with start([key := new_key()], kind="serverless", deployment=MODEL, engine="embedded") as endpoint:
        os.environ |= {**variables_of(endpoint.url, SERVERLESS), CREDENTIAL: key}
        names = taught()
        client = names["client"] = names["client"].with_options(timeout=600)
        hello = [{"role": "user", "content": "Hello"}]
        model = client.chat.completions.create(model=MODEL, messages=hello, max_tokens=1).model
        ways = {
            "offered": names["openai_sdk"],
            "required": partial(names["openai_sdk"], tool_choice="required"),
            "prompted": partial(names["prompted"], client=client),
        }
        rows = []
        for text in (question, *QUESTIONS):
            for way, complete in ways.items():
                messages, usages, end = names["converse"](complete, text, ROUNDS)
                rows.append({"question": text, "way": way, "end": end, "rounds": len(usages), "messages": messages})
                print(f"{way:9} {end}, {len(usages)} rounds: {text}", flush=True)
    measured = {"model": model, "date": f"{datetime.date.today()}", "rounds": ROUNDS, "rows": rows}
    KEPT.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
