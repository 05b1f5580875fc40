"""Which packages a starter has to install: one table."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from helpers.errors import CookbookError
from helpers.snippets.imports import Import

# The package that an import takes; also those that are needed without being imported by name.
PACKAGES = {
    "requests": "requests",
    "azure.ai.inference": "azure-ai-inference",
    "azure.ai.inference.aio": "aiohttp",  # what it sends with
    "openai": "openai",
    "langchain": "langchain",
    "langchain.chat_models": "langchain-mistralai",  # init_chat_model finds it by the provider's name
    "langchain_core": "langchain-core",
    "langgraph": "langgraph",
    "langchain_mistralai": "langchain-mistralai",
    "mistralai": "mistralai",
    "litellm": "litellm",
    "azure.core": "azure-core",
    "azure.identity": "azure-identity",
    "httpx": "httpx",
    "httpx2": "httpx2",
    "mistral_common": "mistral-common[sentencepiece]",
    "pydantic": "pydantic",
    "urllib3": "urllib3",
}
# What comes along with another package, and need not be named beside it.
BROUGHT_BY = {
    "azure-core": {"azure-ai-inference", "azure-identity"},
    "httpx": {"openai", "langchain", "langchain-mistralai", "litellm"},
    "httpx2": {"mistralai"},
    "langchain-core": {"langchain", "langchain-mistralai"},
    "langgraph": {"langchain"},
    "openai": {"litellm"},
    "pydantic": {"openai", "langchain", "langchain-mistralai", "mistralai", "litellm"},
    "urllib3": {"requests"},
}
# What a package needs besides, where a program makes this name.
WITH_EXTRAS = {"litellm": {"tools": "litellm[mcp]"}}


def packages(imports: Iterable[Import], made: frozenset[str] = frozenset()) -> list[str]:
    """The packages to install for what is imported, in the table's order.

    Args:
        made: the names that the program makes.

    Raises:
        CookbookError: for an import that the table does not know.
    """
    wanted = set()
    for one in imports:
        found = {package for module, package in PACKAGES.items() if f"{one.dotted}.".startswith(f"{module}.")}
        if not found and one.package not in sys.stdlib_module_names:
            raise CookbookError(f"A snippet imports {one.dotted}: say its package in helpers/snippets/packages.py.")
        wanted |= found
    listed = dict.fromkeys(package for package in PACKAGES.values() if package in wanted)
    named = [package for package in listed if not BROUGHT_BY.get(package, set()) & wanted]
    return [_with_extras(package, made) for package in named]


def _with_extras(package: str, made: frozenset[str]) -> str:
    extras = WITH_EXTRAS.get(package, {})
    return next((extras[name] for name in extras if name in made), package)


def install_line(wanted: Iterable[str]) -> str:
    """The command that installs packages."""
    return "pip install " + " ".join(f'"{name}"' if "[" in name else name for name in wanted)
