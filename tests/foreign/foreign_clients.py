"""`make foreign`: other people's clients, each installed at a pinned version, on the local endpoint.

What each could do is kept in upkeep/measurements. Names of clients try only those and keep the rest; --render writes
the page again and tries nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from foreign_page import NAME, page

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.files import read_json
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.package_index import pip_settings
from mistral_on_azure.upkeep import measurements

HERE = Path(__file__).resolve().parent
PROGRAMS, BUILD = HERE / "programs", HERE.parents[1] / "build" / "foreign"
MODEL = "mistralai-Mixtral-8x22B-Instruct-v0-1"  # the one of the four that calls tools
_INSTALLING, _TRYING = 300, 240  # seconds for one client
_LONGEST = 200  # characters of an error
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_IDS = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


class Missing(Exception):
    """A client that cannot be tried here; the message is one line."""


def main() -> int:
    wanted = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wanted.add_argument("clients", nargs="*", help="names; all of them without any")
    wanted.add_argument("--render", action="store_true", help="try nothing, write the page again")
    wanted.add_argument("--results", type=Path, default=measurements.FOLDER)
    given = wanted.parse_args()
    choice = tomllib.loads((HERE / "foreign.toml").read_text(encoding="utf-8"))
    table = {row["name"]: row for row in choice["client"]}
    if unknown := set(given.clients) - set(table):
        sys.exit(f"There is no client {unknown.pop()!r}. There are: {', '.join(table)}.")
    kept = read_json(given.results / f"{NAME}.json") or {}
    chosen = [] if given.render else [name for name in table if not given.clients or name in given.clients]
    left_out = 0
    for name in chosen:
        print(f"{name} … ", end="", flush=True)
        try:
            tried = try_client(table[name])
        except Missing as why:
            print(why)
            left_out += 1
            continue
        kept[name] = {"packages": table[name]["packages"], "day": time.strftime("%Y-%m-%d"), "tried": tried}
        print(f"{sum(not error for error in tried.values())} of {len(tried)}", flush=True)
    kept = {name: kept[name] for name in table if name in kept}
    measurements.keep(NAME, lambda results: page(results, choice), given.results, kept)
    return bool(left_out)


def try_client(row: dict[str, Any]) -> dict[str, str]:
    """Install a client and try it; returns the errors of what was tried, empty where it worked.

    Raises:
        Missing: when it cannot be installed or its program does not come to its end.
    """
    with start(requests_per_minute=100_000, tokens_per_minute=100_000_000) as endpoint:
        home = BUILD / "home"  # several keep files there
        home.mkdir(parents=True, exist_ok=True)
        variables = {ENDPOINT: endpoint.url, CREDENTIAL: endpoint.keys[0], "MODEL": MODEL, "HOME": str(home)}
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AZURE_"))}
        environment |= variables
        if "module" in row:
            return _lines(["node", _node(row) / row["module"]], environment)
        python = _python(row)
        if "program" in row:
            return _lines([python, PROGRAMS / "try_program.py", row["program"]], environment)
        return _suite(python, PROGRAMS / row["suite"], environment)


def _lines(command: list[Any], environment: dict[str, str]) -> dict[str, str]:
    """Run a program that prints a JSON object for each thing it tried."""
    done = _run(command, environment, _TRYING)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not rows or done.returncode:
        raise Missing(f"did not come to its end: {done.stderr.strip().splitlines()[-1:]}")
    return {row["tried"].replace("_", " "): clean(row["error"]) for row in rows}


def _suite(python: Path, suite: Path, environment: dict[str, str]) -> dict[str, str]:
    """Run a suite of pytest with nothing of this project's settings."""
    report = BUILD / "report.xml"
    report.unlink(missing_ok=True)
    options = ["--noconftest", "-c", os.devnull, "--rootdir", BUILD, "-q", "--timeout=60", f"--junit-xml={report}"]
    loops = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session"]
    _run([python, "-m", "pytest", "-p", "no:cacheprovider", *options, *loops, suite], environment, _TRYING)
    if not report.exists():
        raise Missing("the suite did not come to its end")
    cases = {case.get("name", ""): case for case in ET.parse(report).iter("testcase") if case.find("skipped") is None}
    failures = {name: case.find("failure") for name, case in cases.items()}
    return {name: "" if found is None else clean(found.get("message", "")) for name, found in failures.items()}


def clean(text: str) -> str:
    """The first line of an error, without what is another each time."""
    line = _IDS.sub("ID", _ADDRESS.sub("ENDPOINT", text.strip().split("\n")[0]))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _python(row: dict[str, Any]) -> Path:
    folder = _folder(row)
    python, uv = folder / "bin" / "python", [sys.executable, "-m", "uv"]
    if not _is_current(folder, row):
        _install([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
        _install([*uv, "pip", "install", "--quiet", "--python", python, *row["packages"]])
        _mark(folder, row)
    return python


def _node(row: dict[str, Any]) -> Path:
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing("left out: it needs Node.js and npm")
    folder = _folder(row)
    if not _is_current(folder, row):
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--fetch-retries=1"]
        _install(["npm", "install", *quiet, "--prefix", folder, *row["packages"]])
        _mark(folder, row)
    shutil.copy2(PROGRAMS / row["module"], folder)
    return folder


def _folder(row: dict[str, Any]) -> Path:
    return BUILD / re.sub(r"\W+", "-", row["name"].lower())


def _is_current(folder: Path, row: dict[str, Any]) -> bool:
    stamp = folder / "made-from.json"
    return stamp.exists() and json.loads(stamp.read_text(encoding="utf-8")) == row["packages"]


def _mark(folder: Path, row: dict[str, Any]) -> None:
    (folder / "made-from.json").write_text(json.dumps(row["packages"]), encoding="utf-8")


def _install(command: list[Any]) -> None:
    """Run an installer in silence: its words may name this machine's registry."""
    if _run(command, {**os.environ, **pip_settings()}, _INSTALLING).returncode:
        raise Missing("left out: it could not be installed. Is its package registry reachable?")


def _run(command: list[Any], environment: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    BUILD.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=seconds, cwd=BUILD, env=environment)
    except subprocess.TimeoutExpired:
        raise Missing(f"stopped after {seconds:g} seconds") from None
    except OSError as error:
        raise Missing(f"could not be started: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
