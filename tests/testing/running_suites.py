"""Runs test suites that users could have written, with a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT

HERE = Path(__file__).parent
# A checkout that was not set up since the plugin was added has no entry point for it yet.
PLUGIN = [] if entry_points(group="pytest11", name="azure_endpoint") else ["-p", "mistral_on_azure.testing.plugin"]
_LEFT_OUT = {"PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", ENDPOINT, CREDENTIAL}


def run_suite(file: Path, *arguments: str, python: Path = Path(sys.executable), **variables: str) -> str:
    """What pytest says about a suite, away from this repository's configuration."""
    options = [
        "-c",
        os.devnull,
        f"--rootdir={file.parent}",
        f"--confcutdir={file.parent}",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-q",
    ]
    plugin = PLUGIN if python == Path(sys.executable) else []
    environment = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT} | variables
    done = subprocess.run(
        [python, "-m", "pytest", *options, *plugin, *arguments, file.name],
        cwd=file.parent, env=environment, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    return done.stdout + done.stderr
