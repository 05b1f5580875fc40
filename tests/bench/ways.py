"""The ways to execute the clients' notebooks that are compared: each as a command, run alone and timed."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import installing
from installing import CACHE, ROOT, variables_kept

from mistral_on_azure.catalog.clients import names

CLIENTS = names()

OURS, FLOOR = "cookbook run", "plain programs"
PAPERMILL, NBMAKE = "papermill, one by one", "pytest --nbmake -n 2"
NOTEBOOKS = [ROOT / "notebooks" / f"{client}.ipynb" for client in CLIENTS]
REPORTS = CACHE / "run"
_TIMEOUT, _ENDING = 600, 10  # seconds
_PLAIN = Path(__file__).with_name("plain.py")


class Failed(Exception):
    """A way that did not execute the notebooks; the message is one line."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a way took, in seconds: on the clock, and of all its processes' time on a core."""

    wall: float
    cpu: float


def available() -> tuple[dict[str, Callable[[], Spent]], list[str]]:
    """The ways that can be had here, and a line for each that cannot."""
    ways, missing = {OURS: ours, PAPERMILL: papermill, FLOOR: plain}, []
    try:
        python = installing.nbmake()
    except installing.Missing as why:
        missing.append(str(why))
    else:
        ways[NBMAKE] = lambda: nbmake(python)
    return ways, missing


def ours() -> Spent:
    """The cookbook's runner, as `make run` calls it. It remembers between repeats how long each notebook takes."""
    names = [notebook.stem for notebook in NOTEBOOKS]
    return spend([Path(sys.executable).with_name("cookbook"), "run", *names, "--reports", REPORTS])


def papermill() -> Spent:
    """papermill's command line, a notebook after the other. Each starts a local endpoint of its own."""
    command = [Path(sys.executable).with_name("papermill"), "--no-progress-bar", "--cwd", ROOT / "notebooks"]
    return _together([spend([*command, notebook, CACHE / notebook.name]) for notebook in NOTEBOOKS])


def nbmake(python: Path) -> Spent:
    """nbmake on two processes, in an environment of its own without the plugins that the project's packages bring."""
    options = ["-p", "no:langsmith_plugin", "-p", "no:cacheprovider", "--config-file", os.devnull, "--rootdir", ROOT]
    return spend([python, "-m", "pytest", "--nbmake", "-n", "2", *options, *NOTEBOOKS])


def plain() -> Spent:
    """The same code with neither kernel nor notebook, one program after the other."""
    return _together([spend([sys.executable, _PLAIN, notebook]) for notebook in NOTEBOOKS])


def seconds_by_notebook() -> dict[str, float]:
    """How long each notebook took in our last run."""
    jobs = json.loads((REPORTS / "results.json").read_text(encoding="utf-8"))["jobs"]
    return {job["notebook"]: job["seconds"] for job in jobs}


def seconds_of_helpers(notebook: Path, variables: dict[str, str]) -> float:
    """Processor time that `helpers` adds to a notebook, on the endpoint that the variables name."""
    command = [sys.executable, str(_PLAIN), str(notebook)]
    done = subprocess.run(
        command, env={**variables_kept(), **variables}, capture_output=True, text=True, timeout=_TIMEOUT
    )
    if done.returncode:
        raise Failed(f"{notebook.name} failed as a plain program: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stderr.splitlines()[-1])["helpers"]


def spend(command: list[object]) -> Spent:
    """Run a command to its end.

    Raises:
        Failed: when it fails or takes too long.
    """
    before, began = _children(), time.perf_counter()
    words = [str(word) for word in command]
    try:
        subprocess.run(words, env=variables_kept(), cwd=ROOT, check=True, capture_output=True, timeout=_TIMEOUT)
    except (subprocess.SubprocessError, OSError) as error:
        raise Failed(f"{Path(words[0]).name} did not execute the notebooks ({type(error).__name__})") from None
    wall = time.perf_counter() - began
    _reap()
    return Spent(wall, _children() - before)


def _together(spent: list[Spent]) -> Spent:
    return Spent(sum(each.wall for each in spent), sum(each.cpu for each in spent))


def _reap() -> None:
    """Wait a little for the adopted processes, which end by themselves."""
    deadline = time.monotonic() + _ENDING
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            return


def _children() -> float:
    """Processor time of all child processes that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
