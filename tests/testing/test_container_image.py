"""The image of the local endpoint, and the compose file that puts an app's tests beside it."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.credentials import new_key
from small_project import make

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "helpers" / "mistral_on_azure" / "testing" / "container"
DOCKERFILE = (FILES / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((FILES / "compose.yaml").read_text(encoding="utf-8"))


def test_the_tests_call_the_endpoint_by_a_name_that_it_answers_to():
    endpoint, tests = COMPOSE["services"]["endpoint"], COMPOSE["services"]["tests"]
    port = re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[1]
    (name,) = endpoint["command"][1:]
    assert tests["environment"][ENDPOINT] == f"http://{name}:{port}" and name in COMPOSE["services"]
    assert CREDENTIAL in endpoint["environment"] and CREDENTIAL in tests["environment"]


def test_what_the_container_runs_answers_to_that_name(tmp_path):
    """The entry point's own words and the compose file's, with another port and without a container."""
    entry = re.search(r"^ENTRYPOINT \[(.*)\]$", DOCKERFILE, re.MULTILINE)[1]
    words = [word.strip('" ') for word in entry.split(",")]
    assert words[0] == "cookbook"
    words[words.index("--port") + 1] = "0"
    key = new_key()
    command = [sys.executable, "-m", "mistral_on_azure.cli", *words[1:], *COMPOSE["services"]["endpoint"]["command"]]
    served = subprocess.Popen(
        command, env={**os.environ, CREDENTIAL: key}, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(re.search(rf"{ENDPOINT}=http://[^:]+:(\d+)", served.stdout.readline())[1])
        for host, status in (("endpoint:8000", 200), ("another:8000", 403)):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            headers = {"Host": host, "Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            connection.request(
                "POST", "/chat/completions", COMPOSE["services"]["tests"]["environment"]["QUESTION"], headers
            )
            assert connection.getresponse().status == status, host
            connection.close()
    finally:
        served.terminate()
        served.wait(20)


def test_the_workflow_builds_it_and_nothing_lets_it_pass(root):
    workflow = yaml.safe_load((root / ".github" / "workflows" / "cookbook.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["container"]
    assert "continue-on-error" not in str(job)
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "make image",
        f"{CREDENTIAL}=$(openssl rand -hex 16) docker compose up --build --exit-code-from tests",
    ]


@pytest.mark.all
@pytest.mark.timeout(900)
def test_the_image_is_built_and_asked(root):
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "ls"], capture_output=True, timeout=60).returncode:
        pytest.skip("there is no Docker daemon with compose here; the workflow builds the image")
    made = make("image")
    assert made.returncode == 0, made.stderr
    command = [docker, "compose", "up", "--build", "--exit-code-from", "tests"]
    done = subprocess.run(
        command, cwd=root / "build" / "image", env={**os.environ, CREDENTIAL: new_key()}, capture_output=True, text=True
    )
    assert done.returncode == 0 and "languages" in done.stdout, done.stdout + done.stderr
