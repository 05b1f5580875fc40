"""A picture of what the clients do by themselves about faults, from the measurements that `cookbook faults` keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mistral_on_azure.notebook.figures import ShownFigure, colours, show_figure
from mistral_on_azure.notebook.kept import kept

_ROWS = {  # the cases of the measurements that tell the clients apart, and how the picture calls them
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
_TOLD = 2.0  # seconds that the answers of "429 with Retry-After" tell
_FULL = {1: 0.0, 3: 0.24, 4: 0.36, 5: 0.48}  # how full of colour a cell is, by its tries; the text says it as well


@dataclass(frozen=True)
class ClientFaults:
    """Tries, waits and outcome by fault and client.

    Attributes:
        measured: by fault, then by client, as `clients_and_faults.json` has them.
        source: where and when that was, and with which versions.
        faults: rows of the picture.
        clients: columns of the picture.
    """

    measured: Mapping[str, Mapping[str, Mapping[str, Any]]]
    source: str
    faults: Sequence[str]
    clients: Sequence[str]

    def words(self, fault: str, client: str) -> tuple[str, str]:
        """The two lines of one cell: how often the client tries, and what then."""
        entry = self.measured[fault][client]
        tries = f"{entry['tries']} tries" if entry["tries"] > 1 else "1 try"
        if entry["raised"] is None and entry["kept"] != "all":
            return tries, "a part, no error"
        if entry["tries"] == 1:
            return tries, ""
        if fault == "429 with Retry-After" and all(low >= _TOLD for low, _ in entry["waits"]):
            return tries, f"{len(entry['waits'])} × {_TOLD:.0f} s, as told"
        middle = sum(low + high for low, high in entry["waits"]) / 2
        return tries, f"waits {round(2 * middle) / 2:g} s"  # to half a second: repeats differ by as much

    @cached_property
    def alt(self) -> str:
        """The table in words."""
        said = []
        for fault in self.faults:
            cells = (f"{client} {', '.join(filter(None, self.words(fault, client)))}" for client in self.clients)
            said.append(f"{_ROWS[fault]}: {'; '.join(cells)}")
        return f"What each client does by itself when a fault does not go away. {'. '.join(said)}. {self.source}"

    def __repr__(self) -> str:
        width = max(len(_ROWS[fault]) for fault in self.faults)
        lines = []
        for fault in self.faults:
            cells = (f"{client}: {', '.join(filter(None, self.words(fault, client)))}" for client in self.clients)
            lines.append(f"{_ROWS[fault]:<{width}}  {' · '.join(cells)}")
        return "\n".join([*lines, self.source])

    def _repr_html_(self) -> str:
        return self.picture()._repr_html_()

    def picture(self) -> ShownFigure:
        """The table as a picture."""
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle

        rows, columns = len(self.faults), len(self.clients)
        figure = Figure(figsize=(8.6, 0.4 * rows + 0.9))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-2.05, columns + 0.05), ylim=(rows + 0.55, -0.75))
        axes.axis("off")
        for column, client in enumerate(self.clients):
            axes.text(column + 0.5, -0.35, client, ha="center", va="center", size=9, weight="bold", color=colours.ink)
        for row, fault in enumerate(self.faults):
            axes.text(-0.08, row + 0.5, _ROWS[fault], ha="right", va="center", size=9, color=colours.ink)
            for column, client in enumerate(self.clients):
                first, second = self.words(fault, client)
                lost = second.startswith("a part")
                fill = colours.sand if lost else (colours.strong, _FULL[self.measured[fault][client]["tries"]])
                axes.add_patch(
                    Rectangle((column + 0.03, row + 0.05), 0.94, 0.9, fc=fill, ec=colours.strong, lw=2 if lost else 0.6)
                )
                text = f"{first}\n{second}" if second else first
                heavy = "bold" if lost else "normal"
                axes.text(
                    column + 0.5, row + 0.5, text, ha="center", va="center", size=7.5, weight=heavy, color=colours.ink
                )
        axes.text(columns, rows + 0.3, self.source, ha="right", va="center", size=7, color=colours.ink)
        return show_figure(figure, self.alt)


def plot_client_faults() -> ClientFaults:
    """Plot what each client does by itself about the faults that tell the clients apart.

    The measurements were made with one call for each fault, which lasted for every try, and each client's own
    defaults; a test repeats them.
    """
    found = kept("faults")
    measured, versions = found["measured"], ", ".join(f"{name} {each}" for name, each in found["versions"].items())
    source = f"Measured at the local endpoint, {found['date']}: {versions}."
    return ClientFaults(measured, source, tuple(_ROWS), tuple(measured["429"]))
