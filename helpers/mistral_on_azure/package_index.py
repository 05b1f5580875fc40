"""Which package index the installers use, and the lock files with the packages that they install.

Of the caller's environment variables and of the configuration of pip and uv, installers get only what a package index
needs.

`setup_environment` uses it before anything is installed, so it needs the standard library alone.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
UV_CONFIGURATION = VENV / "uv.toml"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCK = ROOT / "requirements.lock"
_GROUP_LOCKS = Path(__file__).with_name("upkeep") / "locks"
_ADDED = VENV / "groups"  # the names of the groups that were added, one a line

# The caller's environment variables that an installer gets: where programs, folders and caches are, and what a package
# index needs. Others could make it install elsewhere, or are secret, such as an endpoint's key.
PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|TZ|LANG|LANGUAGE|LC_\w+|TMPDIR|TMP|TEMP|NO_COLOR|(DY)?LD_LIBRARY_PATH|NIX_LD\w*"
    r"|XDG_(CACHE_HOME|CONFIG_HOME|CONFIG_DIRS|DATA_HOME|RUNTIME_DIR)|DBUS_SESSION_BUS_ADDRESS"
    r"|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|APPDATA|LOCALAPPDATA|USERPROFILE|PROGRAMDATA|PROGRAMFILES\w*"
    r"|(HTTPS?|ALL|NO|FTP)_PROXY|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC"
    r"|VSS_NUGET_\w+|ARTIFACTS_CREDENTIALPROVIDER_\w+"
    r"|PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|PROXY|CERT|CLIENT_CERT|KEYRING_PROVIDER)"
    r"|PIP_(CACHE_DIR|NO_CACHE_DIR|TIMEOUT|DEFAULT_TIMEOUT|RETRIES)"
    r"|UV_(DEFAULT_INDEX|INDEX\w*|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|INSECURE_HOST|KEYRING_PROVIDER|NATIVE_TLS)"
    r"|UV_(SYSTEM_CERTS|CREDENTIALS_DIR|CACHE_DIR|NO_CACHE|LINK_MODE|OFFLINE|HTTP_\w+|REQUEST_TIMEOUT|CONCURRENT_\w+)",
    re.IGNORECASE,
)
_PIP_NAMES_IN_UV = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
_UV_KEYS = ("index", "index-url", "extra-index-url", "find-links", "no-index", "index-strategy", "keyring-provider")
_UV_KEYS += ("native-tls", "system-certs", "allow-insecure-host", "cache-dir", "no-cache", "link-mode", "offline")
_UV_KEYS += ("http-proxy", "https-proxy", "no-proxy")


def groups() -> list[str]:
    """The names of the groups of packages that can be added to the environment."""
    return sorted(path.stem for path in _GROUP_LOCKS.glob("*.lock"))


def name_of(requirement: str) -> str:
    """The package's name in a requirement, as `inspect-ai` in `inspect-ai>=0.3`."""
    return re.split(r"[^\w.-]", requirement)[0]


def group_of(requirements: Sequence[str]) -> str:
    """The name of a group that brings all these packages; empty when none does, and for no packages."""
    wanted = {re.sub(r"[-_.]+", "-", name_of(each)).lower() for each in requirements}
    for name in groups() if wanted else ():
        text = (_GROUP_LOCKS / f"{name}.lock").read_text(encoding="utf-8")
        if wanted <= set(re.findall(r"^([a-z0-9.-]+)==", text, re.MULTILINE)):
            return name
    return ""


def added() -> list[str]:
    """The names of the groups that were added."""
    names = _ADDED.read_text(encoding="utf-8").split() if _ADDED.exists() else []
    return [name for name in names if name in groups()]


def keep(names: Iterable[str]) -> None:
    """Remember which groups are added."""
    _ADDED.write_text("\n".join(sorted(names)), encoding="utf-8")


def locks() -> list[Path]:
    """The lock files whose packages belong in the environment."""
    return [LOCK, *(_GROUP_LOCKS / f"{name}.lock" for name in added())]


def variables() -> dict[str, str]:
    """The environment variables for installers, with those settings of pip that concern a package index."""
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    configured = {f"PIP_{key.replace('-', '_').upper()}": value for key, value in _pip_configuration().items()}
    passed |= {name: value for name, value in configured.items() if PASSED_ON.fullmatch(name)}
    passed |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "VIRTUAL_ENV": str(VENV)}
    return {"PIP_RETRIES": "2", **passed, "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])}


def pip_settings() -> dict[str, str]:
    """pip's settings for the package index and certificates as uv's variables, without those that are set already."""
    configured = _pip_configuration()
    return {
        name: configured[key] for key, name in _PIP_NAMES_IN_UV.items() if key in configured and name not in os.environ
    }


@functools.cache  # `pip config list` takes a second
def _pip_configuration() -> dict[str, str]:
    """pip's configuration, from its files and environment variables, by the names of its options."""
    passed = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    passed |= {name: os.environ[name] for name in ("PIP_CONFIG_FILE",) if name in os.environ}
    command = [PYTHON, "-I", "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, env=passed).stdout
    found: dict[str, str] = {}
    for section in ("global", "install", ":env:"):  # a later section overrides an earlier one
        for key, value in re.findall(rf"^{section}\.([\w-]+)=(.+)$", listed, re.MULTILINE):
            with contextlib.suppress(SyntaxError, ValueError):
                found[key] = str(ast.literal_eval(value))
    return found


def configure_uv() -> None:
    """Write a configuration file for uv, with what uv's own files, and pip's `no-index`, say about package indexes."""
    if os.environ.get("UV_NO_CONFIG"):
        files = []
    elif own := os.environ.get("UV_CONFIG_FILE"):
        files = [Path(own)]
    else:
        user = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME") or Path.home() / ".config"
        system = os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)
        files = [Path("/etc/uv/uv.toml"), *(Path(each, "uv", "uv.toml") for each in (*system, user))]
    import tomllib  # new in Python 3.11; an older Python must still get to the error that refuses it

    kept: dict[str, Any] = {}
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            said = tomllib.loads(file.read_text(encoding="utf-8"))
            kept |= {
                key: value for part in (said, said.get("pip", {})) for key, value in part.items() if key in _UV_KEYS
            }
    if (pip := _pip_configuration()).get("no-index", "").lower() in ("1", "true", "yes", "on"):
        kept |= {"no-index": True, "find-links": pip.get("find-links", "").split()}
    UV_CONFIGURATION.unlink(missing_ok=True)
    with open(os.open(UV_CONFIGURATION, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{key} = {_toml(value)}\n" for key, value in kept.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, default=str)  # strings, numbers, true and false look the same in JSON
