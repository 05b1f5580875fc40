"""`make truth`: sends the questions to the real server and engine, or compares two files of their answers."""

from __future__ import annotations

import argparse
import http.client
import json
import re
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from mistral_on_azure.azure.files import ROOT
from mistral_on_azure.upkeep.truth import published_container, tiny_engine
from mistral_on_azure.upkeep.truth.questions_and_answers import (
    Question,
    Reply,
    Row,
    ask,
    differences,
    kept,
    merged,
    read_questions,
    read_rows,
    write_answers,
)
from mistral_on_azure.upkeep.truth.tiny_engine import Child, Home, say

HERE = Path(__file__).resolve().parent
QUESTIONS, ANSWERS = HERE / "questions.jsonl", HERE / "answers.jsonl"

MODEL = "mistralai/Mixtral-8x22B-Instruct-v0.1"
PROVIDERS = {"fmi": "mistral", "fmi-noprov": "", "fmi-safety": "mistral"}


def main(argv: list[str] | None = None) -> int:
    """Run the command line, and return the exit status."""
    # SIGTERM must end this process as an error does, so that the children are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = _parser().parse_args(argv)
    if arguments.compare:
        least = compare(*arguments.compare, show=arguments.show)
        return 0 if least >= arguments.at_least else 1
    home = Home(arguments.home.expanduser().resolve())
    tiny_engine.make_environment(home, arguments.python)
    if arguments.environment_only:
        return 0
    part = arguments.only or arguments.layers
    target = arguments.answers or (home.folder / "answers.jsonl" if part else ANSWERS)
    asked = [q for q in read_questions(arguments.questions) if re.search(arguments.only, q.id)]
    rows = _ask_all(home, asked, arguments.times, arguments.layers)
    about = {
        "asked": datetime.now(UTC).strftime("%Y-%m-%d"),
        "times": arguments.times,
        "context": tiny_engine.CONTEXT,
        "versions": tiny_engine.versions(home),
    }
    write_answers(target, rows, about)
    say(f"wrote {len(rows)} answers to {len(asked)} questions to {target}")
    return 0


def compare(old: Path, new: Path, *, show: int = 20) -> float:
    """Print the share of rows that agree in two files, by layer, and the first rows that differ.

    Returns:
        The lowest percentage of a layer.
    """
    left, right = ({(row["id"], row["layer"]): row for row in read_rows(path)} for path in (old, new))
    common = [key for key in left if key in right]
    asked, agreed = Counter[str](), Counter[str]()
    shown = 0
    for key in common:
        asked[key[1]] += 1
        names = differences(left[key], right[key])
        agreed[key[1]] += not names
        if names and shown < show:
            shown += 1
            print(f"differs: {key[0]} [{key[1]}]: {', '.join(names)}")
            for label, row in (("old", left[key]), ("new", right[key])):
                print(f"  {label}: {_excerpt(row, names)}")
    for layer in sorted(asked):
        print(f"{layer}: {agreed[layer]} of {asked[layer]} rows agree ({100 * agreed[layer] / asked[layer]:.1f} %)")
    for label, rows, others in (("old", left, right), ("new", right, left)):
        if missing := len(rows.keys() - others.keys()):
            print(f"only in the {label} file: {missing} rows")
    return min((100 * agreed[layer] / asked[layer] for layer in asked), default=0.0)


def _excerpt(row: Row, names: list[str]) -> str:
    """The differing parts of a row, with its status."""
    parts = {name: row.get(name.partition(".")[0]) for name in names}
    return json.dumps({"status": row["status"], **parts}, ensure_ascii=False)[:600]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make truth", description=__doc__)
    home = ROOT / "build" / "truth"
    parser.add_argument("--home", type=Path, default=home, help="folder of the environment, the model and the logs")
    parser.add_argument("--python", help="the interpreter to make the environment with (3.11 or 3.12)")
    parser.add_argument("--environment-only", action="store_true", help="make the environment and ask nothing")
    parser.add_argument("--questions", type=Path, default=QUESTIONS, help="JSONL file of requests")
    answers = "JSONL file to write; beside it goes a small .about.json; else the kept one, or one in --home for a part"
    parser.add_argument("--answers", type=Path, help=answers)
    parser.add_argument("--only", default="", metavar="REGEX", help="ask only questions whose id matches")
    parser.add_argument("--times", type=int, default=2, help="how often to ask each; what differs is marked as varying")
    parser.add_argument("--layers", nargs="+", help="ask only these of the layers that the questions name")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="compare two files of answers")
    parser.add_argument("--at-least", type=float, default=98.0, help="percentage that every layer has to agree in")
    parser.add_argument("--show", type=int, default=20, help="how many differing rows to print")
    return parser


def _ask_all(home: Home, asked: list[Question], times: int, only: list[str] | None) -> list[Row]:
    """Start one engine, ask it, and ask each container that the questions need in front of it."""
    wanted = {layer for question in asked for layer in question.layers}
    wanted &= set(only) if only else wanted
    rows: list[Row] = []
    if not wanted:
        return rows
    model = tiny_engine.make_model(home)
    places = {
        layer: published_container.lay_out(home, model, layer, MODEL, PROVIDERS[layer])
        for layer in sorted(wanted & PROVIDERS.keys())
    }
    served = tuple(str(inner) for _, inner in places.values()) or (str(model),)
    with tiny_engine.start_engine(home, served) as engine:
        if "vllm" in wanted:
            rows += _ask_layer(home, engine, asked, times, served)
        for layer, (folder, _) in places.items():
            safety = layer == "fmi-safety"
            with published_container.start_container(home, folder, engine.port, name=layer, safety=safety) as child:
                rows += _ask_layer(home, child, asked, times, served)
    return rows


def _ask_layer(home: Home, child: Child, asked: list[Question], times: int, paths: tuple[str, ...]) -> list[Row]:
    """Ask one layer all questions that name it, with a line of progress every hundred.

    The complete replies are written to the home folder, for people to read; they contain this machine's paths.
    """
    layer = child.name
    mine = [question for question in asked if layer in question.layers]
    rows = []
    with home.log(f"{layer}-replies").open("w", encoding="utf-8") as whole:
        for number, question in enumerate(mine, start=1):
            replies = [_reply(question, child) for _ in range(times)]
            row = merged([kept(reply, paths) for reply in replies])
            rows.append({"id": question.id, "layer": layer, **row})
            first = replies[0]
            text = first.body.decode("utf-8", "replace")
            line = {"id": question.id, "status": first.status, "headers": first.headers, "body": text}
            whole.write(json.dumps(line) + "\n")
            if number % 100 == 0 or number == len(mine):
                say(f"{layer}: asked {number} of {len(mine)}")
    return rows


def _reply(question: Question, child: Child) -> Reply:
    """The reply to a question; with status 0 where none comes in time, so that one question does not end the run."""
    try:
        return ask(question, child.port)
    except (OSError, http.client.HTTPException) as error:
        say(f"{child.name}: no answer to {question.id}: {error!r}")
        if child.process.poll() is not None:
            raise RuntimeError(f"{child.name} has ended; see {child.log}") from error
        return Reply(0, {}, type(error).__name__.encode())


if __name__ == "__main__":
    sys.exit(main())
