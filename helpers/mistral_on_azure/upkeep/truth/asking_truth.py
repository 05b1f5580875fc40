"""`make truth`: sends the questions to the real server and engine, or compares two files of their answers."""

from __future__ import annotations

import argparse
import http.client
import json
import re
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from mistral_on_azure.azure.files import ROOT
from mistral_on_azure.upkeep.truth import kept_answers, published_container, tiny_engine, truth_questions
from mistral_on_azure.upkeep.truth.tiny_engine import Child, Home, say

HERE = Path(__file__).resolve().parent
QUESTIONS, ANSWERS = HERE / "questions.jsonl", HERE / "answers.jsonl"

MODEL = "mistralai/Mixtral-8x22B-Instruct-v0.1"
ENGINE_MODULES = {
    # The engine that Microsoft's package starts is vLLM's server with one route more, which /score needs.
    "vllm": "llm.optimized.inference.vllm_api_server",
    "vllm-tools": "vllm.entrypoints.openai.api_server",
}
PROVIDERS = {"fmi": "mistral", "fmi-noprov": "", "fmi-safety": "mistral"}


def main(argv: list[str] | None = None) -> int:
    """Run the command line, and return the exit status."""
    # SIGTERM must end this process as an error does, so that the children are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = _parser().parse_args(argv)
    if arguments.compare:
        least = kept_answers.compare(*arguments.compare, show=arguments.show)
        return 0 if least >= arguments.at_least else 1
    home = Home(arguments.home.expanduser().resolve())
    tiny_engine.make_environment(home, arguments.python)
    if arguments.environment_only:
        return 0
    part = arguments.only or arguments.layers
    target = arguments.answers or (home.folder / "answers.jsonl" if part else ANSWERS)
    asked = [q for q in truth_questions.read_questions(arguments.questions) if re.search(arguments.only, q.id)]
    rows = _ask_all(home, asked, arguments.times, arguments.layers)
    about = {
        "asked": datetime.now(UTC).strftime("%Y-%m-%d"),
        "times": arguments.times,
        "context": tiny_engine.CONTEXT,
        "versions": tiny_engine.versions(home),
    }
    kept_answers.write_answers(target, rows, about)
    say(f"wrote {len(rows)} answers to {len(asked)} questions to {target}")
    return 0


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


def _ask_all(
    home: Home, asked: list[truth_questions.Question], times: int, only: list[str] | None
) -> list[kept_answers.Row]:
    """Start the layers that the questions need, ask each one, and stop them, also after an error."""
    wanted = {layer for question in asked for layer in question.layers}
    wanted &= set(only) if only else wanted
    children: list[Child] = []
    rows: list[kept_answers.Row] = []
    try:
        if wanted - {"vllm-tools"}:
            rows += _ask_stack(home, asked, times, wanted - {"vllm-tools"}, children)
            _stop(children)
        if "vllm-tools" in wanted:
            model = tiny_engine.make_model(home, tools=True)
            module = ENGINE_MODULES["vllm-tools"]
            children.append(tiny_engine.start_engine(home, model, module=module, name="vllm-tools", tools=True))
            rows += _ask_layer(home, children[-1], asked, times, (str(model),))
    finally:
        _stop(children)
    return rows


def _ask_stack(
    home: Home, asked: list[truth_questions.Question], times: int, wanted: set[str], children: list[Child]
) -> list[kept_answers.Row]:
    """Start one engine with the template without tools, ask it, and ask each wanted container in front of it."""
    model = tiny_engine.make_model(home)
    places = {
        layer: published_container.lay_out(home, model, layer, published_container.metadata_of(MODEL, PROVIDERS[layer]))
        for layer in sorted(wanted & PROVIDERS.keys())
    }
    served = [str(inner) for _, inner in places.values()] or [str(model)]
    server = tiny_engine.start_engine(
        home, Path(served[0]), module=ENGINE_MODULES["vllm"], name="vllm", served=tuple(served)
    )
    children.append(server)
    rows: list[kept_answers.Row] = []
    if "vllm" in wanted:
        rows += _ask_layer(home, server, asked, times, tuple(served))
    for layer, (folder, _) in places.items():
        safety = layer == "fmi-safety"
        child = published_container.start_container(home, folder, server.port, name=layer, safety=safety)
        children.append(child)
        rows += _ask_layer(home, child, asked, times, tuple(served))
        children.remove(child)
        child.stop()
    return rows


def _ask_layer(
    home: Home, child: Child, asked: list[truth_questions.Question], times: int, paths: tuple[str, ...]
) -> list[kept_answers.Row]:
    """Ask one layer all questions that name it, with a line of progress every hundred.

    The complete replies are written to the home folder, for people to read; they contain this machine's paths.
    """
    layer = child.name
    mine = [question for question in asked if layer in question.layers]
    rows = []
    with home.log(f"{layer}-replies").open("w", encoding="utf-8") as whole:
        for number, question in enumerate(mine, start=1):
            replies = [_reply(question, child) for _ in range(times)]
            row = kept_answers.merged([kept_answers.kept(reply, paths) for reply in replies])
            rows.append({"id": question.id, "layer": layer, **row})
            first = replies[0]
            text = first.body.decode("utf-8", "replace")
            line = {"id": question.id, "status": first.status, "headers": first.headers, "body": text}
            whole.write(json.dumps(line) + "\n")
            if number % 100 == 0 or number == len(mine):
                say(f"{layer}: asked {number} of {len(mine)}")
    return rows


def _reply(question: truth_questions.Question, child: Child) -> truth_questions.Reply:
    """The reply to a question; with status 0 where none comes in time, so that one question does not end the run."""
    try:
        return truth_questions.ask(question, child.port)
    except (OSError, http.client.HTTPException) as error:
        say(f"{child.name}: no answer to {question.id}: {error!r}")
        if child.process.poll() is not None:
            raise RuntimeError(f"{child.name} has ended; see {child.log}") from error
        return truth_questions.Reply(0, {}, type(error).__name__.encode())


def _stop(children: list[Child]) -> None:
    """Stop the children, the last one first, and forget them."""
    while children:
        children.pop().stop()


if __name__ == "__main__":
    sys.exit(main())
