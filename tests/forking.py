"""`python forking.py`: run one client's programs, each in a process of its own that has its imports already.

What to run comes line by line as JSON on standard input, because credentials are in it; what came of it goes to
standard output in the same way. The client is imported once, and each program is run in a fork: its own imports then
cost next to nothing. What the client imports only when it is used is learned from the programs.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

FORKS = sys.platform == "linux"  # macOS has libraries that do not bear it, and Windows has no fork


def run(
    program: str, arguments: list[str], given: str, environment: dict[str, str], seconds: int
) -> tuple[int, str, str]:
    """Run a program as `python program` would.

    Args:
        given: its standard input.
        environment: all of its environment variables.
        seconds: after which it is ended.

    Returns:
        Its exit status, standard output and standard error.
    """
    if not FORKS:
        pipes = {"input": given, "capture_output": True, "encoding": "utf-8"}
        done = subprocess.run([sys.executable, program, *arguments], env=environment, timeout=seconds, **pipes)
        return done.returncode, done.stdout, done.stderr
    _import(imported(Path(program).read_text(encoding="utf-8")))
    with contextlib.ExitStack() as stack:
        asked, printed, complained, used = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(4))
        asked.write(given.encode())
        asked.seek(0)
        with warnings.catch_warnings():  # since Python 3.12, of threads; the only one is numpy's, which bears it
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            signal.alarm(seconds)
            for number, file in enumerate((asked, printed, complained)):
                os.dup2(file.fileno(), number)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv, sys.path[0] = [program, *arguments], str(Path(program).parent)
            runpy.run_path(program, run_name="__main__")
            used.write("\n".join(sys.modules).encode())
            used.flush()
            _leave()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _import(_all(used).split())
        return status, *(_all(file) for file in (printed, complained))


def imported(text: str) -> set[str]:
    """The modules that a program imports."""
    nodes = list(ast.walk(ast.parse(text)))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return modules | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def _import(modules: Iterable[str]) -> None:
    for name in sorted(set(modules) - {*sys.modules}):
        with contextlib.suppress(Exception):  # a name that somebody has put there is no module to be found again
            importlib.import_module(name)
    gc.freeze()  # a fork copies each page that it looks for garbage in


def _leave() -> NoReturn:
    """End as a program does, but for taking all imported modules apart, which takes longer than most programs."""
    gc.collect()  # what was left open is told of here, on standard error
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _all(file: Any) -> str:
    file.seek(0)
    return file.read().decode()


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
