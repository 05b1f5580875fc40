"""What the programs need: packages for those in JavaScript, curl and jq for the one in bash."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from mistral_on_azure.upkeep.beyond_python import FOLDER

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def installed() -> Path:
    """The programs, beside the packages of the lock; these are kept until the lock changes."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("there is no Node.js with npm")
    folder = ROOT / "build" / "beyond-python"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        _install(folder)
    return folder


@pytest.fixture(scope="session")
def curl() -> str:
    """The path of curl, where there is jq as well."""
    if not shutil.which("curl") or not shutil.which("jq"):
        pytest.skip("there is no curl, or no jq")
    return shutil.which("curl")


def _install(folder: Path) -> None:
    lock, last = FOLDER / "package-lock.json", folder / "installed-from.json"
    current = last.exists() and last.read_bytes() == lock.read_bytes()
    for name in ("package.json", "package-lock.json", "openai-sdk.mjs", "azure-rest.mjs"):
        shutil.copyfile(FOLDER / name, folder / name)
    if current:
        return
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)
    if re.search("ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN", done.stderr):
        pytest.skip("no package registry can be reached")
    assert done.returncode == 0, done.stderr
    shutil.copyfile(lock, last)
