"""`cookbook secrets`: what is planted is found wherever it is, and the project has none."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from itertools import count
from pathlib import Path

import jwt
import nbformat
import pytest
import yaml

from commanding import COOKBOOK
from mistral_on_azure.azure.addresses import CREDENTIAL
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.upkeep.secrets.scan import findings

KEY = new_key()
NEWER_KEY = f"{'Ab1' * 17}x" + "JQQJ9" + "9BKACYeBjFXJ3w3AAABACOGabcd"
TOKEN = jwt.encode({"tid": "of-a-tenant", "aud": "https://ml.azure.com"}, secrets.token_hex(32), algorithm="HS256")
PRIVATE_KEY = "-----BEGIN RSA PRIVATE " + "KEY-----"
STORAGE = "AccountKey=" + base64.b64encode(secrets.token_bytes(64)).decode()


def scan(*arguments: object, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(part) for part in (COOKBOOK, "secrets", *arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=folder, env={**os.environ, **environment}
    )


def test_the_project_has_none(root):
    done = scan()
    assert done.returncode == 0 and "No credential in " in done.stdout, done.stdout
    assert int(done.stdout.split()[3]) > 200


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f'os.environ["AZURE_INFERENCE_CREDENTIAL"] = "{KEY}"', "Azure endpoint key"),
        (f"export AZURE_INFERENCE_CREDENTIAL={KEY}", "Azure endpoint key"),
        (f"curl --header 'api-key: {KEY}' https://host", "Azure endpoint key"),
        (f"Authorization: Bearer {KEY}", "Azure endpoint key"),
        (f"    api_key='{KEY}',", "Azure endpoint key"),
        (f"key {KEY}", "Azure endpoint key"),
        (f"the key is {NEWER_KEY}.", "Azure endpoint key"),
        (f"Bearer {TOKEN}", "JSON Web Token"),
        (PRIVATE_KEY, "Private Key"),
        (f"DefaultEndpointsProtocol=https;{STORAGE};", "Azure Storage Account access key"),
        ("https://user:" + "hunter22@host.example/path", "Basic Auth Credentials"),
        ("token = 'ghp_" + "a1B2" * 9 + "'", "GitHub Token"),
    ],
    ids=count(),  # a key would be another in each process of a test run
)
def test_what_is_planted_is_found_and_not_shown(tmp_path, text, kind):
    file = tmp_path / "notes.txt"
    file.write_text(f"one\n{text}\n")
    done = scan(file)
    assert done.returncode == 1 and f"{file}: line 2: {kind}" in done.stdout.splitlines()
    for secret in (KEY, NEWER_KEY, TOKEN, STORAGE):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        KEY,  # an MD5 sum looks the same
        f'"id": "{KEY}"',  # answers have ids of this shape
        f"chatcmpl-{KEY}",
        f"sha256={KEY}{KEY}",
        "key = os.environ['AZURE_INFERENCE_CREDENTIAL']",
        "api_key = your-32-character-key-goes-right-here",
        "Authorization: Bearer ***",
        f'api_key = "{KEY}"  # pragma: allowlist secret',
    ],
    ids=count(),  # a key would be another in each process of a test run
)
def test_what_is_none_is_no_alarm(tmp_path, text):
    file = tmp_path / "notes.txt"
    file.write_text(text)
    assert list(findings([file])) == []


def test_a_notebook_is_searched_everywhere(tmp_path):
    stream = nbformat.v4.new_output("stream", text=f"Your key:\n{KEY}\n")
    shown = nbformat.v4.new_output("display_data", {"text/html": f"<b>{TOKEN}</b>", "image/png": TOKEN})
    failed = nbformat.v4.new_output("error", ename="E", evalue="", traceback=["line", f"api_key={KEY}"])
    cells = [
        nbformat.v4.new_markdown_cell(f"My key is {KEY}"),
        nbformat.v4.new_code_cell("1 + 1", outputs=[stream, shown, failed]),
        nbformat.v4.new_code_cell("", metadata={"papermill": {"parameters": {"api_key": KEY}}}),
    ]
    file = tmp_path / "planted.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"note": f"Bearer {TOKEN}"}), file)
    places = ["cell 1: Azure endpoint key", "cell 2, output: Azure endpoint key", "cell 2, output: JSON Web Token"]
    places += ["cell 3, metadata: Azure endpoint key", "metadata: JSON Web Token"]
    assert list(findings([file])) == [f"{file}: {place}" for place in places]


def test_the_credential_of_the_environment_is_found_whatever_it_looks_like(tmp_path):
    (tmp_path / "log.txt").write_text("GET /?code=no%2Fordinary%20key")
    done = scan(tmp_path, **{CREDENTIAL: "no/ordinary key"})
    assert done.returncode == 1 and "log.txt: line 1: the credential of this environment" in done.stdout
    assert scan(tmp_path).returncode == 0


def test_files_that_are_no_text_and_damaged_notebooks_are_no_trouble(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0" + KEY.encode())
    (tmp_path / "damaged.ipynb").write_text(json.dumps({"cells": 7, "api_key": KEY}))
    assert list(findings([tmp_path / "picture.png"])) == []
    assert list(findings([tmp_path / "damaged.ipynb"])) == [f"{tmp_path}/damaged.ipynb: line 1: Azure endpoint key"]
    done = scan(tmp_path / "nothing-there")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "does not exist" in done.stderr


def test_the_pre_commit_hooks_stop_what_they_are_for(root, tmp_path):
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    file = tmp_path / "bad.py"
    file.write_text(f"import os\nkey    = '{KEY}'\n")
    assert {hook["id"] for hook in hooks} == {"credentials", "ruff", "ruff-format"}
    for hook in hooks:
        assert hook["language"] == "system", "a hook of another language would be downloaded"
        command = [*hook["entry"].split(), str(file)]
        assert subprocess.run(command, cwd=root, capture_output=True, timeout=60).returncode == 1, hook["id"]


def test_what_is_committed_passes_the_hooks_for_style(root):
    """Otherwise somebody who corrects a sentence of a notebook would have to reformat its cells first."""
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, root], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout
