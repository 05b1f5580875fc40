"""Measurements and programs that the repository keeps for notebooks, and pictures of the measurements.

These commands measure: `make bench-batch`, `make bench-clients`, `make faults`, `make bench-quota`, `make next-token`,
`make scores`. A notebook cannot measure as much, so it shows the kept results and says that they are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mistral_on_azure.azure.files import NOTEBOOKS
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.catalog.notebooks import ENDING, load
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.notebook.figures import Colours, Drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UPKEEP = Path(__file__).resolve().parents[1] / "upkeep"
FILES = {
    "batch": _UPKEEP / "measurements" / "batch.json",
    "clients": _UPKEEP / "measurements" / "clients.json",
    "faults": _UPKEEP / "faults" / "clients_and_faults.json",
    "next token": _UPKEEP / "measurements" / "next_token.json",
    "quota": _UPKEEP / "measurements" / "quota.json",
    "scores": _UPKEEP / "measurements" / "scores.json",
    "written dates": _UPKEEP / "measurements" / "written_dates.json",
}
_FAULTS = {  # the measured cases in which the clients differ, with their names in the picture
    "429 with Retry-After": "429, told to wait 2 s",
    "429 with an empty body": "429, told nothing",
    "408 with an empty body": "408, too slow for the gateway",
    "503": "503, not available",
    "502": "502, bad gateway",
    "424 around 503": "424 around a 503",
    "slow answer": "client's timeout of 2 s",
    "reset before": "connection reset",
    "reset within (streamed)": "stream: connection reset",
    "truncated JSON (streamed)": "stream: JSON breaks off",
    "error event (streamed)": "stream: error event",
}
_RETRY_AFTER = 2.0  # seconds in the Retry-After header of "429 with Retry-After"
_MORE, _MOST = 0.12, 0.6  # the opacity that each further try adds to a cell's colour, and the highest one
_CONTENDERS = {  # the contenders' names in the picture, in its order
    "naive": "a loop that obeys Retry-After",
    "requests": "Requests, no retries",
    "langchain": "LangChain, its own retries",
    "mistralai": "MistralAI, its own retries",
    "litellm": "LiteLLM, its own retries",
    "azure-sdk": "Azure SDK, its own retries",
    "openai-sdk": "OpenAI SDK, its own retries",
    "router": "LiteLLM Router, told the quota",
    "aiolimiter-worst": "aiolimiter, prompt + max_tokens",
    "aiolimiter-mean": "aiolimiter, prompt + mean answer",
    "pyrate-limiter": "pyrate-limiter, prompt + mean",
    "throttled-py": "throttled-py, prompt + mean",
    "token-throttle": "token-throttle, with refunds",
    "ledger": "the ledger",
    "ledger-4": "the ledger, four processes",
}


def kept(name: str) -> dict[str, Any]:
    """The JSON that is kept under a name.

    Args:
        name: "batch" (start, speed and memory of a batch in one process, in two and on Ray), "clients" (the costs of
            each client), "faults" (how each client handles each fault), "quota" (how much of a quota each way to keep
            to it uses), "next token" (a small real model's probability of each token after a sentence), "scores" (its
            answers to the evaluation set) or "written dates" (the evaluation set itself).

    Raises:
        CookbookError: for any other name.
    """
    if name not in FILES:
        raise CookbookError(f"Nothing is kept as {name!r}. Choose one of: {', '.join(FILES)}.")
    return json.loads(FILES[name].read_text(encoding="utf-8"))


def recipe_programs(recipe: str) -> dict[str, str]:
    """The programs that a recipe writes with `%%writefile`, by their file names, for another recipe that uses them.

    Args:
        recipe: the name of its file, without the ending.

    Raises:
        CookbookError: when there is no such recipe.
    """
    return load(NOTEBOOKS / "recipes" / f"{recipe}{ENDING}").programs


@dataclass(frozen=True, repr=False)
class ClientFaults(Drawing):
    """Tries, waits and outcome by fault and client.

    Attributes:
        measured: the entries of `clients_and_faults.json`, by fault, then by client.
        source: where and when they were measured, and with which versions.
        faults: the rows of the picture.
        clients: the columns of the picture.
    """

    measured: Mapping[str, Mapping[str, Mapping[str, Any]]]
    source: str
    faults: Sequence[str]
    clients: Sequence[str]

    def words(self, fault: str, client: str) -> tuple[str, str]:
        """The two lines of one cell: how often the client tries, and how it waits or ends."""
        entry = self.measured[fault][client]
        tries = f"{entry['tries']} tries" if entry["tries"] > 1 else "1 try"
        if entry["raised"] is None and entry["kept"] != "all":
            return tries, "a part, no error"
        if entry["tries"] == 1:
            return tries, ""
        if fault == "429 with Retry-After" and all(low >= _RETRY_AFTER for low, _ in entry["waits"]):
            return tries, f"{len(entry['waits'])} × {_RETRY_AFTER:.0f} s, as told"
        middle = sum(low + high for low, high in entry["waits"]) / 2
        return tries, f"waits {round(2 * middle) / 2:g} s"  # rounded to half a second, by which repeats differ

    @property
    def alt(self) -> str:
        said = ". ".join(repr(self).splitlines())
        return f"What each client does by itself when a fault does not go away. {said}"

    @property
    def size(self) -> tuple[int, int]:
        return 860, 40 * len(self.faults) + 90

    def __repr__(self) -> str:
        width = max(len(_FAULTS[fault]) for fault in self.faults)
        lines = []
        for fault in self.faults:
            cells = (f"{_name(key)}: {', '.join(filter(None, self.words(fault, key)))}" for key in self.clients)
            lines.append(f"{_FAULTS[fault]:<{width}}  {' · '.join(cells)}")
        return "\n".join([*lines, self.source])

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw a row for each fault and a column for each client; the more tries, the darker a cell."""
        from matplotlib.patches import Rectangle

        rows, columns = len(self.faults), len(self.clients)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-2.05, columns + 0.05), ylim=(rows + 0.55, -0.75))
        axes.axis("off")
        for column, client in enumerate(self.clients):
            axes.text(column + 0.5, -0.35, _name(client), ha="center", va="center", size=9, weight="bold")
        for row, fault in enumerate(self.faults):
            axes.text(-0.08, row + 0.5, _FAULTS[fault], ha="right", va="center", size=9)
            for column, client in enumerate(self.clients):
                first, second = self.words(fault, client)
                lost = second.startswith("a part")
                opacity = min(_MORE * (self.measured[fault][client]["tries"] - 1), _MOST)
                fill = colours.sand if lost else (colours.strong, opacity)
                place, line = (column + 0.03, row + 0.05), 2 if lost else 0.6
                axes.add_patch(Rectangle(place, 0.94, 0.9, fc=fill, ec=colours.strong, lw=line))
                text, heavy = f"{first}\n{second}".rstrip(), "bold" if lost else "normal"
                axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", size=7.5, weight=heavy)
        axes.text(columns, rows + 0.3, self.source, ha="right", va="center", size=7)


def _name(client: str) -> str:
    """A client's name above its column, where that of tables and pages is too long for one."""
    return "Requests" if client == "webrequests" else clients()[client].name


def plot_client_faults() -> ClientFaults:
    """Plot how each client handles, with its own defaults, the faults in which the clients differ.

    Each measurement is one call, during which the fault lasted for every try; a test repeats them.
    """
    found = kept("faults")
    measured, versions = found["measured"], ", ".join(f"{name} {each}" for name, each in found["versions"].items())
    source = f"Measured at the local endpoint, {found['date']}: {versions}."
    return ClientFaults(measured, source, tuple(_FAULTS), tuple(measured["429"]))


@dataclass(frozen=True, repr=False)
class QuotaUse(Drawing):
    """How much of a quota each way of sending requests used, how many were refused, and how long a question took.

    Attributes:
        date: the day of the measurement.
        minutes: how long each way sent requests.
        results: the entries of `quota.json`, by contender; seconds are wall time.
    """

    date: str
    minutes: float
    results: Mapping[str, Mapping[str, Any]]

    def label(self, name: str) -> str:
        """A contender's name in the picture."""
        return _CONTENDERS[name]

    @property
    def _rows(self) -> list[tuple[str, Mapping[str, Any]]]:
        return [(label, self.results[name]) for name, label in _CONTENDERS.items() if name in self.results]

    def __repr__(self) -> str:
        width = max(len(label) for label, _ in self._rows)
        lines = [f"{'':{width}}  of the quota  refused  unanswered  seconds, median and 95 of 100"]
        lines += [
            f"{label:{width}}  {row['used']:>12.3f}  {row['refused']:>7,}  {row['failed']:>10,}"
            f"  {row['median']:>8.1f}  {row['p95']:>8.1f}"
            for label, row in self._rows
        ]
        return "\n".join(lines)

    @property
    def alt(self) -> str:
        said = "; ".join(
            f"{label}: {row['used']:.3f} of the quota, {row['refused']:,} refused, "
            f"95 of 100 answers within {row['p95']:.1f}"
            for label, row in self._rows
        )
        return f"Measured on {self.date} for {self.minutes:g} minutes each. {said} (in seconds)."

    @property
    def size(self) -> tuple[int, int]:
        return 860, 34 * len(self._rows) + 100

    def draw(self, figure: Figure, colours: Colours) -> None:
        """Draw three columns of bars: the share of the quota, the refused requests, and the seconds of a question."""
        figure.set_layout_engine("constrained")
        names, rows = zip(*self._rows, strict=True)
        fill = [colours.strong if name.startswith("the ledger") else colours.pale for name in names]
        told, lost = {"color": fill, "edgecolor": colours.strong}, {"color": colours.sand, "edgecolor": colours.ink}
        columns = (
            ("used", ".3f", told, "share of the quota used"),
            ("refused", ",", {**lost, "hatch": "///"}, "requests refused"),
            ("p95", ".1f", told, "95 of 100 answers took\nat most, in seconds"),
        )
        panels = figure.subplots(1, 3, sharey=True, width_ratios=(3, 2.4, 2.4))
        for axes, (key, written, style, title) in zip(panels, columns, strict=True):
            axes.barh(range(len(rows)), [row[key] for row in rows], **style)
            for place, row in enumerate(rows):
                text, beside = f"{row[key]:{written}}", (row[key], place)
                axes.annotate(text, beside, (3, 0), textcoords="offset points", va="center", size=8.5)
            axes.set_title(title, size=9.5)
            axes.set(xlim=(0, axes.get_xlim()[1] * 1.3), xticks=[], facecolor="none")
            axes.tick_params(length=0, labelsize=9)
            axes.spines[["top", "right", "bottom"]].set_visible(False)
        panels[0].set(yticks=range(len(rows)), yticklabels=names, ylim=(len(rows) - 0.4, -0.6))


def plot_quota_use() -> QuotaUse:
    """Plot the kept measurement of how much of a full-size quota each way of sending requests used, in real time."""
    measured = kept("quota")
    return QuotaUse(measured["date"], measured["minutes"], measured["results"])
