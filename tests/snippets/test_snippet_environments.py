"""A starter of each client where only what its install line names is installed, at the versions of the lock.

The environments are kept in build/snippet-envs. Without a package index to make them from, the tests are skipped.
"""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from environments import environment
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.selection import slug
from mistral_on_azure.package_index import ROOT
from mistral_on_azure.snippets.starter import starter

CLIENTS = names()

# The last one is there because its package has to be installed with an extra.
STARTERS = [*((client, "Stream the answer") for client in CLIENTS), ("litellm", "Call tools")]
SOON = {"openai-sdk"}  # an environment takes ten seconds
RUNS = [pytest.param(client, task, marks=() if client in SOON else pytest.mark.all) for client, task in STARTERS]


@pytest.mark.parametrize(("client", "task"), RUNS)
def test_the_starter_runs_where_only_its_client_is(client, task, world, local, tmp_path):
    text = starter(ROOT / "notebooks", task, client)
    install = shlex.split(re.search(r"# Install: pip install (.*)", text)[1])
    python = environment(ROOT / "build" / "snippet-envs" / f"{client}-{slug(task)}", install)
    (tmp_path / "it.py").write_text(text, encoding="utf-8")
    only = {ENDPOINT: local.url, CREDENTIAL: local.key}
    command = [python, tmp_path / "it.py"]
    done = subprocess.run(command, env=only, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
