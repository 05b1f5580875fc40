"""Set up the project's environment: `python helpers/mistral_on_azure/setup_environment.py`. Standard library only.

It makes .venv, installs the exact versions of requirements.lock with uv and the `cookbook` command, and leaves a
stamp last, so that an interrupted set-up starts over and a finished one is not repeated.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "set-up"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")


def main() -> None:
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted and PYTHON.exists():
        return
    STAMP.unlink(missing_ok=True)
    if VENV.exists() and not _works():
        print("The environment in .venv is incomplete; making it again.", flush=True)
        shutil.rmtree(VENV)
    if not VENV.exists():
        print("Setting up: making .venv", flush=True)
        venv.create(VENV, with_pip=True)
    print("Setting up: installing the packages of requirements.lock (about a minute on a new machine)", flush=True)
    _install()
    STAMP.write_text(wanted, encoding="utf-8")
    print("Set up.", flush=True)


def fingerprint() -> str:
    """What the environment depends on: the lock, the project file and the Python version."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (LOCK, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _works() -> bool:
    """Whether .venv has a Python of this version, with pip."""
    check = f"import sys, pip; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    try:
        return subprocess.run([PYTHON, "-c", check], capture_output=True, timeout=60).returncode == 0
    except OSError:
        return False


def _install() -> None:
    uv = next(line.split()[0] for line in LOCK.read_text(encoding="utf-8").splitlines() if line.startswith("uv=="))
    _run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", uv])
    environment = {**os.environ, **pip_settings(), "VIRTUAL_ENV": str(VENV)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        _run([BIN / "uv", "pip", "sync", "--quiet", LOCK], environment)
        _run([BIN / "uv", "pip", "install", "--quiet", "--no-deps", "--editable", ROOT], environment)
    except subprocess.CalledProcessError:
        # pip knows more ways to a package index than uv does: proxies, certificates, credentials, find-links.
        print("Setting up: uv could not install; trying pip, which is slower", flush=True)
        _run([PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", LOCK])
        _run([PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", ROOT])


def pip_settings() -> dict[str, str]:
    """The package index and certificates that pip is configured with, in uv's words."""
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    settings = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        name = names.get(key.rsplit(".", 1)[-1])
        if name and name not in os.environ:
            settings[name] = value.strip("'\"")
    return settings


def _run(command: list[object], environment: dict[str, str] | None = None) -> None:
    subprocess.run([str(part) for part in command], check=True, env=environment)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"Setting up failed at: {' '.join(map(str, error.cmd))}. Mend what it says above and run make again.")
    except KeyboardInterrupt:
        sys.exit("Setting up was interrupted; the next make takes it up again.")
