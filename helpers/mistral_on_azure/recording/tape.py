"""Recordings: files with exchanges, without credentials and a tenant's data.

Each line is a JSON object. The first has the endpoint's label, the parameters and the day; then come the exchanges, in
the order in which they ended.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from mistral_on_azure.azure.masking import MASK, Masker
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.doors import CREDENTIALS, Door, holds

HOST = "endpoint.example"
# The headers that change what a client does. The others are left out, since they may name a tenant or a resource.
_REQUEST_HEADERS = {"content-type", "extra-parameters", "azureml-model-deployment"}
_WAITS = {"retry-after", "retry-after-ms", "x-ms-retry-after-ms", "x-should-retry"}
_ANSWER_HEADERS = {"content-type", "x-ms-error-code", "allow", *_WAITS}
_ANSWER_PREFIXES = ("x-ratelimit-", "ms-azureml-")
_ID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_AZURE_HOST = re.compile(
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:azure\.(?:com|net|us|cn)|azureml\.(?:net|ms)|windows\.net|azurewebsites\.net"
    r"|onmicrosoft\.com|usgovcloudapi\.net|chinacloudapi\.cn)\b"
)
_RESOURCE = re.compile(
    r"(?i)(/(?:resourceGroups|workspaces|onlineEndpoints|deployments|accounts|projects|users)/)[^/\s\"'?\\]+"
)


def hosts_of(url: str) -> list[str]:
    """The forms of an address's host: with the port, and without."""
    parts = urlsplit(url)
    return [parts.netloc, parts.hostname or ""]


class Scrubber:
    """Replaces credentials and a tenant's data.

    Args:
        secrets: credentials to mask.
        hosts: the endpoint's host names.
    """

    def __init__(self, secrets: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._masker = Masker(secrets)
        self._hosts = re.compile("|".join(re.escape(host) for host in hosts if host) or r"(?!)", re.IGNORECASE)

    def text(self, text: str) -> str:
        """A text without credentials, host names, ids such as a tenant's, mail addresses and names of resources."""
        text = self._hosts.sub(HOST, self._masker.text(text))
        text = _RESOURCE.sub(rf"\1{MASK}", text)
        text = _MAIL.sub("someone@example.com", _AZURE_HOST.sub(HOST, text))
        return _ID.sub(lambda found: _pseudonym(found.group()), text)

    def request_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return self._kept(headers, _REQUEST_HEADERS, ())

    def answer_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return self._kept(headers, _ANSWER_HEADERS, _ANSWER_PREFIXES)

    def _kept(self, headers: Mapping[str, str], names: set[str], prefixes: tuple[str, ...]) -> dict[str, str]:
        lower = {name.lower(): value for name, value in headers.items()}
        kept = {name: value for name, value in lower.items() if name in names or name.startswith(prefixes)}
        return {name: self.text(value) for name, value in sorted(kept.items())}


def _pseudonym(identifier: str) -> str:
    """A pseudonym for an id: the same for the same id, which it does not reveal."""
    return f"00000000-0000-0000-0000-{hashlib.sha256(identifier.lower().encode()).hexdigest()[:12]}"


VERSION = 1  # of the format
_LABEL = re.compile(r"[^\w .,()/-]|:(?=:)")  # characters that the label of an endpoint in a recording cannot have
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(slots=True)
class _About:
    """The first line of a recording."""

    cookbook_recording: int
    day: str
    endpoint: str
    parameters: dict[str, str]
    kind: str = ""  # the kind of deployment, where the endpoint's address shows it


@dataclass(slots=True)
class Exchange:
    """A request and its answer, scrubbed.

    Attributes:
        credential: the kind of credential: `own`, `other` or `none`.
        status: the answer's HTTP status; 0 until there is an answer.
        answer: the answer's body as text; bytes that are not valid UTF-8 are lone surrogates.
        broken: whether the connection broke off before the body ended.
    """

    notebook: str
    deployment: str
    method: str
    path: str
    credential: str
    headers: dict[str, str]
    body: str
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    broken: bool = False

    @classmethod
    def of(cls, door: Door, request: web.Request, body: bytes, scrubber: Scrubber) -> Exchange:
        """A request to a door, scrubbed and still without an answer."""
        foreign = "other" if any(name in request.headers for name in CREDENTIALS) else "none"
        return cls(
            door.notebook,
            door.deployment,
            request.method,
            scrubber.text(request.raw_path),
            "own" if holds(request.headers, door.key) else foreign,
            scrubber.request_headers(request.headers),
            scrubber.text(body.decode("utf-8", "replace")),
        )

    def check(self) -> None:
        """Refuse an answer that cannot be sent, and remove headers that a recording must not have.

        Raises:
            ValueError: for a status that does not exist, or a body that cannot be encoded.
        """
        self.answer_bytes()
        if not 200 <= self.status <= 599:
            raise ValueError(self.status)
        kept = Scrubber().answer_headers(self.answer_headers)
        self.answer_headers = {name: _CONTROL.sub(" ", value) for name, value in kept.items()}

    def answer_bytes(self) -> bytes:
        """The answer's body.

        Raises:
            ValueError: for a text that cannot be encoded.
        """
        return self.answer.encode("utf-8", "surrogateescape")

    @property
    def request(self) -> tuple[str, ...]:
        """The parts of the request that decide which recorded answer it gets."""
        sent = json.dumps(sorted(self.headers.items()))
        return self.notebook, self.deployment, self.method, self.path, self.credential, sent, _canonical(self.body)


class Recorder:
    """Writes a recording. Until it is complete, its file name ends in `.part`.

    Attributes:
        count: the number of exchanges.
        stopped: why writing failed, such as a full disk; empty while it works.

    Raises:
        CookbookError: when the file cannot be written.
    """

    def __init__(self, path: Path, about: dict[str, Any], scrubber: Scrubber) -> None:
        self.path, self.part, self.scrubber = path, path.with_name(f"{path.name}.part"), scrubber
        self.count, self.stopped = 0, ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.part.open("wb", buffering=0)  # without a buffer, closing the file cannot fail
            self._write({"cookbook_recording": VERSION, "day": time.strftime("%Y-%m-%d"), **about})
        except OSError as error:
            raise CookbookError(f"{path} cannot be written ({error.strerror}). Choose another --record.") from None

    def add(
        self, exchange: Exchange, status: int, headers: Mapping[str, str], answer: bytes, broken: bool = False
    ) -> None:
        """Write an exchange that has ended or broken off, with its answer scrubbed."""
        exchange.broken = broken
        exchange.status, exchange.answer_headers = status, self.scrubber.answer_headers(headers)
        exchange.answer = self.scrubber.text(answer.decode("utf-8", "surrogateescape"))
        try:
            self._write(asdict(exchange))
            self.count += 1
        except OSError as error:
            self.stopped = f"The recording cannot be continued ({error.strerror})."

    def close(self, complete: bool) -> str:
        """Close the file. Returns a sentence that says where the recording is."""
        self._file.close()
        if complete and not self.stopped:
            self.part.replace(self.path)
            exchanges = f"{self.count} exchange{'' if self.count == 1 else 's'}"
            return f"Recorded {exchanges} in {self.path}. Read it before you share it."
        return f"{self.stopped or 'Not everything passed.'} The recording is left unfinished: {self.part}"

    def _write(self, value: dict[str, Any]) -> None:
        text = json.dumps(value, ensure_ascii=False)
        line = text.encode("utf-8", "backslashreplace") + b"\n"  # a lone surrogate becomes a JSON escape
        if self._file.write(line) != len(line):  # the disk had room for only a part of the line
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass(slots=True)
class Tape:
    """A recording that was read from a file."""

    about: dict[str, Any]
    exchanges: list[Exchange]

    @property
    def jobs(self) -> set[tuple[str, str]]:
        """The pairs of notebook and deployment in the recording."""
        return {(exchange.notebook, exchange.deployment) for exchange in self.exchanges}


def read(path: Path) -> Tape:
    """Read a recording.

    The file may come from a stranger: values of other types are refused, an address in its parameters is removed, and
    so are characters and headers that `Recorder` does not write.

    Raises:
        CookbookError: when the file cannot be read, or is not a recording of this version.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # `splitlines` would split inside of texts, too
        about, *rows = [json.loads(line) for line in lines if line.strip()]
        if about["cookbook_recording"] != VERSION:
            raise CookbookError(f"{path} is a recording of another version of the cookbook. Record it again.")
        about = asdict(msgspec.convert(about, _About))
        about["parameters"] = {name: text for name, text in about["parameters"].items() if name != "endpoint"}
        exchanges = msgspec.convert(rows, list[Exchange])
        for each in exchanges:
            each.check()
        return Tape({**about, **{name: _LABEL.sub("?", about[name])[:120] for name in ("endpoint", "day")}}, exchanges)
    except OSError as error:
        raise CookbookError(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError):
        raise CookbookError(f"{path} is not a recording. Make one with --record.") from None


def _canonical(body: str) -> str:
    """A JSON body with sorted names and the same white space, for comparison; any other body as it is."""
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except ValueError:
        return body
