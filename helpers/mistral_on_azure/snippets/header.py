"""The comment at the top of a program: what it is, what to install for it, which environment variables to set."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Sequence
from importlib.metadata import packages_distributions

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT, OPENAI_ENDPOINT, TOKEN_SCOPE
from mistral_on_azure.catalog import clients
from mistral_on_azure.errors import CookbookError

_MEANING = {
    ENDPOINT: "the endpoint's base address, without /v1 or /score",
    OPENAI_ENDPOINT: "the same address with /v1; on a Foundry resource with /openai/v1",
    TOKEN_SCOPE: "https://ml.azure.com/.default; on a Foundry resource https://ai.azure.com/.default",
    CREDENTIAL: "the endpoint's key",
}
_NO_KEY = "No key: sign in with `az login`, or run it where a managed identity is."


def header(title: str, section: str, first: Sequence[str], code: str) -> str:
    """The comment at the top of a program.

    Args:
        title: the notebook's title.
        section: its heading.
        first: lines on what is needed, such as the install line.
        code: the program; the environment variables that it reads are explained.
    """
    variables = [name for name in _MEANING if name in code]
    lines = [f"{title}: {section}", *first]
    if variables:
        width = max(map(len, variables))
        lines.append(f"Set {'these environment variables' if len(variables) > 1 else 'this environment variable'}:")
        lines += [f"  {name:{width}}  {_MEANING[name]}" for name in variables]
    if CREDENTIAL not in variables:
        lines.append(_NO_KEY)
    return "\n".join(f"# {line}" for line in lines)


def install_line(modules: Iterable[str], assigned: Collection[str] = (), beside: Sequence[str] = ()) -> str:
    """The command that installs what a program imports: the packages of clients.toml in its order, then all others.

    Args:
        modules: dotted names, with the name that is taken from a module: `openai`, `azure.identity.AzureCliCredential`.
        assigned: the names that the program assigns; some packages need an extra where there is one of these.
        beside: the packages that a recipe needs besides those of the cookbook.

    Raises:
        CookbookError: for a module that no package is known for.
    """
    table, wanted, others = clients.packages(), set(), set()
    for module in modules:
        found = {package for name, package in table.imports.items() if f"{module}.".startswith(f"{name}.")}
        wanted |= found
        if not found and module.partition(".")[0] not in sys.stdlib_module_names:
            others |= _others(module.partition(".")[0], beside)
    named = [each for each in dict.fromkeys(table.imports.values()) if each in wanted]
    named = [each for each in named if not table.brought_by.get(each, frozenset()) & wanted]
    words = [*(_with_extra(each, table.extras.get(each, {}), assigned) for each in named), *sorted(others)]
    return "pip install " + " ".join(f'"{word}"' if re.search(r"[\[<>=]", word) else word for word in words)


def _others(module: str, beside: Sequence[str]) -> set[str]:
    """The package of a module: one of the recipe's that is called alike, an installed one, or else all the recipe's."""
    alike = {each for each in beside if re.split(r"[^\w.-]", each)[0].lower().replace("-", "_") == module.lower()}
    found = alike or set(packages_distributions().get(module, [])[:1]) or set(beside)
    if not found:
        raise CookbookError(
            f"A snippet imports {module}: name its package in catalog/clients.toml, or beside its recipe."
        )
    return found


def _with_extra(package: str, extras: dict[str, str], assigned: Collection[str]) -> str:
    return next((extras[name] for name in extras if name in assigned), package)
