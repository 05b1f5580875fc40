"""Mistakes on the command line: one line that names the option to change, and the right exit status."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from commanding import COOKBOOK, needs_a_full_disk
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.cli import main


def said(*arguments: str, status: int) -> str:
    """The one line that a command says before it ends with a status."""
    done = CliRunner().invoke(main, arguments, prog_name="cookbook")
    assert done.exit_code == status and isinstance(done.exception, SystemExit), done.output
    (line,) = done.output.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nonsense",), "Error: No such command 'nonsense'. See `cookbook --help`."),
        (("lock", "now"), "Error: Got unexpected extra argument (now). See `cookbook lock --help`."),
        (("run", "-p", "prompt"), "Error: Option '-p' requires 2 arguments. See `cookbook run --help`."),
        (("faults", "--check", "--render"), "Error: Give --check or --render, not both. See `cookbook faults --help`."),
    ],
)
def test_a_command_that_does_not_exist_or_makes_no_sense(arguments, line):
    assert said(*arguments, status=2) == line


def test_the_list_of_commands_cuts_no_sentence_and_has_each_command_once():
    shown = CliRunner().invoke(main, ["--help"], prog_name="cookbook", terminal_width=80).output
    rows = [line.split(maxsplit=1) for line in shown.partition("Commands:\n")[2].splitlines() if line.startswith("  ")]
    assert sorted(main.commands) == sorted(name for name, _ in rows)
    assert not [row for row in rows if not row[1].endswith(".") or row[1].endswith("...")]


@pytest.mark.parametrize("option", ["--cell-timeout", "--max-cost"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_number_that_nothing_is_above_or_below(option, number):
    line = said("run", option, number, status=2)
    assert line.startswith(f"Error: Invalid value for '{option}': ") and line.endswith("See `cookbook run --help`.")


def test_a_terminal_that_is_not_utf_8():
    environment = {**os.environ, ENDPOINT: "", CREDENTIAL: "a-key", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([COOKBOOK, "doctor"], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1 and not done.stderr
    assert r"\u2192 It looks like https://" in done.stdout


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("--nope", "No such option '--nope'. See `cookbook run --help`."),
        ("nope", "There is no notebook 'nope'."),
    ],
)
def test_newest_refuses_a_mistake_before_it_installs_anything(argument, line, root):
    command = [sys.executable, "-m", "nox", "--session", "newest", "--", argument]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    begins, refused = done.stderr.splitlines()
    assert done.returncode == 1 and not done.stdout and begins == "nox > Running session newest"
    assert refused.startswith(f"nox > Session newest aborted: {line}")


@needs_a_full_disk
def test_a_disk_that_is_full():
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([COOKBOOK, "openapi"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "Error: The disk is full (No space left on device). Make room, or write to another place.\n"


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
def test_a_host_that_is_not_of_this_machine(host):
    line = said("serve", "--host", host, status=1)
    assert line.startswith(f"Error: The address {host} cannot be used (")
    assert line.endswith("Choose another with --host.")


def test_a_port_that_is_taken_on_any_host():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = said("serve", "--host", "localhost", "--port", str(taken.getsockname()[1]), status=1)
    assert line.endswith("Choose another with --port.")


@pytest.mark.parametrize("command", ["engine", "lock"])
def test_what_uv_cannot_do(command, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))  # beside which there is no uv
    assert "If uv is missing, run `make setup`." in said(command, status=1)


def test_a_gallery_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "gallery"
    line = said("gallery", "--output", str(output), status=1)
    assert line == f"Error: {output} cannot be written (Not a directory). Choose another --output."
