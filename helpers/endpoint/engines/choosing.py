"""Finding the real language model that a server was asked to put behind the protocol."""

from __future__ import annotations

import os
import secrets

from helpers import http
from helpers.endpoint.engines import embedded as embedded_engine
from helpers.endpoint.engines.real_model import RealModel
from helpers.errors import CookbookError
from helpers.urls import ENGINE_KEY

_EMBEDDED = "embedded"
_OPTION = "--engine"


def choose(engine: str) -> RealModel:
    """The model behind an engine.

    Args:
        engine: the address of an OpenAI-compatible server, without `/v1`, or "embedded". Its key comes from the
            environment variable COOKBOOK_ENGINE_KEY.

    Raises:
        CookbookError: when there is no engine, or it serves no model.
    """
    if engine == _EMBEDDED:
        return _embedded()
    url, key = engine.rstrip("/").removesuffix("/v1"), os.environ.get(ENGINE_KEY, "")
    if "@" in url:
        raise CookbookError(f"{_OPTION} holds a user name or password. Put the key into {ENGINE_KEY} instead.")
    if not url.startswith(("http://", "https://")):
        raise CookbookError(
            f"{_OPTION} is {engine!r}; it must be {_EMBEDDED!r} or an address like http://localhost:11434."
        )
    return RealModel(url, key, _first_model(url, key))


def _first_model(url: str, key: str) -> str:
    listed = http.request("GET", f"{url}/v1/models", key or "none", name=_OPTION)
    if listed.status in (401, 403):
        raise CookbookError(f"{url} wants a key ({listed.status}): {listed.message} Set {ENGINE_KEY} to it.")
    body = listed.json()
    models = body.get("data") if isinstance(body, dict) else None
    if listed.status != 200 or not isinstance(models, list):
        raise CookbookError(
            f"{url} is no OpenAI-compatible server: its /v1/models answered {listed.status}. Check {_OPTION}."
        )
    if not models or not isinstance(models[0], dict) or not isinstance(models[0].get("id"), str):
        raise CookbookError(f"{url} serves no model. Load one there.")
    return models[0]["id"]


def _embedded() -> RealModel:
    key = secrets.token_hex(16)
    process, url = embedded_engine.start(key)
    return RealModel(url, key, embedded_engine.LABEL, tools_by_schema=True, process=process)
