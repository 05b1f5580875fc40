"""What the repository keeps for notebooks: measurements with their dates, and sets of questions with their sources.

Commands make them: `make bench-clients`, `make faults`, `make bench-quota`, `make scores`. A notebook that cannot
measure as much shows what is kept, and says so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mistral_on_azure.errors import CookbookError

_UPKEEP = Path(__file__).resolve().parents[1] / "upkeep"
_FILES = {
    "clients": _UPKEEP / "measurements" / "clients.json",
    "faults": _UPKEEP / "faults" / "clients_and_faults.json",
    "quota": _UPKEEP / "measurements" / "quota.json",
    "scores": _UPKEEP / "measurements" / "scores.json",
    "written dates": _UPKEEP / "measurements" / "written_dates.json",
}


def kept(name: str) -> dict[str, Any]:
    """What is kept under a name, as it lies in the file.

    Args:
        name: "clients" (what each client costs), "faults" (what each does about them), "quota" (what each way to keep
            to a quota uses of it), "scores" (the answers of a small real model to the evaluation set) or "written
            dates" (the evaluation set itself).

    Raises:
        CookbookError: for another name.
    """
    if name not in _FILES:
        raise CookbookError(f"Nothing is kept as {name!r}. Choose one of: {', '.join(_FILES)}.")
    return json.loads(_FILES[name].read_text(encoding="utf-8"))
