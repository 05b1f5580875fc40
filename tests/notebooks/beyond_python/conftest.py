"""What the programs need: packages for those in JavaScript, curl and jq for the one in bash, .NET for those in C#."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from mistral_on_azure.upkeep.beyond_python import FOLDER, PROGRAMS

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


@pytest.fixture(scope="session")
def dotnet() -> str:
    """The path of dotnet, where there is the .NET SDK 10. The programs have been built, without a warning."""
    path = shutil.which("dotnet")
    version = path and subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60).stdout
    if not version or int(re.match(r"\d*", version)[0] or 0) < 10:
        pytest.skip("there is no .NET SDK 10, the first that runs a single file")
    (ROOT / "build").mkdir(exist_ok=True)
    with FileLock(ROOT / "build" / "csharp.lock"):
        for program in PROGRAMS.values():
            if program.language == "csharp":
                _build(path, program.path)
    return path


def _build(dotnet: str, program: Path) -> None:
    done = subprocess.run([dotnet, "build", program], capture_output=True, text=True, timeout=300)
    if re.search("error NU1301", done.stdout):
        pytest.skip("no package registry can be reached")
    assert done.returncode == 0 and "warning CS" not in done.stdout, done.stdout


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
