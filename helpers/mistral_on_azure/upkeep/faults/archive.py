"""Measures all pairs of client and fault in parallel, keeps the results as JSON, and compares with kept results."""

from __future__ import annotations

import logging
import multiprocessing
import platform
import warnings
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.catalog.clients import clients
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.upkeep.faults import measuring
from mistral_on_azure.upkeep.faults.calls import CALLS, PACKAGES
from mistral_on_azure.upkeep.faults.cases import CASES
from mistral_on_azure.upkeep.faults.measuring import Measured, answer, measure

Pair = tuple[str, str]  # the names of a case and of a client
PAIRS = [(case, client) for client in CALLS for case in CASES]


def measure_all(pairs: Collection[Pair]) -> dict[Pair, Measured]:
    """Measure each pair once.

    Raises:
        CookbookError: when a client fails without any fault.
    """
    cases = {client: [case for case, of in pairs if of == client] for _, client in pairs}
    keys = {client: [new_key() for _ in range(len(mine) + 1)] for client, mine in cases.items()}
    with (
        start([key for each in keys.values() for key in each]) as endpoint,
        ProcessPoolExecutor(len(keys), multiprocessing.get_context("spawn")) as pool,
    ):
        running = {
            client: pool.submit(_measure_client, client, mine, endpoint.url, keys[client])
            for client, mine in cases.items()
        }
        done = {client: future.result() for client, future in running.items()}
    return {(case, client): done[client][case] for case, client in pairs}


def _measure_client(client: str, cases: list[str], url: str, keys: list[str]) -> dict[str, Measured]:
    logging.disable()
    warnings.simplefilter("ignore")
    whole = answer(client, url, keys[0])
    with ThreadPoolExecutor(at_once(client)) as pool:
        running = {
            case: pool.submit(measure, client, CASES[case], url, key, whole)
            for case, key in zip(cases, keys[1:], strict=True)
        }
        return {case: future.result() for case, future in running.items()}


def at_once(client: str) -> int:
    """The number of calls of a client that are made in parallel."""
    return 1 if clients()[client].shares_connections else 8


FILE = Path(__file__).with_name("clients_and_faults.json")
LONG = 10.0  # seconds of waiting

Results = dict[str, Any]


def versions() -> dict[str, str]:
    """The installed version of each client's package."""
    return {package: version(package) for package in PACKAGES.values()}


def results(rounds: list[dict[Pair, Measured]]) -> Results:
    """The results of all pairs, from repeated measurements."""
    measured: Results = {}
    for case, client in PAIRS:
        measured.setdefault(case, {})[client] = _entry([each[case, client] for each in rounds])
    return {
        "date": date.today().isoformat(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "system": platform.system(),
        "versions": versions(),
        "repeats": len(rounds),
        "measured": measured,
    }


def _entry(repeats: list[Measured]) -> Results:
    seen = [asdict(each) for each in repeats]
    entry: Results = {}
    varies = {}
    for name in seen[0]:
        if name != "waits":
            values = [value for value, _ in Counter(each[name] for each in seen).most_common()]
            entry[name] = values[0]
            if len(values) > 1:
                varies[name] = values
        else:
            entry[name] = measuring.spans([each[name] for each in seen if each["tries"] == entry["tries"]])
    return entry | ({"varies": varies} if varies else {})


def clients_in(kept: Results) -> list[str]:
    """The clients in kept results, in the order of tables. A new client is missing until `make faults`."""
    return [client for client in CALLS if all(client in of for of in kept["measured"].values())]


def waits_long(entry: Results) -> bool:
    """Whether the sum of a client's waits is over `LONG` seconds."""
    return sum(high for _, high in entry["waits"]) > LONG


def differences(kept: Results, seen: dict[Pair, Measured]) -> list[str]:
    """A line for each value that differs from the kept one."""
    lines = []
    for (case, client), measured in seen.items():
        if client not in kept["measured"].get(case, {}):
            lines.append(f"{client}, {case}: was not measured before")
            continue
        entry, now = kept["measured"][case][client], asdict(measured)
        varies = entry.get("varies", {})
        for name, value in now.items():
            if name in varies or (name == "waits" and "tries" in varies):
                continue
            same = measuring.agree(entry[name], value) if name == "waits" else entry[name] == value
            if not same:
                lines.append(f"{client}, {case}: {name} was {entry[name]!r}, is {value!r}")
    return lines
