"""`python tests/bench/double_speed.py`: what doubles add to a session of pytest and to each test, measured in one go.

Every session is a process of its own, all of them in turn. A double's cost is what a session with it takes more than
one that asks nobody. Results are kept in upkeep/measurements, with a page.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import resource
import statistics
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import contenders
import installing
import reporting

from mistral_on_azure.upkeep import measurements
from mistral_on_azure.upkeep.markdown import filled

NAME = "doubles"
MANY, NOBODY = 200, "no double"
PACKAGES = {"respx": "0.23.1", "pytest-httpserver": "1.2.0", "pytest": None, "httpx": None}
_TIMEOUT = 300  # seconds for a session
_ASK = """
import os, subprocess, time
import httpx, pytest

ANSWER = {"choices": [{"message": {"role": "assistant", "content": "Hi"}}]}

CLIENT = httpx.Client()

def ask(url, prompt="Hello", key="k"):
    body = {"model": "MODEL", "messages": [{"role": "user", "content": prompt}]}
    answer = CLIENT.post(url + "PATH", json=body, headers={"Authorization": "Bearer " + key})
    return answer.json()["choices"][0]["message"]["content"]
"""
_MANY = '@pytest.mark.parametrize("number", range(int(os.environ["TESTS"])))\n'
_CALLS = {
    NOBODY: "def test(number):\n    pass\n",
    "azure_endpoint": """def test(number, azure_endpoint):
    azure_endpoint.answer("Hello", "Hi")
    assert ask(azure_endpoint.url, key=azure_endpoint.key) == "Hi" and len(azure_endpoint.requests) == 1
""",
    "respx": """def test(number, respx_mock):
    route = respx_mock.post("https://example.org/chat/completions").respond(json=ANSWER)
    assert ask("https://example.org") == "Hi" and route.call_count == 1
""",
    "pytest-httpserver": """def test(number, httpserver):
    httpserver.expect_request("/chat/completions").respond_with_json(ANSWER)
    assert ask(httpserver.url_for("").rstrip("/")) == "Hi" and len(httpserver.log) == 1
""",
}
_FIXTURES = {"azure_endpoint": "azure_endpoint", "respx": "respx_mock", "pytest-httpserver": "httpserver"}
_EMULATOR = """
@pytest.fixture(scope="session")
def emulator():
    process = subprocess.Popen({command!r}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            httpx.get("http://127.0.0.1:{port}/")
            break
        except httpx.TransportError:
            time.sleep(0.01)
    yield "http://127.0.0.1:{port}"
    process.terminate()
    process.wait()

{many}def test(number, emulator):
    assert ask(emulator, {prompt!r})
"""


def main() -> None:
    options = _options()
    if options.render:
        return measurements.keep(NAME, page, options.results)
    python = _environment()
    suites, missing = _suites()
    values: dict[str, dict[str, list[list[float]]]] = {name: {"one": [], "many": []} for name in suites}
    with TemporaryDirectory() as folder:
        for repeat in range(options.repeats):
            print(f"Repeat {repeat + 1} of {options.repeats}", flush=True)
            # In another order each time: who comes after a heavy one finds a slower machine.
            for name, suite in random.Random(repeat).sample(list(suites.items()), len(suites)):
                for size, tests in (("one", 1), ("many", options.tests + 1)):
                    values[name][size].append(_session(python, Path(folder), suite, tests))
                print(f"  {name}: {[rows[-1] for rows in values[name].values()]}", flush=True)
    results = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": reporting.machine(),
        "load": [round(each, 1) for each in os.getloadavg()],
        "versions": reporting.versions(("pytest", "httpx")) | {name: each for name, each in PACKAGES.items() if each},
        "settings": {"repeats": options.repeats, "tests": options.tests},
        "missing": missing,
        "values": values,
    }
    measurements.keep(NAME, page, options.results, results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tests", type=int, default=MANY, help="in the longer sessions, one less than there are")
    parser.add_argument("--results", type=Path, default=measurements.FOLDER)
    parser.add_argument("--render", action="store_true", help="write the page again from the kept results")
    return parser.parse_args()


def _environment() -> Path:
    """The Python of an environment with pytest, the doubles and the base package, and nothing else."""
    wanted = [f"{name}=={version}" if version else name for name, version in PACKAGES.items()]
    return installing.environment(NAME, *installing.AS_LOCKED, *wanted, "--editable", str(installing.ROOT))


def _suites() -> tuple[dict[str, str], list[str]]:
    """A suite for each double, one more for its fixture alone, and a line for each that cannot be had here."""
    found = {name: _ASK.replace("PATH", "/chat/completions") + "\n" + _MANY + text for name, text in _CALLS.items()}
    for name, fixture in _FIXTURES.items():
        found[f"{name}, no call"] = f"{_ASK}\n{_MANY}def test(number, {fixture}):\n    pass\n"
    servers, missing = contenders.available()
    for server, port in zip(servers, range(18_431, 18_450), strict=False):
        if server.name in (contenders.MOCKTOPUS, contenders.AIMOCK):
            ask = _ASK.replace("PATH", "/v1/chat/completions").replace("MODEL", contenders.MODEL)
            started = _EMULATOR.format(command=server.command(port), port=port, many=_MANY, prompt=contenders.PROMPT)
            found[server.name] = ask + started
    return found, missing


def _session(python: Path, folder: Path, suite: str, tests: int) -> list[float]:
    """Seconds, and seconds of processor time, of a session; that of its children counts."""
    file = folder / "test_it.py"
    file.write_text(suite, encoding="utf-8")
    command = [python, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={folder}", "-p", "no:cacheprovider", file]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, "TESTS": str(tests)}, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT
    )
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if f"{tests} passed" not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [round(took, 4), round(cpu, 4)]


def costs(results: dict[str, Any]) -> dict[str, tuple[float, float, float, float]]:
    """By double: what it adds to a session (s, s of processor time) and to a test (ms, ms of processor time)."""
    middle = {
        name: {size: [statistics.median(column) for column in zip(*rows, strict=True)] for size, rows in sizes.items()}
        for name, sizes in results["values"].items()
    }
    tests, floor = results["settings"]["tests"], middle[NOBODY]
    found = {}
    for name, sizes in middle.items():
        session = [own - bare for own, bare in zip(sizes["one"], floor["one"], strict=True)]
        each = [
            ((own - one) - (bare - bare_one)) / tests * 1000
            for own, one, bare, bare_one in zip(sizes["many"], sizes["one"], floor["many"], floor["one"], strict=True)
        ]
        found[name] = (*session, *each)
    del found[NOBODY]
    return found


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    return filled(Path(__file__).with_name(NAME), costs=costs(results), **results)


if __name__ == "__main__":
    main()
