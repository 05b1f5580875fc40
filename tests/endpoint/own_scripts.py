"""Applications that answer from scripts of a test's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asking import LARGE, Got, chat, new_application, send

from mistral_on_azure.endpoint.application import Application
from mistral_on_azure.endpoint.models.script_files import ScriptFiles
from mistral_on_azure.endpoint.models.script_model import Script

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def serve(folder: Path, *scripts: str, strict: bool = False, **parts: Any) -> Application:
    """An application of scripts in TOML, which are written to a folder."""
    files = []
    for text in scripts:
        files.append(folder / f"script{len(list(folder.iterdir()))}.toml")
        files[-1].write_text(text, encoding="utf-8")
    return new_application(model=Script(ScriptFiles(files, strict)), **parts)


def add(application: Application, *exchanges: Any, status: int = 200) -> Got:
    """Give the session exchanges of its own."""
    got = send("POST", "/local/script", json.dumps(exchanges).encode(), application=application)
    assert got.status == status, got.body
    return got


def agent(application: Application, prompt: str) -> str:
    """What an app does: it asks, calls the tool, and asks again with what it returned."""
    messages = [{"role": "user", "content": prompt}]
    first = chat(messages, tools=[WEATHER], model=LARGE, application=application).json["choices"][0]
    (call,) = first["message"]["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "-3 degrees"}
    messages += [{"role": "assistant", "content": "", "tool_calls": [call]}, result]
    return chat(messages, tools=[WEATHER], model=LARGE, application=application).text
