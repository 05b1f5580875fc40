"""A run that is interrupted or killed leaves nothing running, and the next one takes it up."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from marking import Marked
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running.pool import Interrupts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals are of POSIX")

# A kernel with a child of its own that ignores polite requests.
STUBBORN = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(100)"])
Path({ready!r}).touch()
time.sleep(100)
"""


@pytest.fixture
def stubborn(cookbook, tmp_path):
    """A run of a notebook that passes, one that will not end and one that waits."""
    cookbook.write("a", "1 + 1", "# the largest file, because it starts first" + "\n#" * 500)
    cookbook.write("b", STUBBORN.format(ready=str(tmp_path / "ready")))
    cookbook.write("c", "1 + 1")
    run = Marked(cookbook.command("--workers", "1"))
    run.wait_for(tmp_path / "ready")
    for part in ("ipykernel_launcher", "mistral_on_azure.endpoint", "signal.signal(15, 1)"):
        assert any(part in command for command in run.alive().values()), f"{part} is not among {run.alive()}"
    yield run
    for pid in run.alive():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_ends_everything_and_reports(stubborn, cookbook, how):
    os.killpg(stubborn.process.pid, how)  # as a terminal does it: to the whole group
    output, _ = stubborn.process.communicate(timeout=200)
    assert stubborn.process.returncode == 130 and "Interrupted by" in output and "Traceback" not in output
    assert stubborn.all_gone(within=60), stubborn.alive()
    assert cookbook.status == {"a": "passed", "b": "interrupted", "c": "not run"}
    assert "**Stopped early.**" in (cookbook.reports / "summary.md").read_text(encoding="utf-8")
    assert 'errors="2"' in (cookbook.reports / "junit.xml").read_text(encoding="utf-8")


def test_killed_it_takes_everything_along_and_can_be_resumed(stubborn, cookbook):
    os.killpg(stubborn.process.pid, signal.SIGKILL)
    stubborn.process.wait(60)
    assert stubborn.all_gone(within=60), stubborn.alive()
    assert cookbook.status == {"a": "passed", "b": "running", "c": "waiting"}
    cookbook.write("b", "2 + 2")
    done = cookbook.run("--resume")
    assert done.returncode == 0 and "3 of 3 passed (1 in an earlier run)" in done.stdout
    assert [job["resumed"] for job in cookbook.results["jobs"]] == [True, False, False]
    assert "[1/2]" in done.stdout and "[2/2]" in done.stdout


def test_a_second_ctrl_c_ends_it_at_once_and_leaves_nothing(stubborn):
    for _ in range(2):
        os.killpg(stubborn.process.pid, signal.SIGINT)
    output, _ = stubborn.process.communicate(timeout=200)
    assert stubborn.process.returncode == 130 and "Traceback" not in output
    assert stubborn.all_gone(within=60), stubborn.alive()


def test_the_runner_alone_killed_takes_everything_along(stubborn):
    stubborn.process.kill()
    stubborn.process.wait(60)
    assert stubborn.all_gone(within=60), stubborn.alive()


def test_signals_are_noted_and_not_thrown():
    with Interrupts() as interrupts:
        assert interrupts.reason == ""
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts.reason == "Interrupted by SIGHUP."
        with pytest.raises(KeyboardInterrupt):  # the second time
            os.kill(os.getpid(), signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupts.reason == ""
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_an_interrupt_has_broken_is_no_mistake():
    with pytest.raises(KeyboardInterrupt), Interrupts():
        os.kill(os.getpid(), signal.SIGHUP)
        raise CookbookError("The local endpoint did not start.")  # it has got the signal, too


def test_another_thread_leaves_signals_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def look() -> None:
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
