"""The table of clients, `clients.toml`: what differs between the clients, apart from their notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from mistral_on_azure.catalog.toml_files import WrongValue, read_toml

FIRST = "openai-sdk"  # what a page shows until a reader chooses: the client for new code
_FILE = Path(__file__).with_name("clients.toml")
_IN_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Documentation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of API documentation."""

    title: str
    url: str


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The row of one client.

    Attributes:
        key: the id of its notebook.
        name: the name in tables and pages.
        package: its pip package.
        routes: where it sends chat completions, below the endpoint's address.
        appends: what it appends to its base URL to get there.
        reason: the end of a sentence that begins with "Take it when".
        call: `MODULE:FUNCTION` of its call for the table of faults; empty where it has none.
        imports: the pip package that each of its modules takes, by the module's dotted name.
        exception: the base class of its exceptions; empty where it has none of its own.
        shares_connections: whether its calls share connections, so that a reset for one breaks others.
    """

    key: str
    name: str
    package: str
    routes: tuple[str, ...]
    reason: str
    documentation: Documentation
    imports: dict[str, str]
    exception: str
    call: str = ""
    shares_connections: bool = False
    appends: str = "/chat/completions"

    @property
    def notebook(self) -> str:
        """The path of its notebook, below the folder of notebooks."""
        return f"{self.key}.ipynb"


class Packages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pip packages to install for imports.

    Attributes:
        imports: the pip package by the module's dotted name, the clients' own modules first.
        brought_by: for a package, the packages that depend on it; beside one of these it is not listed.
        extras: for a package, by the names that a program may assign: the requirement with an extra to install then.
    """

    imports: dict[str, str] = {}
    brought_by: dict[str, frozenset[str]] = {}
    extras: dict[str, dict[str, str]] = {}


class Table(Packages, frozen=True):
    """The content of clients.toml: the rows in order, and the packages of modules that several clients use."""

    client: tuple[Client, ...] = ()

    def __post_init__(self) -> None:
        keys = [row.key for row in self.client]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise WrongValue("it is the key of another client", "client", place, "key")


@cache
def _table() -> Table:
    return read_toml(_FILE, Table)


@cache
def clients() -> Mapping[str, Client]:
    """The clients by their keys, in the order of tables and tabs.

    Raises:
        CookbookError: when clients.toml is damaged.
    """
    return {row.key: row for row in _table().client}


def names() -> dict[str, str]:
    """The names of the clients by their keys."""
    return {key: client.name for key, client in clients().items()}


def packages() -> Packages:
    """The pip packages to install for the clients' imports."""
    own = {module: package for client in clients().values() for module, package in client.imports.items()}
    return msgspec.structs.replace(_table(), imports={**own, **_table().imports})


def in_words(number: int) -> str:
    """A number of up to twelve as a word, such as `six`; a larger one in digits."""
    return _IN_WORDS[number] if number < len(_IN_WORDS) else str(number)


def how_many() -> str:
    """The number of clients in words."""
    return in_words(len(clients()))
