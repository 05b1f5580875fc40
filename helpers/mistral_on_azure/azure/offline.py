"""The user's environment variables that the local endpoint's clients, kernels and child processes must not get.

With them a notebook on the local endpoint would sign in elsewhere with the user's own identity, send through a proxy,
trust other certificates, or run another Python. Each function returns changes: the new value by name, and None for a
variable to remove. `apply` makes them, and returns the changes that undo them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from mistral_on_azure.azure.addresses import AUTHORITIES

Changes = dict[str, str | None]

_OURS = ("AZURE_INFERENCE_", "COOKBOOK_")
# Identities of Azure's libraries, and the settings by which clients choose another service or trace calls to one.
_ELSEWHERE = (
    "AZURE_", "MSI_", "IDENTITY_", "IMDS_", "ARM_",
    "OPENAI_", "MISTRAL_", "LITELLM_", "LANGCHAIN_", "LANGSMITH_", "OTEL_",
)  # fmt: skip
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY", "FTP_PROXY")
_TLS = ("SSL_CERT_DIR", "SSLKEYLOGFILE", "SSL_CIPHERS", "NODE_TLS_REJECT_UNAUTHORIZED", "SSL_VERIFY", "SSL_CERTIFICATE")
_LOOPBACK = "127.0.0.1,localhost,::1"
_PACKAGE = Path(__file__).resolve().parents[2]  # the folder that holds the package
# Folders in which tiktoken looks for its vocabularies: where one is missing, it downloads it. LiteLLM brings its own.
_VOCABULARIES = ("CUSTOM_TIKTOKEN_CACHE_DIR", "TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")
_SHELL = ("BASH_ENV", "ENV", "BASHOPTS", "SHELLOPTS", "CDPATH", "NODE_OPTIONS", "NODE_PATH", "GREP_OPTIONS")
_DISPLAY = (
    "FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS", "COLORTERM", "COLUMNS", "LINES",
    "TTY_COMPATIBLE", "TTY_INTERACTIVE", "MPLBACKEND", "MATPLOTLIBRC", "PAGER", "GIT_PAGER",
)  # fmt: skip


def apply(changes: Mapping[str, str | None], environ: MutableMapping[str, str] = os.environ) -> Changes:
    """Make changes, and return those that undo them."""
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
