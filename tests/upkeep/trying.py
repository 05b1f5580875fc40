"""`python trying.py CLIENT`: a client meets every fault, with a key and with a token, and all that it says is printed.

What it says is everything that gets into logs and error reports: log records of every level, warnings, and exceptions
with their traceback, their representation and that of what they carry. Standard input has the endpoint's address and
a pair of credentials for each fault, both leading to one virtual endpoint.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from mistral_on_azure.azure import http
from mistral_on_azure.upkeep.faults.calls import CALLS, CASES, Call, Case
from mistral_on_azure.upkeep.faults.measuring import at_once

HEALTHY = Case("healthy", {})
ALL = [HEALTHY, replace(HEALTHY, name="healthy (streamed)", stream=True), *CASES.values()]


def main(client: str) -> None:
    given = json.load(sys.stdin)
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
    warnings.simplefilter("always")
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, 0.1))  # what is said before a try does not depend on the wait
    with ThreadPoolExecutor(at_once(client)) as pool:
        # A pair's two calls come one after the other: they share the faults.
        list(pool.map(lambda case, pair: _try(client, case, given["url"], *pair), ALL, given["pairs"]))


def _try(client: str, case: Case, url: str, key: str, token: str) -> None:
    for credential in (key, token):
        if case.fault:
            http.request("POST", f"{url}/local/faults", key, case.fault)
        call = Call(url, credential, case.stream, case.timeout and 1)
        try:
            CALLS[client](call)
        except Exception as error:
            said = ["".join(traceback.format_exception(error)), str(error), repr(error), repr(vars(error))]
            print(f"{client}, {case.name}: raised", *said, sep="\n", flush=True)
        else:
            print(f"{client}, {case.name}: answered {''.join(call.pieces)!r}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
