"""Programs of a client, run one after the other by a process that has the client's imports already."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_FORKING = Path(__file__).with_name("forking.py")
_SECONDS = 200  # for one program
SYSTEM = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # Windows has no sockets without


class Forks:
    """A process for each client, from its first program on.

    Args:
        folder: in which the programs run.
        early: the environment of imports. A client may read its certificates, and litellm its prices, when imported.
    """

    def __init__(self, folder: Path, early: dict[str, str]) -> None:
        self._folder, self._early = folder, early
        self._hosts: dict[str, tuple[subprocess.Popen[str], Any]] = {}

    def run(
        self, client: str, program: Path, environment: dict[str, str], *arguments: str, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end.

        Args:
            environment: all of its environment variables.
            given: its standard input.
        """
        if client not in self._hosts:
            self._hosts[client] = self._started()
        host, complained = self._hosts[client]
        job = {"program": str(program), "arguments": arguments, "given": given, "environment": environment | SYSTEM}
        print(json.dumps({**job, "seconds": _SECONDS}), file=host.stdin, flush=True)
        answer = host.stdout.readline()
        assert answer, f"The process of {client} ended: {_all(complained)}"
        return subprocess.CompletedProcess(program, *json.loads(answer))

    def close(self) -> str:
        """End the processes.

        Returns:
            What was complained of apart from the programs, such as a warning at an import.
        """
        for host, _ in self._hosts.values():
            host.stdin.close()
        for host, _ in self._hosts.values():
            try:
                host.wait(10)
            finally:
                host.kill()
                host.stdout.close()
        return "".join(_all(complained) for _, complained in self._hosts.values())

    def _started(self) -> tuple[subprocess.Popen[str], Any]:
        complained = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # it lives as long as the process
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": complained}
        command = [sys.executable, str(_FORKING)]
        host = subprocess.Popen(
            command, **pipes, env=self._early | SYSTEM, cwd=self._folder, text=True, encoding="utf-8"
        )
        return host, complained


def _all(complained: Any) -> str:
    complained.seek(0)
    return complained.read()
