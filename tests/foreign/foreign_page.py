"""The page about other people's clients, made from nothing but the results beside it."""

from __future__ import annotations

from mistral_on_azure.upkeep.measurements import Results

NAME = "foreign"


def page(results: Results) -> str:
    """The page's Markdown."""
    rows = ["| Client | Versions | Works | Tried on |", "|---|---|---:|---|"]
    for name, result in results.items():
        tried = result["tried"]
        works = f"{sum(not error for error in tried.values())} of {len(tried)}"
        rows.append(f"| {name} | {', '.join(result['packages'])} | {works} | {result['day']} |")
    parts = [
        "# Other people's clients on the local endpoint",
        "Made by `make foreign`; rebuilt from `foreign.json` by `make foreign ARGS=--render`.",
        "Each client is installed from its registry, unchanged, in an environment of its own, and asks the serverless "
        "kind for Mixtral-8x22B-Instruct, which calls tools. For LangChain these are the standard tests that it "
        "publishes for chat models (those that need images, audio or JSON mode are skipped by the suite itself); for "
        "the others, small programs in `tests/foreign/programs`.",
        "\n".join(rows),
    ]
    failed = [(name, *pair) for name, result in results.items() for pair in result["tried"].items() if pair[1]]
    if failed:
        parts += ["## What is refused", "The errors are the endpoint's own words, and Mistral's rules."]
        lines = [f"| {name} | {tried} | {error.replace('|', chr(92) + '|')} |" for name, tried, error in failed]
        parts.append("\n".join(["| Client | Tried | Error |", "|---|---|---|", *lines]))
    return "\n\n".join(parts) + "\n"
