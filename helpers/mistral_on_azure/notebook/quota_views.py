"""A picture of how much of a quota each way of asking uses, from the measurements that `make bench-quota` keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mistral_on_azure.notebook.figures import ShownFigure, colours, show_figure
from mistral_on_azure.notebook.kept import kept

_NAMES = {  # how the picture calls the contenders, in its order
    "naive": "a loop that obeys Retry-After",
    "requests": "requests, no retries",
    "langchain": "LangChain, its own retries",
    "mistralai": "mistralai, its own retries",
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


@dataclass(frozen=True)
class QuotaUse:
    """What each way of asking used of a quota, what was refused, and how long a question took.

    Attributes:
        date: of the measurement.
        minutes: how long each asked.
        results: by contender, as `quota.json` has them; seconds are wall time.
    """

    date: str
    minutes: float
    results: Mapping[str, Mapping[str, Any]]

    def label(self, name: str) -> str:
        """How the picture calls a contender."""
        return _NAMES[name]

    @property
    def _rows(self) -> list[tuple[str, Mapping[str, Any]]]:
        return [(name, self.results[name]) for name in _NAMES if name in self.results]

    def __repr__(self) -> str:
        width = max(len(_NAMES[name]) for name, _ in self._rows)
        lines = [f"{'':{width}}  of the quota  refused  unanswered  seconds, median and 95 of 100"]
        lines += [
            f"{_NAMES[name]:{width}}  {row['used']:>12.3f}  {row['refused']:>7,}  {row['failed']:>10,}"
            f"  {row['median']:>8.1f}  {row['p95']:>8.1f}"
            for name, row in self._rows
        ]
        return "\n".join(lines)

    @property
    def alt(self) -> str:
        """The picture in words."""
        said = "; ".join(
            f"{_NAMES[name]}: {row['used']:.3f} of the quota, {row['refused']:,} refused, "
            f"95 of 100 answers within {row['p95']:.1f}"
            for name, row in self._rows
        )
        return f"Measured on {self.date} for {self.minutes:g} minutes each. {said} (in seconds)."

    def _repr_html_(self) -> str:
        return self.picture()._repr_html_()

    def picture(self) -> ShownFigure:
        """Three columns of bars: of the quota, refused, and the time a question takes."""
        from matplotlib.figure import Figure

        rows = self._rows
        figure = Figure(figsize=(8.6, 0.34 * len(rows) + 1.0), layout="constrained")
        used, refused, waits = figure.subplots(1, 3, sharey=True, width_ratios=(3, 2.4, 2.4))
        places = range(len(rows))
        fill = [colours.strong if name.startswith("ledger") else colours.pale for name, _ in rows]
        used.barh(places, [row["used"] for _, row in rows], color=fill, edgecolor=colours.strong)
        refused.barh(
            places, [row["refused"] for _, row in rows], color=colours.sand, edgecolor=colours.ink, hatch="///"
        )
        waits.barh(places, [row["p95"] for _, row in rows], color=fill, edgecolor=colours.strong)
        for place, (_, row) in enumerate(rows):
            _write(used, row["used"], place, f"{row['used']:.3f}")
            _write(refused, row["refused"], place, f"{row['refused']:,}")
            _write(waits, row["p95"], place, f"{row['p95']:.1f}")
        used.set(yticks=places, yticklabels=[_NAMES[name] for name, _ in rows], title="tokens, of the quota")
        refused.set(title="requests refused")
        waits.set(title="seconds, 95 of 100")
        used.set_ylim(len(rows) - 0.4, -0.6)
        for axes in (used, refused, waits):
            axes.set_xlim(0, axes.get_xlim()[1] * 1.3)
            axes.set_xticks([])
            axes.tick_params(length=0, labelsize=9, labelcolor=colours.ink)
            axes.spines[["top", "right", "bottom"]].set_visible(False)
            axes.title.set(size=9.5, color=colours.ink)
        return show_figure(figure, self.alt)


def _write(axes: Any, length: float, place: int, text: str) -> None:
    axes.annotate(text, (length, place), (3, 0), textcoords="offset points", va="center", size=8.5, color=colours.ink)


def plot_quota_use() -> QuotaUse:
    """Plot what each way of asking used of a quota of full size, in real time, as it was measured and kept."""
    measured = kept("quota")
    return QuotaUse(measured["date"], measured["minutes"], measured["results"])
