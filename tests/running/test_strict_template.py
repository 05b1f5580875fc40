"""Notebooks on an engine that answers the system role with a bare 400, no gateway's 424 around it."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request

import pytest

from commanding import COOKBOOK
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog.notebooks import Kind, notebooks
from mistral_on_azure.endpoint.starting import start
from mistral_on_azure.package_index import ROOT
from servers import Asked, Reply, serving

SOON = ("start-here", "openai-sdk")
RUNS = [
    pytest.param(name, system, marks=() if name in SOON and not system else pytest.mark.all)
    for name, notebook in notebooks(ROOT / "notebooks", Kind.GUIDE, Kind.CLIENT).items()
    for system in ([], ["-p", "system_prompt", ""])
    if not system or "system_prompt" in notebook.parameters
]
REFUSED = "Conversation roles must alternate user/assistant/user/assistant/..."


def strict(upstream: str):
    """What answers as the endpoint at an address does, except that the system role is a 400."""

    def answer(asked: Asked) -> Reply:
        if any(message.get("role") == "system" for message in asked.body.get("messages") or ()):
            return Reply({"error": {"message": REFUSED, "type": "BadRequestError", "code": 400}}, 400)
        passed = {name: value for name, value in asked.headers.items() if name not in ("host", "content-length")}
        data = json.dumps(asked.body).encode() if asked.method == "POST" else None
        url = f"{upstream}{asked.path}" + (f"?{asked.query}" if asked.query else "")
        try:
            got = urllib.request.urlopen(urllib.request.Request(url, data, passed, method=asked.method), timeout=60)
        except urllib.error.HTTPError as error:
            got = error
        headers = {name.lower(): value for name, value in got.headers.items()}
        kept = {name: headers[name] for name in headers if name not in ("transfer-encoding", "connection", "date")}
        return Reply(status=got.status, headers=kept, parts=(got.read(),))

    return answer


@pytest.mark.parametrize(("name", "system"), RUNS)
def test_a_template_without_a_system_role_stops_no_notebook(name, system, tmp_path):
    command = [COOKBOOK, "run", name, *system, "--reports", tmp_path / "run"]
    with start() as local, serving(strict(local.url)) as url:
        real = {**os.environ, ENDPOINT: url, CREDENTIAL: local.keys[0]}
        done = subprocess.run(command, env=real, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
