"""Keeping credentials out of everything a run writes: what leaked is masked, and said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from mistral_on_azure.azure.files import write_whole

_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")  # a JSON web token, as Microsoft Entra ID issues
_SHORTEST = 6  # characters; anything shorter is no secret and would mask ordinary words
MASK = "***"


class Masker:
    """Replaces known secrets and anything that looks like a token."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if len(secret) >= _SHORTEST}
        spelled = known | {json.dumps(secret)[1:-1] for secret in known}
        self._known = re.compile("|".join(map(re.escape, sorted(spelled, key=len, reverse=True))) or r"(?!)")

    def text(self, text: str) -> str:
        return _TOKEN.sub(MASK, self._known.sub(MASK, text))

    def file(self, path: Path) -> bool:
        """Mask a file in place; tell whether there was anything to mask."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            return False
        masked = self.text(text)
        if masked != text:
            write_whole(path, masked)
        return masked != text
