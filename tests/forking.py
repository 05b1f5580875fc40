"""`python forking.py`: run one client's programs, each in a process of its own that has its imports already.

What to run comes as JSON on standard input, because credentials are in it. What came of a program goes to standard
output as soon as it has ended, as a line of JSON. The client is imported once, and each program is run in a fork: its
own imports then cost next to nothing. What the client imports only when it is used is learned from the programs.
"""

from __future__ import annotations

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
from pathlib import Path
from typing import Any, NoReturn

FORKS = sys.platform == "linux"  # macOS has libraries that do not bear it, and Windows has no fork


def run(program: str, environment: dict[str, str], seconds: int) -> tuple[int, str, str]:
    """Run a program as `python program` would.

    Args:
        environment: all of its environment variables.
        seconds: after which it is ended.

    Returns:
        Its exit status, standard output and standard error.
    """
    if not FORKS:
        done = subprocess.run(
            [sys.executable, program], env=environment, capture_output=True, encoding="utf-8", timeout=seconds
        )
        return done.returncode, done.stdout, done.stderr
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained, tempfile.TemporaryFile() as used:
        with warnings.catch_warnings():  # since Python 3.12, of threads; the only one is numpy's, which bears it
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            signal.alarm(seconds)
            os.dup2(printed.fileno(), 1)
            os.dup2(complained.fileno(), 2)
            os.environ.clear()
            os.environ.update(environment)
            sys.argv, sys.path[0] = [program], str(Path(program).parent)
            runpy.run_path(program, run_name="__main__")
            used.write("\n".join(sys.modules).encode())
            used.flush()
            _leave()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _import(_all(used).split())
        return status, *(_all(file) for file in (printed, complained))


def _import(modules: list[str]) -> None:
    for name in modules:
        with contextlib.suppress(Exception):  # a name that somebody has put there is no module to be found again
            importlib.import_module(name)
    gc.freeze()


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
    given = json.load(sys.stdin)
    for module in given["imports"] if FORKS else ():
        importlib.import_module(module)
    gc.freeze()  # a fork copies each page that it looks for garbage in
    for name, job in given["jobs"].items():
        print(json.dumps([name, *run(**job)]), flush=True)


if __name__ == "__main__":
    main()
