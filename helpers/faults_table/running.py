"""All clients meet all faults, side by side: a process for each client, several calls at once in each.

The waits of clients overlap, so that a whole round takes about as long as the most patient client, at little load.
Each pair of a client and a fault has a key of its own, which is a virtual endpoint of its own.
"""

from __future__ import annotations

import logging
import multiprocessing
import warnings
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from helpers.faults_table.calls import CALLS
from helpers.faults_table.cases import CASES
from helpers.faults_table.measuring import Measured, answer, measure
from helpers.starting import new_key, start

Pair = tuple[str, str]  # a case and a client
PAIRS = [(case, client) for client in CALLS for case in CASES]


def measure_all(pairs: Collection[Pair]) -> dict[Pair, Measured]:
    """Measure pairs, each once.

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
    """How many calls of a client are made side by side."""
    # LiteLLM's calls share their connections, so a reset could hit another case. It waits for nothing anyway.
    return 1 if client == "litellm" else 8
