"""`python plain.py NOTEBOOK`: a notebook's code cells as a plain program, which is the floor for whoever executes it.

Its last line, on standard error, says in JSON how many seconds of processor time the program took and how many of
them `helpers` added: what its functions took, and its imports once the client's own are there.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import json
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_added = 0.0  # seconds of processor time in helpers


def main(notebook: Path) -> None:
    sources = list(_sources(notebook))
    program = sys.modules["__main__"] = types.ModuleType("__main__")  # where pydantic looks up what a cell defines
    names = vars(program)
    for statement in _imports(sources):  # the client's, so that helpers is charged only for what it adds to them
        exec(compile(statement, notebook.name, "exec"), {})
    import mistral_on_azure

    mistral_on_azure.__getattr__ = _timed(mistral_on_azure.__getattr__)
    with asyncio.Runner() as runner:
        for source in sources:
            runner.get_loop().run_until_complete(_execute(source, names))
            names.update({name: _timed(value) for name, value in names.items() if _is_ours(value)})
    print(json.dumps({"cpu": time.process_time(), "helpers": _added}), file=sys.stderr)


async def _execute(source: str, names: dict[str, Any]) -> None:
    if source.startswith("%%bash\n"):
        subprocess.run(["bash"], input=source.partition("\n")[2], text=True, stdout=sys.stdout, check=True)
        return
    code = compile(source, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waiting = eval(code, names)
    if waiting is not None:
        await waiting


def _sources(notebook: Path) -> Iterator[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def _imports(sources: list[str]) -> Iterator[ast.Module]:
    for source in sources:
        for statement in [] if source.startswith("%%") else ast.parse(source).body:
            if isinstance(statement, ast.Import | ast.ImportFrom) and "mistral_on_azure" not in ast.unparse(statement):
                yield ast.Module([statement], [])


def _is_ours(value: object) -> bool:
    return isinstance(value, types.FunctionType) and value.__module__.partition(".")[0] == "mistral_on_azure"


def _timed(function: Callable[..., Any]) -> Callable[..., Any]:
    if hasattr(function, "__wrapped__"):
        return function

    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        global _added
        began = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            _added += time.process_time() - began

    return timed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
