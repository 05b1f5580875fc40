"""The engines: OpenAI-compatible servers that nobody of this project wrote, each started as it comes.

They are served raw, with their own HTTP server as AZURE_INFERENCE_ENDPOINT: the local endpoint has no part in it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))
import installing
from installing import Missing

from mistral_on_azure.azure import http
from mistral_on_azure.azure.children import reserved_port, stop
from mistral_on_azure.endpoint.models import embedded
from mistral_on_azure.errors import CookbookError

_START_TIMEOUT = 90.0  # seconds
_ANSWER = "There are about 7,000 languages in the world."


@dataclass(frozen=True, slots=True)
class Served:
    """A running engine: its address, a key it accepts and the name of a model it has."""

    url: str
    key: str
    model: str


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine. `serve` starts it for as long as its context lasts.

    Raises:
        Missing: by `serve`, when it cannot be had here.
    """

    name: str
    version: str
    what: str
    serve: Callable[[], Iterator[Served]]


@contextmanager
def llama_cpp() -> Iterator[Served]:
    key = secrets.token_hex(16)
    try:
        process, url = embedded.start(key)
    except CookbookError as error:
        raise Missing(f"llama.cpp is left out: {error}") from None
    try:
        yield Served(url, key, embedded.LABEL)
    finally:
        stop(process)


@contextmanager
def litellm_proxy() -> Iterator[Served]:
    with llama_cpp() as behind:
        command = installing.python_package("litellm", metadata.version("litellm"), extra="proxy") / "litellm"
        config = installing.CACHE / "litellm.json"  # JSON is YAML
        route = {"model": f"openai/{behind.model}", "api_base": f"{behind.url}/v1", "api_key": "os.environ/BEHIND"}
        models = [{"model_name": name, "litellm_params": route} for name in (behind.model, "*")]
        config.write_text(json.dumps({"model_list": models}), encoding="utf-8")
        key = f"sk-{secrets.token_hex(16)}"
        variables = {"BEHIND": behind.key, "LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        arguments = [command, "--config", config, "--host", "127.0.0.1", "--port"]
        with _listening(lambda port: [*arguments, port], variables, key) as url:
            yield Served(url, key, behind.model)


@contextmanager
def mocktopus() -> Iterator[Served]:
    command = installing.mocktopus()
    scenario = installing.CACHE / "engines-mocktopus.json"  # JSON is YAML
    rule = {"type": "llm.openai", "when": {"messages_contains": ""}, "respond": {"content": _ANSWER}}
    scenario.write_text(json.dumps({"version": 1, "rules": [rule]}), encoding="utf-8")
    key = secrets.token_hex(16)
    with _listening(lambda port: [command, "serve", "-s", scenario, "-p", port], {}, key) as url:
        yield Served(url, key, "gpt-4")


@contextmanager
def aimock() -> Iterator[Served]:
    script = installing.aimock()
    fixtures = installing.CACHE / "engines-aimock.json"
    fixtures.write_text(json.dumps({"fixtures": [{"match": {}, "response": {"content": _ANSWER}}]}), encoding="utf-8")
    key, options = secrets.token_hex(16), ["--fixtures", fixtures, "--log-level", "silent", "--port"]
    with _listening(lambda port: ["node", script, *options, port], {}, key) as url:
        yield Served(url, key, "gpt-4")


@contextmanager
def mock_openai_api() -> Iterator[Served]:
    package = installing.node_package("mock-openai-api", "mock-openai-api", installing.MOCK_OPENAI_API)
    (script,) = json.loads((package / "package.json").read_text(encoding="utf-8"))["bin"].values()
    key = secrets.token_hex(16)
    with _listening(lambda port: ["node", package / script, "-H", "127.0.0.1", "-p", port], {}, key) as url:
        yield Served(url, key, "gpt-4-mock")


@contextmanager
def _listening(command: Callable[[str], list[object]], variables: dict[str, str], key: str) -> Iterator[str]:
    """Run a server on a port of loopback until the context ends."""
    port = str(reserved_port())
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    words = [str(word) for word in command(port)]
    process = subprocess.Popen(words, env={**os.environ, **variables}, start_new_session=True, **quiet)
    try:
        _wait(process, f"http://127.0.0.1:{port}", key)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: subprocess.Popen, url: str, key: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if http.request("GET", f"{url}/v1/models", key).status == 200:
                return
        except CookbookError:
            time.sleep(0.2)
    raise Missing(f"{Path(process.args[0]).name} did not start.")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


ENGINES = (
    Engine("llama.cpp", f"xllamacpp {_version('xllamacpp')}", "a real engine, with SmolLM2-135M-Instruct", llama_cpp),
    Engine("LiteLLM proxy", metadata.version("litellm"), "a gateway, here in front of llama.cpp", litellm_proxy),
    Engine("mocktopus", installing.MOCKTOPUS, "a mock with one canned answer", mocktopus),
    Engine("aimock", installing.AIMOCK, "a mock with one canned answer", aimock),
    Engine("mock-openai-api", installing.MOCK_OPENAI_API, "a mock with answers of its own", mock_openai_api),
)
