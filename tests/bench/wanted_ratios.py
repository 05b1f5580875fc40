"""The targets: what is compared, by how much it has to win, and whether it did."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contenders import AIMOCK, MOCKTOPUS, OURS

Values = dict[str, dict[str, list[float]]]  # server, measure: a number for each repeat


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on ours, or on the ratio of ours to a rival: the better of `rivals` by median."""

    name: str
    measure: str
    bound: float
    at_least: bool
    rivals: tuple[str, ...] = ()
    unit: str = "×"

    def wanted(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{self.unit}"


TARGETS = (
    Target("requests/s, same body, over the faster rival", "same", 4, True, (MOCKTOPUS, AIMOCK)),
    Target("requests/s, every body different, over the faster rival", "different", 2, True, (MOCKTOPUS, AIMOCK)),
    Target("streams/s over aimock", "streams", 3, True, (AIMOCK,)),
    Target("p50 at one connection over the lower rival", "p50", 1, False, (MOCKTOPUS, AIMOCK)),
    Target("process start to first 200", "first", 0.35, False, unit=" s"),
    Target("memory over aimock", "memory", 1.3, False, (AIMOCK,)),
    Target("paced streams off their schedule", "paced", 0.5, False, unit=" %"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target as it was measured: the median, the smallest and the largest of the repeats."""

    target: Target
    rival: str | None
    median: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        reached = abs(self.median)
        return reached >= self.target.bound if self.target.at_least else reached <= self.target.bound


def judge(target: Target, values: Values, ours: str = OURS) -> Verdict | None:
    """Hold a target to what was measured; None when something it needs was not."""
    mine = values.get(ours, {}).get(target.measure)
    if not mine:
        return None
    if not target.rivals:
        return Verdict(target, None, statistics.median(mine), min(mine), max(mine))
    others = {name: values.get(name, {}).get(target.measure) for name in target.rivals}
    others = {name: measured for name, measured in others.items() if measured}
    if not others:
        return None
    better: Callable[..., Any] = min if target.measure == "p50" else max
    rival = better(others, key=lambda name: statistics.median(others[name]))
    ratios = [one / other for one, other in zip(mine, others[rival], strict=True)]
    whole = statistics.median(mine) / statistics.median(others[rival])
    return Verdict(target, rival, whole, min(ratios), max(ratios))
