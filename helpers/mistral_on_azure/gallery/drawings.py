"""The pictures of the site's pages and of its notebooks, each for the light and for the dark theme."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from html import unescape
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.deployments import default_name, imitated_paces
from mistral_on_azure.azure.http import object_of
from mistral_on_azure.catalog.notebooks import Notebook
from mistral_on_azure.gallery.runs import Run
from mistral_on_azure.notebook.figures import THEMES, Drawing, svg_in
from mistral_on_azure.notebook.kept_measurements import kept
from mistral_on_azure.notebook.round_views import Rounds, steps
from mistral_on_azure.notebook.service_views import plot_base_urls, plot_layers
from mistral_on_azure.notebook.streams import IMITATED, Arrivals
from mistral_on_azure.notebook.token_probabilities import plot_sampling
from mistral_on_azure.snippets.starter import KEY

STREAM, PARAMETERS, TOOLS = "Stream the answer", "Shape the answer with parameters", "Call tools"
ERRORS = "Handle errors and retries"
_SHOWN = re.compile(r'<img (alt="[^"]*" width="\d+" style="[^"]*") src="data:image/png;base64,([^"]+)">')
_TEMPERATURES, _TOP_P = (0.5, 1.0, 1.5), 0.5
_SHARED = "../notebooks/start-here.ipynb#See-what-all-clients-share"
_PATHS, _REFUSED = (
    f"../notebooks/your-endpoint.ipynb#{section}"
    for section in ("Choose-the-base-URL", "Know-what-managed-compute-refuses")
)
_BELOW = {  # a picture: what it shows, and which guide has more
    KEY: f"From your address to the base URL. Your own endpoint [tries each path]({_PATHS}).",
    STREAM: f"The same answer, whole and as a stream. Start here [measures it]({_SHARED}).",
    PARAMETERS: f"What `temperature` and `top_p` make of the next token. Start here [explains it]({_SHARED}).",
    TOOLS: f"What the OpenAI SDK's program sends and gets, in two rounds. Start here [explains them]({_SHARED}).",
    ERRORS: f"What each layer of managed compute refuses. Your own endpoint [says what to change]({_REFUSED}).",
}


def draw(drawing: Drawing, name: str, folder: Path) -> dict[str, str]:
    """Write a picture as NAME-light.svg and NAME-dark.svg into a folder, and return its name and alternative text."""
    folder.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        (folder / f"{name}-{theme}.svg").write_bytes(drawing.svg(theme))
    return {"name": name, "alt": drawing.alt}


def in_both_themes(notebook: str) -> str:
    """The JSON of a notebook, with each picture replaced by the SVG that it contains, once for each theme."""
    file = json.loads(notebook)
    for cell in file["cells"]:
        for output in cell.get("outputs", []):
            if html := "".join(output.get("data", {}).get("text/html", "")):
                output["data"]["text/html"] = _SHOWN.sub(_of_each_theme, html)
    return json.dumps(file, ensure_ascii=False)


def _of_each_theme(found: re.Match[str]) -> str:
    about, png = found[1], b64decode(found[2])
    drawn = {theme: svg for theme in THEMES if (svg := svg_in(png, theme))}
    return (
        "".join(
            f'<img class="only-{theme}" {about} src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}">'
            for theme, svg in drawn.items()
        )
        or found[0]
    )


def first_pictures(recipes: Iterable[Notebook], folder: Path) -> dict[str, dict[str, str]]:
    """Write the first picture of each recipe that has one into a folder, for each theme.

    Returns:
        The pictures' names and alternative texts, by the recipes' ids.
    """
    found: dict[str, dict[str, str]] = {}
    for recipe in recipes:
        outputs = (output.get("data", {}).get("text/html", "") for cell in recipe.code for output in cell.outputs)
        if shown := _SHOWN.search("".join(map("".join, outputs))):
            alt = unescape(shown[1].partition('alt="')[2].partition('"')[0])
            found[recipe.id] = {"name": f"first-{recipe.path.stem}", "alt": " ".join(alt.split())}
            for theme in THEMES:
                svg = svg_in(b64decode(shown[2]), theme) or ""
                (folder / f"{found[recipe.id]['name']}-{theme}.svg").write_text(svg, encoding="utf-8")
    return found


def task_pictures(runs: Mapping[str, Run], folder: Path) -> dict[str, dict[str, str]]:
    """The pictures of tasks, by task: the picture's name, its alternative text and the line below it.

    Args:
        runs: the runs of one client's programs, by task. Its stream and its tool call are drawn.
        folder: where the pictures are written.
    """
    drawings = {
        KEY: ("base-urls", plot_base_urls()),
        STREAM: ("arrivals", _arrivals(runs[STREAM])),
        PARAMETERS: ("sampling", plot_sampling(kept("next token"), _TEMPERATURES, _TOP_P)),
        TOOLS: ("rounds", _rounds(runs[TOOLS])),
        ERRORS: ("layers", plot_layers()),
    }
    return {task: {**draw(drawing, name, folder), "below": _BELOW[task]} for task, (name, drawing) in drawings.items()}


def _arrivals(run: Run) -> Arrivals:
    """The chunks of a stream at the pace that the local endpoint imitates, so that the picture is always the same."""
    events = (object_of(line.removeprefix("data: ")) for line in run.exchanges[0]["answer"].splitlines())
    texts = [choice["delta"].get("content") for event in events for choice in event.get("choices") or []]
    pace = imitated_paces()[default_name()]
    times = [pace["first_token"] + place / pace["tokens_per_second"] for place in range(len([*filter(None, texts)]))]
    return Arrivals(times[-1], tuple(times), IMITATED)


def _rounds(run: Run) -> Rounds:
    """The requests and answers of a program that calls a tool."""
    answers: list[dict[str, Any]] = [json.loads(exchange["answer"]) for exchange in run.exchanges]
    messages = json.loads(run.exchanges[-1]["body"])["messages"] + [answers[-1]["choices"][0]["message"]]
    usages = [(each["usage"]["prompt_tokens"], each["usage"]["completion_tokens"]) for each in answers]
    return Rounds(tuple(steps(messages, usages)))
