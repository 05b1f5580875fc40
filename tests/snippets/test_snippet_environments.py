"""A starter of each client where only what its install line names is installed, at the versions of the lock.

The environments are kept in build/snippet-envs. Without a package index to make them from, the tests are skipped.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.package_index import ROOT, pip_settings
from mistral_on_azure.setup_environment import LOCK
from mistral_on_azure.snippets.offering import slug
from mistral_on_azure.snippets.starter import starter

CLIENTS = names()

# The last one is there because its package has to be installed with an extra.
STARTERS = [*((client, "Stream the answer") for client in CLIENTS), ("litellm", "Call tools")]
UV = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
UNREACHABLE = r"(?i)failed to fetch|error sending request|dns error|connection refused|timed out|no cache entries"


@pytest.mark.parametrize(("client", "task"), STARTERS)
def test_the_starter_runs_where_only_its_client_is(client, task, world, local, tmp_path):
    text = starter(ROOT / "notebooks", task, client)
    install = shlex.split(re.search(r"# Install: pip install (.*)", text)[1])
    python = environment(f"{client}-{slug(task)}", install)
    (tmp_path / "it.py").write_text(text, encoding="utf-8")
    only = {ENDPOINT: local.url, CREDENTIAL: local.key}
    command = [python, tmp_path / "it.py"]
    done = subprocess.run(command, env=only, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def environment(name: str, install: list[str]) -> Path:
    """The Python of an environment with these packages, made if there is no current one."""
    folder = ROOT / "build" / "snippet-envs" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "made-from"
    wanted = hashlib.sha256(f"{sys.version} {install} {LOCK.read_text(encoding='utf-8')}".encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        uv("venv", "--quiet", "--python", sys.executable, folder)
        uv("pip", "install", "--quiet", "--python", python, "--constraint", LOCK, *install)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def uv(*arguments: object) -> None:
    """Run uv; skip the test where it cannot reach a package index."""
    if not UV.exists():
        pytest.skip("uv is not installed")
    settings = {**os.environ, **index(), "UV_HTTP_TIMEOUT": "20", "UV_HTTP_RETRIES": "0"}
    done = subprocess.run([UV, *map(str, arguments)], env=settings, capture_output=True, encoding="utf-8", timeout=200)
    if done.returncode and re.search(UNREACHABLE, done.stderr):
        pytest.skip(f"no package index can be reached: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr


@cache
def index() -> dict[str, str]:
    """Where packages come from. Asking pip takes as long as an installation."""
    return pip_settings()
