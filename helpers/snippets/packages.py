"""Which packages a starter has to install: one table."""

from __future__ import annotations

from collections.abc import Iterable

from helpers.snippets.imports import Import

# For each client: what is imported, and the package that it takes. What a package brings along is not listed again.
_IDENTITY = {"azure.identity": "azure-identity"}
PACKAGES: dict[str, dict[str, str]] = {
    "webrequests": {"requests": "requests", "httpx": "httpx", **_IDENTITY},
    "azure-sdk": {
        "azure.ai.inference": "azure-ai-inference",
        "azure.ai.inference.aio": "aiohttp",  # what it sends with
        **_IDENTITY,
    },
    "openai-sdk": {"openai": "openai", **_IDENTITY},
    "langchain": {
        "langchain": "langchain",
        "langchain.chat_models": "langchain-mistralai",  # found by the provider's name
        "mistral_common": "mistral-common[sentencepiece]",
        **_IDENTITY,
    },
    "mistralai": {"mistralai": "mistralai", **_IDENTITY},
    "litellm": {"litellm": "litellm", **_IDENTITY},
}


def packages(client: str, imports: Iterable[Import]) -> list[str]:
    """The packages to install for what is imported, the client's own first."""
    names = [f"{one.dotted}." for one in imports]
    return [package for module, package in PACKAGES[client].items() if any(n.startswith(f"{module}.") for n in names)]


def install_line(wanted: Iterable[str]) -> str:
    """The command that installs packages."""
    return "pip install " + " ".join(f'"{name}"' if "[" in name else name for name in wanted)
