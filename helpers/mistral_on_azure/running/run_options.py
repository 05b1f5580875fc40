"""The options of `cookbook run`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.addresses import ENDPOINT
from mistral_on_azure.azure.deployments import SERVERLESS, kind_named
from mistral_on_azure.azure.files import NOTEBOOKS, is_checkout
from mistral_on_azure.catalog.selection import Selection
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.usage import Budget, Prices
from mistral_on_azure.running.pool import Limits

_USUAL = SERVERLESS.name  # the kind of the committed outputs
_ENGINES_TIME = 5  # the factor between the time limits for a real model and those for the script


@dataclass(frozen=True, slots=True)
class Options:
    """The options on the command line; `cookbook run --help` explains them.

    Attributes:
        root: the checkout, whose package and lock a result depends on.
        notebooks: the folder of the notebooks.
        reports: the folder of the reports and of the history.
        kind: the kind of deployment that the local endpoint imitates.
        engine: the real model behind the local endpoint: `embedded`, or an address; None for the script.
        direct: whether notebooks get the real address and key, so that calls are not counted.
    """

    root: Path
    notebooks: Path
    reports: Path
    selection: Selection = field(default_factory=Selection)
    deployments: Sequence[str] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    save: bool = False
    resume: bool = False
    dry_run: bool = False
    budget: Budget = field(default_factory=Budget)
    kind: str = _USUAL
    engine: str | None = None
    direct: bool = False
    record: Path | None = None
    replay: Path | None = None

    @property
    def between(self) -> bool:
        """Whether the run needs a proxy between the notebooks and the endpoint."""
        return self.budget.limited or self.record is not None

    def check(self) -> None:
        """Check that the options can be combined.

        Raises:
            CookbookError: one line on the option to leave out.
        """
        self.budget.check()
        if "endpoint" in self.parameters:
            raise CookbookError(f"Set {ENDPOINT} instead of the parameter endpoint: the runner has to know it, too.")
        if self.save and (self.parameters or self.deployments):
            raise CookbookError("--save keeps what the notebooks say with their own values: leave out -p and -d.")
        if self.save and self.notebooks == NOTEBOOKS and not is_checkout():
            raise CookbookError("--save is for notebooks of yours: name their folder with --notebooks.")
        if self.direct and (self.between or self.replay):
            raise CookbookError(
                "With --direct, calls are neither counted nor recorded: leave it out, or the budget and the recording."
            )
        if self.record and self.replay:
            raise CookbookError("Give --record or --replay, not both.")
        self._check_place(os.environ.get(ENDPOINT))
        if self.record and self.resume:
            raise CookbookError("A recording is of a whole run: leave out --resume.")

    def _check_place(self, real: str | None) -> None:
        """Refuse options that have no effect on this run's target.

        Raises:
            CookbookError: one line on the option to leave out.
        """
        if self.engine and (real or self.replay):
            what = "--replay" if self.replay else f"the endpoint in {ENDPOINT}"
            raise CookbookError(f"--engine is for the local endpoint, but {what} is to answer: leave out one of them.")
        kind_named(self.kind)
        if self.kind != _USUAL and (real or self.replay or self.save):
            what = "--replay" if self.replay else f"the endpoint in {ENDPOINT}" if real else "--save"
            why = "keeps answers of the kind serverless" if what == "--save" else "is to answer"
            raise CookbookError(f"--kind is for the local endpoint, but {what} {why}: leave out one of them.")
        if self.direct and not real:
            raise CookbookError(f"--direct is for an endpoint of yours: set {ENDPOINT}.")
        if self.save and (real or self.engine or self.replay):
            away = "--engine or --replay" if self.engine or self.replay else ENDPOINT
            raise CookbookError(f"--save keeps the answers of the local endpoint's own script: do without {away}.")


def from_command_line(root: Path, given: dict[str, Any]) -> Options:
    """The options, from the values of `cookbook run`'s parameters by name.

    Raises:
        CookbookError: for a parameter given twice, or one price without the other.
    """
    taken = ("deployments", "save", "resume", "dry_run", "kind", "engine", "direct", "record", "replay")
    names = [name for name, _ in given["parameters"]]
    for name, text in given["parameters"]:
        if not (name + text).isascii() and any("\ud800" <= each <= "\udfff" for each in name + text):
            raise CookbookError(f"The parameter {name!r} is not UTF-8.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise CookbookError(f"The parameter {twice[0]!r} is given twice.")
    return Options(
        root=root,
        notebooks=given["notebooks"].absolute(),
        reports=given["reports"].absolute(),
        selection=Selection(given["names"], given["clients"], given["tags"]),
        parameters=dict(given["parameters"]),
        limits=_limits(given),
        budget=Budget(given["max_tokens_total"], given["max_cost"], _prices(given)),
        **{name: given[name] for name in taken if name in given},
    )


def _limits(given: dict[str, Any]) -> Limits:
    usual, times = Limits(), _ENGINES_TIME if given["engine"] else 1
    return Limits(
        given["cell_timeout"] or usual.cell * times,
        given["notebook_timeout"] or usual.notebook * times,
        given["workers"] or usual.workers,
    )


def _prices(given: dict[str, Any]) -> Prices | None:
    """Both prices.

    Raises:
        CookbookError: for one without the other.
    """
    pair = given["price_in"], given["price_out"]
    if pair == (None, None):
        return None
    if None in pair:
        raise CookbookError("Give both --price-in and --price-out.")
    return Prices(*pair)
