"""What is measured on the running servers, and how: in short slices, one server after the other.

A neighbour on the machine slows whoever is being measured. Slices of half a second spread that over all servers.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import request_bodies as bodies
import uvloop
from contenders import Running
from generator import Load, LoadError, Outcome

CONNECTIONS, STREAMS, PACED = 64, 32, 64
SLICE = 0.5  # seconds
_WARM_UP, _WARM_UP_SECONDS = 10_000, 4.0  # answers of each kind, and how long they may take
_PACED_TIMEOUT = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Measure:
    """A line of the report."""

    title: str
    unit: str
    digits: int = 0


MEASURES = {
    "same": Measure(f"requests/s, {CONNECTIONS} connections, same body", "/s"),
    "different": Measure(f"requests/s, {CONNECTIONS} connections, every body different", "/s"),
    "streams": Measure(f"streams/s, {STREAMS} at once", "/s"),
    "p50": Measure("p50 at one connection", "ms", 3),
    "first": Measure("process start to first 200", "s", 2),
    "memory": Measure("memory after the load", "MiB", 1),
    "paced": Measure(f"{PACED} paced streams, the one furthest from its schedule", "%", 2),
    "same_cpu": Measure("server's CPU for a request, same body", "µs"),
    "different_cpu": Measure("server's CPU for a request, every body different", "µs"),
    "streams_cpu": Measure("server's CPU for a stream", "µs"),
}
_LOADS: dict[str, tuple[int, Callable[[str], Callable[[], bytes]]]] = {
    "same": (CONNECTIONS, bodies.same),
    "different": (CONNECTIONS, bodies.different),
    "streams": (STREAMS, lambda key: bodies.same(key, stream=True)),
    "p50": (1, bodies.same),
}
Note = Callable[[str, str, float], None]  # takes server, measure and value


def warm_up(running: Running) -> None:
    """Give a server what its compiler and its caches want: Node.js doubles its speed over the first thousands."""
    for name in ("same", "streams"):
        connections, supply = _LOADS[name]
        request, done, before = supply(running.contender.key), 0, time.monotonic()
        while done < _WARM_UP and time.monotonic() - before < _WARM_UP_SECONDS:
            done += _run(running, Load(running.port, request, connections, SLICE)).done


def measure_loads(servers: list[Running], seconds: float, note: Note) -> None:
    """Put each load on each server."""
    for name, (connections, supply) in _LOADS.items():
        requests = {running: supply(running.contender.key) for running in servers}
        outcomes = {running: Outcome() for running in servers}
        used = {running: 0.0 for running in servers}
        for _ in range(max(1, round(seconds / SLICE))):
            for running in servers:
                before = running.processor_time()
                load = Load(running.port, requests[running], connections, min(seconds, SLICE))
                outcomes[running].add(_run(running, load))
                used[running] += running.processor_time() - before
        for running, outcome in outcomes.items():
            if name == "p50":
                note(running.contender.name, name, statistics.median(outcome.latencies) * 1000)
                continue
            note(running.contender.name, name, outcome.rate)
            note(running.contender.name, f"{name}_cpu", used[running] / outcome.done * 1e6)


def measure_pace(running: Running, events: int) -> float:
    """How far the worst of many streams ends from its schedule, in percent; positive is late."""
    pace, key = running.contender.pace, running.contender.key
    request = bodies.same(key, stream=True, prompt=pace.prompt, headers=pace.headers)
    outcome = _run(running, Load(running.port, request, PACED, _PACED_TIMEOUT, each=1))
    schedule = pace.schedule(events)
    return max((seconds / schedule - 1 for seconds in outcome.latencies), key=abs) * 100


def _run(running: Running, load: Load) -> Outcome:
    try:
        return uvloop.run(load.run())
    except LoadError as error:
        raise LoadError(f"{running.contender.name}: {error}") from None
