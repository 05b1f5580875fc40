"""Finding the real language model that a server was asked to put behind the protocol."""

from __future__ import annotations

import os
import secrets

from helpers import http
from helpers.children import spawn
from helpers.endpoint.engines import embedded as embedded_engine
from helpers.endpoint.engines.real_model import RealModel
from helpers.errors import CookbookError

EMBEDDED = "embedded"
KEY = embedded_engine.KEY


def choose(engine: str) -> RealModel:
    """The model behind an engine.

    Args:
        engine: the address of an OpenAI-compatible server, without `/v1`, or "embedded". Its key comes from the
            environment variable COOKBOOK_ENGINE_KEY.

    Raises:
        CookbookError: when there is no engine, or it serves no model.
    """
    if engine == EMBEDDED:
        return _embedded()
    url, key = engine.rstrip("/").removesuffix("/v1"), os.environ.get(KEY, "")
    if not url.startswith(("http://", "https://")):
        raise CookbookError(
            f"--engine is {engine!r}; it must be {EMBEDDED!r} or an address like http://localhost:11434."
        )
    listed = http.request("GET", f"{url}/v1/models", key or "none")
    models = (listed.json() or {}).get("data") or []
    if listed.status != 200 or not models:
        raise CookbookError(f"{url} serves no model ({listed.status}): {listed.message}")
    return RealModel(url, key, models[0]["id"])


def _embedded() -> RealModel:
    embedded_engine.weights()
    key = secrets.token_hex(16)
    process, url = spawn("helpers.endpoint.engines.embedded", {**os.environ, KEY: key})
    if not url.startswith("http"):
        process.kill()
        raise CookbookError("The embedded engine did not start; what it says above tells why.")
    return RealModel(url, key, embedded_engine.LABEL, tools_by_schema=True, process=process)
