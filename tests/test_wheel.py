"""The wheel in fresh environments and an empty folder: each command works, or says in one line what it needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from environments import LOCK, UV, environment, uv
from mistral_on_azure.azure.addresses import CREDENTIAL

ROOT = Path(__file__).resolve().parent.parent
SUITES = ROOT / "tests" / "testing" / "user_suites"
MOST = 60  # megabytes of the base install, unpacked
NEEDS_THE_REPOSITORY = ("test", "gallery", "recipe hello", "tables", "lock", "faults")
NEEDS_THE_NOTEBOOKS = ("run", "run openai-sdk", "lab --folder here")
pytestmark = [pytest.mark.all, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def wheel() -> Path:
    folder = ROOT / "build" / "wheel"
    build = [UV, "build", "--wheel", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", folder, ROOT], check=True, timeout=120)
    (made,) = folder.glob("*.whl")
    return made.resolve()


def installed(wheel: Path, name: str, *wanted: str) -> Path:
    """The Python of an environment with the wheel, what it depends on, and no more than is wanted."""
    python = environment(wheel.parent / name, [*wanted])
    # The same version with other code, and perhaps other dependencies, than when the environment was made.
    again = ["pip", "install", "--quiet", "--reinstall-package", "mistral-azure-cookbook", "--constraint", LOCK]
    uv(*again, "--python", python, *wanted)
    return python


@pytest.fixture(scope="module")
def base(wheel) -> Path:
    return installed(wheel, "base", str(wheel))


@pytest.fixture(scope="module")
def with_notebooks(wheel) -> Path:
    return installed(wheel, "notebooks", f"mistral-azure-cookbook[notebooks] @ {wheel.as_uri()}", "pytest")


@pytest.fixture(autouse=True)
def outside(monkeypatch, tmp_path) -> None:
    """No process finds this checkout."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)


def call(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [python.with_name("cookbook"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_the_wheel_has_one_package_and_the_notebooks_in_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"mistral_on_azure", "mistral_azure_cookbook"}
    own = {path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").rglob("*.ipynb")}
    assert {f"mistral_on_azure/{name}" for name in own} <= set(names)
    assert {f"mistral_on_azure/{Path(name).with_suffix('.toml')}" for name in own if "/recipes/" in name} <= set(names)


def test_the_base_install_is_small(base):
    """What lies below the environment's own folder of packages; byte code is made later, if at all."""
    (packages,) = (base.parents[1] / "lib").glob("python*/site-packages")
    files = (path for path in packages.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert sum(path.stat().st_size for path in files) < MOST * 1_000_000


def test_the_package_is_the_wheels_and_leaves_the_users_helpers_alone(base, tmp_path):
    (tmp_path / "helpers.py").write_text("mine = True\n")
    where = "import helpers, mistral_on_azure; print(helpers.mine, mistral_on_azure.__file__)"
    done = subprocess.run([base, "-c", where], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("True ") and "site-packages" in done.stdout, done.stderr


def test_the_endpoint_serves_and_the_doctor_examines_it(base, tmp_path):
    served = subprocess.Popen([base.with_name("cookbook"), "serve"], stdout=subprocess.PIPE, text=True)
    try:
        lines = [served.stdout.readline() for _ in range(3)]
        key = re.search(rf"{CREDENTIAL}=(\S+)", "".join(lines))[1]
        url = re.search(r"http://\S+", "".join(lines))[0]
        done = subprocess.run(
            [base.with_name("cookbook"), "doctor", "--endpoint", url],
            cwd=tmp_path, env={**os.environ, CREDENTIAL: key},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0 and "Nothing fails." in done.stdout, done.stdout + done.stderr
    finally:
        served.terminate()
        served.wait(10)
    done = call(base, "doctor", "--json")
    assert done.returncode == 0 and json.loads(done.stdout), done.stderr


def test_what_needs_no_client_works(base, tmp_path):
    assert json.loads(call(base, "openapi").stdout)["openapi"].startswith("3.")
    assert json.loads(call(base, "models", "--json").stdout)
    (tmp_path / "leak.txt").write_text("password = 'correct-horse-battery'  # pragma: allowlist secret\n")
    assert call(base, "secrets", "leak.txt").stdout == "No credential in 1 file.\n"
    assert "OpenAI(" in call(base, "snippet", "stream-the-answer", "openai-sdk").stdout
    assert call(base, "snippets").returncode == 0 and list((tmp_path / "build" / "snippets").rglob("*.py"))
    assert call(base, "--help").returncode == 0


@pytest.mark.parametrize(
    ("said", "told"),
    [
        *((each, "needs a checkout") for each in NEEDS_THE_REPOSITORY),
        *((each, "comes with: pip install 'mistral-azure-cookbook[notebooks]'") for each in NEEDS_THE_NOTEBOOKS),
        *(
            (f"serve {each}", "needs aiohttp, which comes with: pip install 'mistral-azure-cookbook[forwarding]'")
            for each in ("--record mine.toml", "--replay tape.jsonl", "--engine http://127.0.0.1:9")
        ),
        ("lab", "--folder FOLDER"),
        ("secrets", "name the files"),
    ],
)
def test_what_needs_more_says_so_in_one_line(base, said, told, tmp_path):
    done = call(base, *said.split())
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1, done.stdout + done.stderr
    assert told in done.stderr and list(tmp_path.iterdir()) == []


def test_the_plugin_is_there_as_soon_as_the_package_is(wheel, tmp_path):
    """With pytest and nothing else, in a folder of the user's; and a session that does not use it loads nothing."""
    python = installed(wheel, "plugin", str(wheel), "pytest")
    for file in SUITES.glob("*.py"):
        shutil.copy(file, tmp_path)
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "passing_suite.py"],
        env={**os.environ, "AZURE_INFERENCE_ENDPOINT": "https://example.org", "NO_PROXY": ""},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert re.search(r"^34 passed in ", done.stdout, re.MULTILINE), done.stdout + done.stderr


def test_a_notebook_is_executed_in_an_empty_folder(with_notebooks, tmp_path):
    done = call(with_notebooks, "run", "openai-sdk")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "build" / "run" / "results.json").exists()


def test_the_lab_opens_on_a_copy_of_the_notebooks(with_notebooks, tmp_path):
    done = call(with_notebooks, "lab", "--folder", "mine", "--no-browser", "--", "--version")
    assert done.returncode == 0 and re.match(r"\d+\.\d+", done.stdout), done.stdout + done.stderr
    assert (tmp_path / "mine" / "notebooks" / "start-here.ipynb").is_file()
    (tmp_path / "mine" / "notebooks" / "start-here.ipynb").write_text("changed")
    call(with_notebooks, "lab", "--folder", "mine", "--no-browser", "--", "--version")
    assert (tmp_path / "mine" / "notebooks" / "start-here.ipynb").read_text() == "changed"  # nothing is copied twice


def test_notebooks_of_the_working_folder_come_first(with_notebooks, tmp_path):
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "webrequests.ipynb", tmp_path / "notebooks")
    done = call(with_notebooks, "run")
    assert done.returncode == 0 and "1 of 1 passed" in done.stdout, done.stdout + done.stderr
