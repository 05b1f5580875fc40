"""The files of the script: the endpoint's own, those of the recipes, and the user's, whose changes are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from mistral_on_azure.azure.files import NOTEBOOKS
from mistral_on_azure.catalog.script_format import Exchange, ScriptFile, read_toml, text_of
from mistral_on_azure.catalog.sidecar import read_sidecar, scripts
from mistral_on_azure.endpoint.models.script_entries import Entry, Source, WrongEntry, entry_of
from mistral_on_azure.endpoint.models.script_layers import Answers, Layer
from mistral_on_azure.errors import CookbookError

OWN = Path(__file__).with_name("script.toml")


@cache
def own() -> ScriptFile:
    """The endpoint's own script: script.toml."""
    return read_toml(OWN, ScriptFile)


@cache
def own_layer() -> Layer:
    """The entries of script.toml."""
    return Layer(entries_of(OWN, own().exchange), instructed=True)


@cache
def recipes_layer(elsewhere: tuple[Path, ...] = ()) -> Layer:
    """The entries of the recipes' TOML files. They are read with the first prompt that is not in script.toml.

    Args:
        elsewhere: the TOML files of recipes outside the cookbook, which go before the cookbook's.
    """
    read = [(file, read_sidecar(file).exchange) for file in (*elsewhere, *scripts(NOTEBOOKS))]
    return Layer([entry for file, exchanges in read for entry in entries_of(file, exchanges)], instructed=True)


def entries_of(file: Path, exchanges: Sequence[Exchange]) -> list[Entry]:
    """Make the entries of a file's exchanges.

    Raises:
        CookbookError: for a wrong exchange, with the file, the line and the key.
    """
    source = Source(str(file), text_of(file) if exchanges else "")
    try:
        return [entry_of(exchange, source, place) for place, exchange in enumerate(exchanges)]
    except WrongEntry as error:
        raise CookbookError(str(error)) from None


class ScriptFiles:
    """The user's script files, and the endpoint's own script after them. Changed files are read again.

    Args:
        files: the user's files. Together they are one script; of equal matches, that of the earlier file is taken.
        strict: the default of sessions: refuse prompts that neither the session nor the user's files have.
        tell: called with a line when files were read again, or are broken.
        recipes: the TOML files of recipes outside the cookbook.

    Raises:
        CookbookError: for a file that is missing or broken.
    """

    def __init__(
        self,
        files: Sequence[Path] = (),
        strict: bool = False,
        tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
        recipes: Sequence[Path] = (),
    ) -> None:
        self.files, self.strict, self._tell = tuple(files), strict, tell
        self._recipes_layer = partial(recipes_layer, tuple(recipes))
        self._marks = self._look()
        self._strict, self._said = self._read()
        self._open: Answers | None = None

    def answers(self, strict: bool | None) -> Answers:
        """The layers of the script, after files that have changed were read again.

        Args:
            strict: whether to leave out the endpoint's own script; None is the endpoint's default.
        """
        if self.files:
            self._reread()
        if self.strict if strict is None else strict:
            return self._strict
        if self._open is None:  # made here, as a strict endpoint never needs the endpoint's own script
            layers = (*self._strict.layers, own_layer())
            self._open = Answers(layers, self._said, self._strict.filtered, self._recipes_layer)
        return self._open

    def _reread(self) -> None:
        marks = self._look()
        if marks == self._marks:
            return
        self._marks = marks
        try:
            self._strict, self._said = self._read()
        except (CookbookError, OSError, ValueError) as error:  # ValueError for a file that is being written
            self._tell(f"{error} The answers from before stay.")
        else:
            self._open = None
            self._tell("The script was read again.")

    def _look(self) -> list[tuple[int, int] | None]:
        """The time of the last change and the size of each file. Called for each request, it takes microseconds."""
        marks: list[tuple[int, int] | None] = []
        for file in self.files:
            try:
                found = file.stat()
            except OSError:
                marks.append(None)
            else:
                marks.append((found.st_mtime_ns, found.st_size))
        return marks

    def _read(self) -> tuple[Answers, str]:
        """Read the user's files.

        Returns:
            Their layer, and the answer to a prompt that no file has.
        """
        try:
            read = [read_toml(file, ScriptFile) for file in self.files]
        except FileNotFoundError as error:
            raise CookbookError(f"There is no file {error.filename}.") from None
        layer = Layer(
            [entry for file, each in zip(self.files, read, strict=True) for entry in entries_of(file, each.exchange)]
        )
        filtered = tuple(text for each in (*read, own()) for text in each.content_filter.prompts)
        said = next((each.unknown_prompt for each in (*read, own()) if each.unknown_prompt is not None), "")
        alone = (layer,) if self.files else ()
        return Answers(alone, None, filtered), said
