"""Runs of the starters of all tasks and clients: their output, their requests and the answers.

Runs are kept in a file with a fingerprint of all that they depend on, and used again until the fingerprint changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import AUTHORITIES, CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.children import apply, away_from_others
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.files import ROOT, read_json, write_json
from mistral_on_azure.endpoint.starting import LocalEndpoint, start
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.starter import ENTRA_ID

Programs = dict[str, dict[str, str]]  # by client, then by task
_SECONDS = 180  # for all starters of a client
_MOST = 64  # exchanges of a starter


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a starter.

    Attributes:
        printed: its standard output.
        exchanges: requests and answers from the endpoint's journal, with credentials masked.
    """

    printed: str
    exchanges: list[dict[str, Any]]


Runs = dict[str, dict[str, Run]]  # by client, then by task


def runs(starters: Programs, kept: Path) -> Runs:
    """The run of every starter.

    Args:
        starters: the programs.
        kept: the file that keeps the runs.

    Raises:
        CookbookError: when a starter fails.
    """
    fingerprint = _fingerprint(starters)
    found = read_json(kept) or {}
    if found.get("fingerprint") != fingerprint:
        found = {"fingerprint": fingerprint, "runs": msgspec.to_builtins(_run_all(starters))}
        write_json(kept, found)
    return msgspec.convert(found["runs"], Runs)


def _fingerprint(starters: Programs) -> str:
    """A digest of the programs, the installed versions and the endpoint."""
    parts = [sys.version, json.dumps(starters)]
    endpoint, own = Path(__file__).parents[1] / "endpoint", Path(__file__)
    files = [ROOT / "requirements.lock", own, own.with_name("starter_process.py")]
    files += sorted([*endpoint.rglob("*.py"), *endpoint.rglob("*.toml")])
    parts += [path.read_text(encoding="utf-8") for path in files]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _run_all(starters: Programs) -> Runs:
    keys = {client: {task: new_key() for task in of} for client, of in starters.items()}
    # The endpoint ends first: after Ctrl-C, programs that still run get no answer from it, and end soon.
    with (
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        start([key for of in keys.values() for key in of.values()]) as endpoint,
    ):
        slowest_first = reversed(list(starters))
        running = {
            client: pool.submit(_run_client, client, starters[client], endpoint, keys[client])
            for client in slowest_first
        }
        try:
            return {client: running[client].result() for client in starters}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_client(client: str, programs: dict[str, str], endpoint: LocalEndpoint, keys: dict[str, str]) -> dict[str, Run]:
    jobs = {
        task: {"code": code, "environment": _environment(task, endpoint.url, keys[task])}
        for task, code in programs.items()
    }
    authorities = _session(endpoint.url, keys[next(iter(programs))])["authorities"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mistral_on_azure.gallery.starter_process"],
            input=json.dumps(jobs),
            capture_output=True,
            encoding="utf-8",
            timeout=_SECONDS,
            # Set before the process starts, because a client may read its certificates only once.
            env={**_environment_of_client(), **dict.fromkeys(AUTHORITIES, authorities)},
        )
    except subprocess.TimeoutExpired:
        raise CookbookError(f"The starters of {client} did not end within {_SECONDS} s.") from None
    if done.returncode:
        why = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise CookbookError(
            f"A starter of {client} failed: {why}. `make test ARGS=tests/snippets/test_snippets.py` says which."
        )
    printed = json.loads(done.stdout)
    last = f"{endpoint.url}/local/exchanges?last={_MOST}"
    return {task: Run(printed[task], http.request("GET", last, keys[task]).json()) for task in programs}


def _environment_of_client() -> dict[str, str]:
    """The environment without the variables of the user's own endpoint, identity, proxy and other services."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    apply(away_from_others(kept), kept)
    return kept


def _environment(task: str, url: str, key: str) -> dict[str, str]:
    """The variables that a starter reads: an address and a key, or an identity."""
    if task != ENTRA_ID:
        return {ENDPOINT: url, CREDENTIAL: key}
    session = _session(url, key)
    return {
        ENDPOINT: session["https_endpoint"],
        "IDENTITY_ENDPOINT": session["identity_endpoint"],
        "IDENTITY_HEADER": session["identity_header"],
    }


def _session(url: str, key: str) -> dict[str, str]:
    """The session of a key: its identity, and the certificates to trust."""
    return http.request("POST", f"{url}/local/session", key, {}).json()
