"""Child processes: the environment variables that they get, and servers that end when this process ends.

With the user's variables, a notebook on the local endpoint would sign in elsewhere with the user's own identity, send
through a proxy, trust other certificates, or run another Python. Functions that return `Changes` give the new value of
each variable, and None for a variable to remove. `apply` makes them, and returns the changes that undo them.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from mistral_on_azure.azure.addresses import AUTHORITIES
from mistral_on_azure.errors import CookbookError

MISTAKE = "Error: "  # a child that cannot serve prints this and the reason in place of its address
Changes = dict[str, str | None]

_START_TIMEOUT, _END_TIMEOUT = 30.0, 10.0  # seconds

_OURS = ("AZURE_INFERENCE_", "COOKBOOK_")
# Identities of Azure's libraries, and the settings by which clients choose another service or trace calls to one.
_ELSEWHERE = (
    "AZURE_", "MSI_", "IDENTITY_", "IMDS_", "ARM_",
    "OPENAI_", "MISTRAL_", "LITELLM_", "LANGCHAIN_", "LANGSMITH_", "OTEL_",
)  # fmt: skip
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY", "FTP_PROXY")
_TLS = ("SSL_CERT_DIR", "SSLKEYLOGFILE", "SSL_CIPHERS", "NODE_TLS_REJECT_UNAUTHORIZED", "SSL_VERIFY", "SSL_CERTIFICATE")
_LOOPBACK = "127.0.0.1,localhost,::1"
_HOST = re.compile(r"\*|\.?\w[\w.:/-]*|::[\w:]*")  # an entry of NO_PROXY
_PACKAGE = Path(__file__).resolve().parents[2]  # the folder that holds the package
# Folders in which tiktoken looks for its vocabularies: where one is missing, it downloads it. LiteLLM brings its own.
_VOCABULARIES = ("CUSTOM_TIKTOKEN_CACHE_DIR", "TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")
_SHELL = ("BASH_ENV", "ENV", "BASHOPTS", "SHELLOPTS", "CDPATH", "NODE_OPTIONS", "NODE_PATH", "GREP_OPTIONS")
_DISPLAY = (
    "FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS", "COLORTERM", "COLUMNS", "LINES",
    "TTY_COMPATIBLE", "TTY_INTERACTIVE", "MPLBACKEND", "MATPLOTLIBRC", "PAGER", "GIT_PAGER",
)  # fmt: skip


def apply(changes: Mapping[str, str | None], environ: MutableMapping[str, str] = os.environ) -> Changes:
    """Change environment variables, and return the changes that undo this."""
    before: Changes = {name: environ.get(name) for name in changes}
    for name, value in changes.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    return before


def away_from_others(environ: Mapping[str, str] = os.environ) -> Changes:
    """Keep clients on this machine: no identity, no proxy and no other service of the user's, and no netrc file.

    A proxy's address goes to npm and pip, which have variables of their own for it: a notebook may install packages.
    """
    changes: Changes = {
        name: None
        for name in environ
        if (name.startswith(_ELSEWHERE) and not name.startswith(_OURS) and name != "LITELLM_LOCAL_MODEL_COST_MAP")
        or name in (*_TLS, *_VOCABULARIES)
        or name.upper() in _PROXIES
    }
    http, https = (environ.get(name) or environ.get(name.lower()) for name in _PROXIES[:2])
    names = {"npm_config_proxy": http, "npm_config_https_proxy": https, "PIP_PROXY": https or http}
    changes |= {name: value for name, value in names.items() if value and name not in environ}
    # With these, Python asks neither macOS nor Windows for a proxy.
    return {**changes, "NO_PROXY": _LOOPBACK, "no_proxy": _LOOPBACK, "NETRC": os.devnull}


def around_proxies() -> dict[str, str]:
    """The environment variables that keep requests to loopback away from a web proxy; none where no proxy is set."""
    if not any(os.environ.get(name) or os.environ.get(name.lower()) for name in _PROXIES[:3]):
        return {}
    before = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    # httpx takes an address of IPv6 without its brackets only, and raises an error for what cannot be a host.
    hosts = [each.strip().strip("[]") for each in before.split(",")]
    value = ",".join([*filter(_HOST.fullmatch, hosts), "127.0.0.1", "localhost"])
    return {"NO_PROXY": value, "no_proxy": value}


def at_local_endpoint(session: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Changes:
    """The variables of a client of the local endpoint.

    Args:
        session: the answer of its `/local/session`, with its token service and its certificate authorities.
    """
    return {
        **away_from_others(environ),
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",  # the only one that is asked
        "IDENTITY_ENDPOINT": session["identity_endpoint"],
        "IDENTITY_HEADER": session["identity_header"],
        **dict.fromkeys(AUTHORITIES, session["authorities"]),
    }


def own_python(environ: Mapping[str, str] = os.environ) -> Changes:
    """Start Python without the user's settings for it. Of PYTHONPATH only this package's folder stays."""
    changes: Changes = {name: None for name in environ if name.startswith("PYTHON")}
    if str(_PACKAGE) in map(os.path.realpath, environ.get("PYTHONPATH", "").split(os.pathsep)):
        changes["PYTHONPATH"] = str(_PACKAGE)
    return changes


def forget_python_path() -> None:
    """Remove the folders of PYTHONPATH from the import path of this process and of the processes that it starts."""
    named = {os.path.realpath(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each}
    sys.path[:] = [each for each in sys.path if os.path.realpath(each) not in named - {str(_PACKAGE)}]
    apply(own_python())


def own_kernel(folder: Path, environ: Mapping[str, str] = os.environ) -> Changes:
    """Start kernels of this environment, without the user's profile, display and shell.

    Args:
        folder: a private folder, for what IPython and Jupyter write.
    """
    removed = (*_DISPLAY, *_SHELL)
    theirs = ("IPYTHON", "JUPYTER", "JPY_", "BASH_FUNC_")
    return {
        **{name: None for name in environ if name in removed or name.startswith(theirs)},
        **own_python(environ),
        "PYTHONUTF8": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PATH": str(Path(sys.prefix, "share", "jupyter")),
        **{f"JUPYTER_{name}_DIR": str(folder / "jupyter") for name in ("CONFIG", "DATA", "RUNTIME")},
    }


def kernel_sockets(folder: Path | str) -> dict[str, str]:
    """The settings of Jupyter's KernelManager with which a kernel and its client talk over sockets in a folder.

    By default they use TCP ports, which are open to every user of the machine, and which another program may take
    between their choice and their use. Windows has no such sockets, so there they use ports.

    Args:
        folder: an empty, private one.
    """
    transport = {} if os.name == "nt" else {"transport": "ipc", "ip": f"{folder}/s"}
    return {"connection_file": f"{folder}/kernel.json", **transport}


def begin(module: str, environment: dict[str, str]) -> subprocess.Popen:
    """Run a module that prints its address in one line and ends at the end of its standard input.

    The standard input is a pipe, which the operating system closes when this process ends, even by a crash.

    Args:
        environment: all of the child's environment variables; credentials go there, never into its arguments.
    """
    environment = dict(environment)
    apply(own_python(environment), environment)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],  # -P: a file of the current folder, such as attr.py, is no module of ours
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches the parent, which ends the child in its own time
    )


def address(process: subprocess.Popen, otherwise: str) -> str:
    """Wait for the address that a child prints.

    Args:
        otherwise: the error message when no address is printed within 30 seconds.

    Raises:
        CookbookError: with the child's own message about a mistake, or with `otherwise`; the child has ended.
    """
    timer = threading.Timer(_START_TIMEOUT, process.kill)
    timer.daemon = True
    timer.start()
    try:
        line = process.stdout.readline().strip()
    finally:
        timer.cancel()
    if not line.startswith("http"):
        stop(process)
        raise CookbookError(line.removeprefix(MISTAKE) if line.startswith(MISTAKE) else otherwise)
    return line


def stop(process: subprocess.Popen) -> None:
    """End a child; safe to call twice."""
    process.stdin.close()
    try:
        process.wait(_END_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        # A process in a system call, such as a write to a slow disk, ends after that call.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_TIMEOUT)
    process.stdout.close()


def reserved_port() -> int:
    """A free port of loopback for a program that cannot choose a free one itself.

    The operating system gives the port to no other program for a minute, since a connection that was closed on this
    side keeps it in the state TIME_WAIT. A server can listen on it nevertheless, as servers set SO_REUSEADDR.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        accepted.close()  # before the client closes, so that this side gets the state TIME_WAIT
        return listener.getsockname()[1]
