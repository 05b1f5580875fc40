"""The page about other people's clients, made from the results beside it and from how they were chosen."""

from __future__ import annotations

from typing import Any

from mistral_on_azure.upkeep.measurements import Results

NAME = "foreign"


def page(results: Results, choice: dict[str, Any]) -> str:
    """The page's Markdown.

    Args:
        results: what each client could do, by its name.
        choice: foreign.toml.
    """
    figures = choice["figures"]
    chosen = sorted(choice["client"], key=lambda row: row.get("downloads", {}).get("count", 0), reverse=True)
    rows = ["| Client | Downloads in 30 days | Versions | Works | Tried on |", "|---|---:|---|---:|---|"]
    for row in chosen:
        if (result := results.get(row["name"])) is None:
            continue
        tried = result["tried"]
        works = f"{sum(not error for error in tried.values())} of {len(tried)}"
        rows.append(f"| {row['name']} | {_used(row)} | {', '.join(result['packages'])} | {works} | {result['day']} |")
    parts = [
        "# Other people's clients on the local endpoint",
        "Made by `make foreign`; rebuilt from `foreign.json` by `make foreign ARGS=--render`.",
        "Each client is installed from its registry, unchanged, in an environment of its own, and asks the serverless "
        "kind for Mixtral-8x22B-Instruct, which calls tools. For LangChain these are the standard tests that it "
        "publishes for chat models (those that need images, audio or JSON mode are skipped by the suite itself); for "
        "the others, small programs in `tests/foreign/programs`.",
        f"The clients were chosen by their downloads in the 30 days before {figures['day']}, as `{figures['list']}` "
        f"(commit {figures['commit']}) gives them: those with {figures['kept_from']:,} or more. Beside the figure "
        "stands the package that was counted, if it is none of those tried, and why a client with fewer downloads is "
        "here. Which others came into question is said in `tests/foreign/foreign.toml`.",
        "\n".join(rows),
    ]
    failed = [(name, *pair) for name, result in results.items() for pair in result["tried"].items() if pair[1]]
    if failed:
        parts += ["## What is refused", "The errors are the endpoint's own words, and Mistral's rules."]
        lines = [f"| {name} | {tried} | {error.replace('|', chr(92) + '|')} |" for name, tried, error in failed]
        parts.append("\n".join(["| Client | Tried | Error |", "|---|---|---|", *lines]))
    return "\n\n".join(parts) + "\n"


def _used(row: dict[str, Any]) -> str:
    """The figure of a row, the package that it is of, and why the row is here without a figure of that size."""
    words = []
    if downloads := row.get("downloads"):
        installed = {package.split("=")[0].split("[")[0] for package in row["packages"]}
        other = "" if downloads["package"] in installed else f" ({downloads['package']})"
        words.append(f"{downloads['count']:,}{other}")
    if "kept" in row:
        words.append(row["kept"])
    return "; ".join(words)
