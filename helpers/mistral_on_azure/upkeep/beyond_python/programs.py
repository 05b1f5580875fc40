"""The programs of notebooks/beyond-python, each cut at the line that begins a task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mistral_on_azure.azure.files import ROOT

FOLDER = ROOT / "notebooks" / "beyond-python"
SET_UP = "Set up"
_BEGIN = re.compile(r'^begin[ (]"(.*)"(?:\);)?\n', re.MULTILINE | re.IGNORECASE)  # of a task


@dataclass(frozen=True, slots=True)
class Program:
    """One program.

    Attributes:
        title: what it is called in tables and tabs.
        file: where it is in the folder.
        language: by the name that syntax highlighting knows.
    """

    title: str
    file: str
    language: str

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    def parts(self) -> dict[str, str]:
        """The parts, by their tasks; the first one is `Set up`."""
        split = _BEGIN.split(self.path.read_text(encoding="utf-8"))
        return {
            SET_UP: split[0].strip(),
            **{task: text.strip() for task, text in zip(split[1::2], split[2::2], strict=True)},
        }


# By the client in Python that a reader who knows it will look for.
PROGRAMS = {
    "webrequests": Program("curl", "curl.sh", "bash"),
    "openai-sdk": Program("OpenAI package", "openai-sdk.mjs", "javascript"),
    "azure-sdk": Program("@azure-rest/ai-inference", "azure-rest.mjs", "javascript"),
    "csharp": Program("C# (not run here)", "csharp/Program.cs", "csharp"),
}
