"""What the reports have in common: the machine and the versions, and targets with what was measured of them."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("uvloop", "httptools", "msgspec", "sentencepiece", "mistral-common")


def machine() -> dict[str, str | int]:
    """The processor, the cores that this process may use, and the operating system; no name and no path."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": _processor(), "cores": cores, "system": f"{platform.system()} {platform.machine()}"}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def versions(packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Python and some packages: without any named, those that serve."""
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def node() -> dict[str, str]:
    """The version of Node.js, nothing without one."""
    try:
        done = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"Node.js": done.stdout.strip().removeprefix("v")}


Values = dict[str, dict[str, list[float]]]  # contender, measure: a number for each repeat


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

    def reached(self) -> str:
        return f"{self.median:.2f}{self.target.unit} ({self.low:.2f} to {self.high:.2f})"


def judge(target: Target, values: Values, ours: str) -> Verdict | None:
    """Hold a target to what was measured of the contender `ours`; None when something it needs was not measured."""
    mine = values.get(ours, {}).get(target.measure)
    if not mine:
        return None
    if not target.rivals:
        return Verdict(target, None, statistics.median(mine), min(mine), max(mine))
    others = {name: values.get(name, {}).get(target.measure) for name in target.rivals}
    others = {name: measured for name, measured in others.items() if measured}
    if not others:
        return None
    better = min if target.measure == "p50" else max
    rival = better(others, key=lambda name: statistics.median(others[name]))
    ratios = [one / other for one, other in zip(mine, others[rival], strict=True)]
    whole = statistics.median(mine) / statistics.median(others[rival])
    return Verdict(target, rival, whole, min(ratios), max(ratios))


def target_lines(targets: Sequence[Target], verdicts: Sequence[Verdict | None]) -> list[str]:
    """Each target in one line, for the terminal."""
    lines = []
    for target, verdict in zip(targets, verdicts, strict=True):
        if verdict is None:
            lines.append(f"not measured: {target.name}")
            continue
        passed = "PASS  " if verdict.passed else "MISSED"
        rival = f" ({verdict.rival})" if verdict.rival else ""
        lines.append(f"{passed} {target.name}{rival}: {verdict.reached()}, wanted {target.wanted()}")
    return lines


def target_rows(targets: Sequence[Target], verdicts: Sequence[Verdict | None]) -> list[str]:
    """A table of targets and what was reached."""
    rows = ["| target | wanted | measured | rival | |", "|---|---|---|---|---|"]
    for target, verdict in zip(targets, verdicts, strict=True):
        measured = ["not measured", "", ""]
        if verdict is not None:
            measured = [verdict.reached(), verdict.rival or "", "PASS" if verdict.passed else "**MISSED**"]
        rows.append(f"| {target.name} | {target.wanted()} | {' | '.join(measured)} |")
    return rows
