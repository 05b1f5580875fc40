"""What is measured on a running server. Each measure returns one number; its unit stands in `MEASURES`."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import bodies
import uvloop
from generator import Load, Outcome
from running import Running

CONNECTIONS, STREAMS, PACED = 64, 32, 64
_WARM_UP, _LEAD_IN = 2.0, 0.25  # unmeasured: seconds after the start of a server, a share of each measure's time
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
}


def warm_up(running: Running) -> None:
    """Give a server the time that its compiler and its caches want: Node.js doubles its speed in the first seconds."""
    for supply in (bodies.same(running.contender.key), bodies.same(running.contender.key, stream=True)):
        _load(Load(running.port, supply, STREAMS, _WARM_UP / 2))


def loads(running: Running, seconds: float, events: int) -> dict[str, Callable[[], tuple[float, float]]]:
    """The measures that put a load on a server, by name; each returns its number and the generator's busy share."""
    key = running.contender.key
    same, stream = bodies.same(key), bodies.same(key, stream=True)
    measures = {
        "same": lambda: _rate(_warmed(running, same, CONNECTIONS, seconds)),
        "different": lambda: _rate(_warmed(running, bodies.different(key), CONNECTIONS, seconds)),
        "streams": lambda: _rate(_warmed(running, stream, STREAMS, seconds)),
        "p50": lambda: _median(_warmed(running, same, 1, seconds)),
    }
    if running.contender.pace:
        measures["paced"] = lambda: _paced(running, events)
    return measures


def _load(load: Load) -> Outcome:
    return uvloop.run(load.run())


def _warmed(running: Running, request: Callable[[], bytes], connections: int, seconds: float) -> Outcome:
    _load(Load(running.port, request, connections, seconds * _LEAD_IN))
    return _load(Load(running.port, request, connections, seconds))


def _rate(outcome: Outcome) -> tuple[float, float]:
    return outcome.rate, outcome.busy


def _median(outcome: Outcome) -> tuple[float, float]:
    return statistics.median(outcome.latencies) * 1000, outcome.busy


def _paced(running: Running, events: int) -> tuple[float, float]:
    """How far the worst of many streams ends from its schedule, in percent; positive is late."""
    pace, key = running.contender.pace, running.contender.key
    request = bodies.same(key, stream=True, prompt=pace.prompt, headers=pace.headers)
    outcome = _load(Load(running.port, request, PACED, _PACED_TIMEOUT, each=1))
    schedule = pace.schedule(events)
    return max((seconds / schedule - 1 for seconds in outcome.latencies), key=abs) * 100, outcome.busy
