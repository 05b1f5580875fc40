"""What notebooks share: measurements with their dates, sets of questions with their sources, and a recipe's programs.

Commands measure: `make bench-batch`, `make bench-clients`, `make faults`, `make bench-quota`, `make next-token`, `make
scores`. A notebook that cannot measure as much shows what is kept, and says so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mistral_on_azure.azure.files import NOTEBOOKS
from mistral_on_azure.catalog.notebooks import ENDING, load
from mistral_on_azure.errors import CookbookError

_UPKEEP = Path(__file__).resolve().parents[1] / "upkeep"
_FILES = {
    "batch": _UPKEEP / "measurements" / "batch.json",
    "clients": _UPKEEP / "measurements" / "clients.json",
    "faults": _UPKEEP / "faults" / "clients_and_faults.json",
    "next token": _UPKEEP / "measurements" / "next_token.json",
    "quota": _UPKEEP / "measurements" / "quota.json",
    "scores": _UPKEEP / "measurements" / "scores.json",
    "written dates": _UPKEEP / "measurements" / "written_dates.json",
}


def kept(name: str) -> dict[str, Any]:
    """What is kept under a name, as it lies in the file.

    Args:
        name: "batch" (what a batch takes in one process, in two and on Ray), "clients" (what each client costs),
            "faults" (what each does about them), "quota" (what each way to keep to a quota uses of it), "next token"
            (how likely a small real model finds each token after a sentence), "scores" (its answers to the evaluation
            set) or "written dates" (the evaluation set itself).

    Raises:
        CookbookError: for another name.
    """
    if name not in _FILES:
        raise CookbookError(f"Nothing is kept as {name!r}. Choose one of: {', '.join(_FILES)}.")
    return json.loads(_FILES[name].read_text(encoding="utf-8"))


def recipe_programs(recipe: str) -> dict[str, str]:
    """The programs that a recipe writes with `%%writefile`, by their file names, for another that uses them as well.

    Args:
        recipe: the name of its file, without the ending.

    Raises:
        CookbookError: when there is no such recipe.
    """
    return load(NOTEBOOKS / "recipes" / f"{recipe}{ENDING}").programs
