"""`make beyond-python`: fills the notebooks in other languages with the programs beside them, and executes them.

A program is split into tasks at the lines that begin one. Each cell runs in a process of its own. So the code that
connects is written to a file, which later cells read, and so are the definitions above the last empty line of "Call
tools".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.files import ROOT
from mistral_on_azure.catalog.clients import FIRST
from mistral_on_azure.catalog.notebooks import Kind, notebooks
from mistral_on_azure.catalog.selection import Selection, slug
from mistral_on_azure.running.plans import Options
from mistral_on_azure.running.run_command import execute
from mistral_on_azure.snippets.starter import ENTRA_ID, KEY

FOLDER = ROOT / "notebooks" / "beyond-python"
SET_UP = "Set up"
_BEGIN = re.compile(r'^begin[ (]"(.*)"(?:\);)?\n', re.MULTILINE | re.IGNORECASE)  # the line that begins a task


@dataclass(frozen=True, slots=True)
class Program:
    """One program.

    Attributes:
        title: its name in tables and tabs.
        file: its path in the folder.
        language: its name for syntax highlighting.
        notebook: the name of the notebook whose cells are made from it; empty where there is none.
    """

    title: str
    file: str
    language: str
    notebook: str = ""

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    def parts(self) -> dict[str, str]:
        """The parts of the program, by task; the first part is `Set up`."""
        split = _BEGIN.split(self.path.read_text(encoding="utf-8"))
        return {
            SET_UP: split[0].strip(),
            **{task: text.strip() for task, text in zip(split[1::2], split[2::2], strict=True)},
        }

    def by_hand(self) -> str:
        """The remark in the first lines of a program that the tests run only where there is .NET; else empty."""
        lines = self.parts()[SET_UP].partition("\n// What was tried")[0].splitlines()[1:]  # the first line is the title
        said = " ".join(line.removeprefix("// ") for line in lines)
        return said if said.startswith("Tested by hand on") else ""


# The keys are those of the Python clients to which the programs correspond, where there is one.
PROGRAMS = {
    "webrequests": Program("curl", "curl.sh", "bash", "curl"),
    "openai-sdk": Program("JavaScript, OpenAI", "openai-sdk.mjs", "javascript", "javascript"),
    "azure-sdk": Program("JavaScript, Azure", "azure-rest.mjs", "javascript", "javascript"),
    "csharp-openai": Program("C#, OpenAI", "csharp/openai-sdk.cs", "csharp"),
    "csharp-azure": Program("C#, Azure.AI.Inference", "csharp/azure-ai-inference.cs", "csharp"),
}


_TOOLS = "Call tools"
_NODE = "%%script node --input-type=module -"
_IMPORT = re.compile(r'^import (?:(\w+)(?:, )?)?(?:\{ (.*) \} )?\s?from "(.*)";\n', re.MULTILINE)
_EXPORTED = re.compile(r"^(?:const|let|(?:async )?function) (\w+)", re.MULTILINE)


def cells(notebook: str) -> dict[str, str]:
    """The sources of a notebook's code cells that are made from programs, by the cells' ids.

    Args:
        notebook: the notebook's name, as in `PROGRAMS`; a name that is not there has no such cells.
    """
    made: dict[str, str] = {}
    for client, program in PROGRAMS.items():
        if program.notebook == notebook:
            made |= _CELLS[program.language](client)
    return made


def _bash(client: str) -> dict[str, str]:
    parts = PROGRAMS[client].parts()
    del parts[SET_UP]
    defined, parts[_TOOLS] = parts[_TOOLS].rsplit("\n\n", 1)
    made = {
        _id(KEY, "file"): _file("connection.sh", parts.pop(KEY)),
        _id(ENTRA_ID, "file"): _file("token.sh", parts.pop(ENTRA_ID)),
        _id(_TOOLS, "file"): _file("tools.sh", defined),
    }
    for task, part in parts.items():
        tools = "source tools.sh\n" if task == _TOOLS else ""
        made[_id(task, client)] = f"%%bash\nsource connection.sh\n{tools}{part}"
    return made


def _javascript(client: str) -> dict[str, str]:
    parts = PROGRAMS[client].parts()
    repeated = _repeated(parts) if client != FIRST else ()
    connecting = "\n\n".join(parts.pop(task) for task in (SET_UP, KEY, ENTRA_ID))
    connecting = re.sub(r"\A(?://.*\n)+|^const begin = .*\n", "", connecting, flags=re.MULTILINE)
    defined, parts[_TOOLS] = parts[_TOOLS].rsplit("\n\n", 1)
    modules = {f"./{client}-client.mjs": connecting, "./tools.mjs": defined}
    offered = _IMPORT.findall(connecting)  # the default export, the other names, and the source
    offered += [("", ", ".join(_EXPORTED.findall(text)), source) for source, text in modules.items()]
    made = {
        _id(KEY, client): _file(f"{client}-client.mjs", _module(connecting)),
        _id(_TOOLS, "file"): _file("tools.mjs", _module(defined)),
    }
    for task, part in parts.items():
        if task not in repeated:
            imports = filter(None, (_import(part, *each) for each in offered))
            made[_id(task, client)] = "\n".join([_NODE, *imports, part])
    return made


def _repeated(parts: dict[str, str]) -> set[str]:
    """The tasks whose code is that of the OpenAI package but for the name of the function: the notebook has it once."""
    first = PROGRAMS[FIRST].parts()
    return {task for task, part in parts.items() if part == first[task].replace("complete(", "post(")}


_CELLS = {"bash": _bash, "javascript": _javascript}  # by the language of the program


def _import(part: str, default: str, names: str, source: str) -> str:
    """The import of what a part uses of a module: its default export, and other names; empty when it uses none."""
    code = re.sub(r'"[^"\n]*"|^\s*//.*', "", part, flags=re.MULTILINE)
    used = [each for each in (default, *names.split(", ")) if each and re.search(rf"(?<![.\w]){each}\b(?!:)", code)]
    named = ", ".join(each for each in used if each != default)
    clause = ", ".join([default] * (default in used) + [f"{{ {named} }}"] * bool(named))
    return f'import {clause} from "{source}";' if used else ""


def _module(text: str) -> str:
    return f"{text}\n\nexport {{ {', '.join(_EXPORTED.findall(text))} }};"


def _file(name: str, text: str) -> str:
    return f"%%writefile {name}\n{text}"


def _id(task: str, kind: str) -> str:
    return f"{slug(task)}-{kind}"


def fill(notebook: Path) -> None:
    """Write the cells that are made from programs into a notebook."""
    import nbformat  # takes a while to import, and the gallery needs the programs alone

    document, made = nbformat.read(notebook, 4), cells(notebook.stem)
    for cell in document.cells:
        cell.source = made.get(cell.id, cell.source)
    nbformat.write(document, notebook)


def main() -> None:
    if not shutil.which("npm"):
        sys.exit("The notebooks in other languages need Node.js with npm, which is not installed here.")
    for name in (ENDPOINT, CREDENTIAL):
        os.environ.pop(name, None)
    subprocess.run(["npm", "ci", "--prefix", FOLDER, "--no-audit", "--no-fund", "--ignore-scripts"], check=True)
    chosen = notebooks(ROOT / "notebooks", Kind.OTHER_LANGUAGE)
    for notebook in chosen.values():
        fill(notebook.path)
    selection = Selection(names=list(chosen))
    sys.exit(execute(Options(ROOT, ROOT / "notebooks", ROOT / "build" / "beyond-python-run", selection, save=True)))


if __name__ == "__main__":
    main()
