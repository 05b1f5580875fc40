"""The app of these suites: one request, with nothing but the standard library."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any


def ask(prompt: str, **parameters: Any) -> str:
    """What a model on Azure answers."""
    body = {"messages": [{"role": "user", "content": prompt}], **parameters}
    key = os.environ["AZURE_INFERENCE_CREDENTIAL"]
    request = urllib.request.Request(
        f"{os.environ['AZURE_INFERENCE_ENDPOINT']}/chat/completions",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]
