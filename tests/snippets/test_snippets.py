"""Every starter, tasks by clients, is made and run in a process of its own against the local endpoint.

That process has the client's imports already; test_snippet_environments.py runs one of each client without.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from forking import imported
from forks import SYSTEM
from local_endpoint import Local
from mistral_on_azure import cli
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.catalog import clients
from mistral_on_azure.catalog.clients import names
from mistral_on_azure.catalog.notebooks import Kind, tasks
from mistral_on_azure.catalog.notebooks import notebooks as every_notebook
from mistral_on_azure.catalog.selection import named, slug
from mistral_on_azure.snippets.snippet_commands import write_all
from mistral_on_azure.snippets.starter import ENTRA_ID, snippets, starter

CLIENTS = names()

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
TASKS = tasks(NOTEBOOKS)
SECONDS = 120  # for one starter
IN_THE_SHELL = {  # and what they print
    "ask-what-is-deployed": '{"model_name":',
    "complete-a-chat": '"finish_reason":"stop"',
    "stream-the-answer": "data: [DONE]",
    "handle-errors-and-retries": "HTTP status: 401",
}


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory) -> Path:
    """The notebooks as they are now; somebody may be saving one while the tests run."""
    return shutil.copytree(NOTEBOOKS, tmp_path_factory.mktemp("project") / "notebooks")


@pytest.fixture(scope="module")
def written(tmp_path_factory, notebooks) -> Path:
    """A folder with every starter."""
    folder = tmp_path_factory.mktemp("snippets")
    write_all(notebooks, folder)
    return folder


@pytest.fixture(scope="module")
def runs(request, forks, endpoint, written):
    """The runs of the starters that are to be tested, by client and task; side by side, because clients often wait."""
    items = [item for item in request.session.items if getattr(item, "originalname", "") == "test_the_starter_runs"]
    wanted = [(item.callspec.params["client"], item.callspec.params["task"]) for item in items]
    url, new_key = endpoint

    def run_all(client: str, local: Local) -> dict[str, subprocess.CompletedProcess]:
        tasks = [task for of, task in wanted if of == client]
        programs = {task: written / client / f"{slug(task)}.py" for task in tasks}
        return {task: forks.run(client, path, variables(local, task)) for task, path in programs.items()}

    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        running = {client: pool.submit(run_all, client, Local(url, new_key())) for client in CLIENTS}
        return {client: future.result() for client, future in running.items()}


def variables(local: Local, task: str) -> dict[str, str]:
    """All environment variables that a starter gets."""
    if task != ENTRA_ID:
        return {ENDPOINT: local.url, CREDENTIAL: local.key, "SSL_CERT_FILE": os.environ["SSL_CERT_FILE"]}
    return local.identity()


def run(command: list[object], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess:
    words = [str(word) for word in command]
    return subprocess.run(
        words, env=environment | SYSTEM, cwd=folder, capture_output=True, encoding="utf-8", timeout=SECONDS
    )


@pytest.mark.parametrize("task", TASKS, ids=slug)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_starter_runs(runs, written, client, task):
    assert "mistral_on_azure" not in (written / client / f"{slug(task)}.py").read_text(encoding="utf-8")
    done = runs[client][task]
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.strip()


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="needs bash and curl")
@pytest.mark.parametrize(("name", "printed"), IN_THE_SHELL.items())
def test_the_shell_script_runs(written, local, tmp_path, name, printed):
    script = written / "webrequests" / f"{name}.sh"
    done = run([script], {**variables(local, ""), "PATH": os.environ["PATH"]}, tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and printed in done.stdout
    text = script.read_text(encoding="utf-8")
    assert "mistral_on_azure" not in text and "%%" not in text


def test_there_is_one_for_every_task_and_client(written):
    made = {path.relative_to(written).as_posix() for path in written.rglob("*.*")}
    programs = {f"{client}/{slug(task)}.py" for client in CLIENTS for task in TASKS}
    of_recipes = {
        f"{each.id}/{slug(section)}.py"
        for each in every_notebook(NOTEBOOKS, Kind.RECIPE).values()
        for section in each.sections
        if snippets(each, section)
    }
    assert of_recipes and made == programs | of_recipes | {f"webrequests/{name}.sh" for name in IN_THE_SHELL}


def test_all_are_formatted_and_lint_clean(written):
    ruff = shutil.which("ruff", path=Path(sys.executable).parent)
    for arguments in (
        # A recipe's prompts and its list of packages may be long.
        [
            "check",
            "--select=E,F,I,B,UP,SIM,W",
            "--line-length=120",
            f"--per-file-ignores={written}/recipes/*/*.py:E501",
        ],
        ["format", "--check", "--line-length=100"],
    ):
        done = subprocess.run(
            [ruff, *arguments, "--isolated", "--no-cache", written], capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_is_left_over(written, client):
    for path in (written / client).glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert re.match(r"# Call Mistral on Azure .+: .+\n# Install: pip install \S", text), path
        code = re.sub(r"#.*", "", text)
        constants = re.findall(r"^(\w+) = .+  # ", text, re.M)
        for name in {*constants, *re.findall(r"^client\b", code, re.M)}:
            assert len(re.findall(rf"\b{name}\b(?!=)", code)) > 1, f"{path} does not use {name}"
        assert "endpoint = " not in text and "entra_client" not in text


def test_litellm_downloads_no_prices(written):
    """It would at its import, and where that was made before, a run would not tell."""
    for path in (written / "litellm").glob("*.py"):
        before, imports, _ = path.read_text(encoding="utf-8").partition("import litellm\n")
        assert imports and 'os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"' in before, path


@pytest.mark.parametrize("client", CLIENTS)
def test_the_install_line_brings_what_is_imported(written, client):
    homes = packages_distributions()
    for path in (written / client).glob("*.py"):
        text = path.read_text(encoding="utf-8")
        named = re.search(r"# Install: pip install (.*)", text)[1].replace('"', "").split()
        there = with_dependencies(named)
        for module in imported(text):
            top, *rest = module.split(".")
            if top == "azure":  # a namespace of several packages
                assert any(name.startswith(f"azure-{rest[0]}") for name in there), f"{path}: {module}"
            elif top not in sys.stdlib_module_names:
                assert {canonicalize_name(home) for home in homes[top]} & there, f"{path}: {module}"


def test_what_is_not_named_really_comes_along():
    for package, others in clients.packages().brought_by.items():
        for other in others:
            assert package in with_dependencies([other]), f"{other} does not bring {package}"


def with_dependencies(names: list[str]) -> set[str]:
    """Packages and all that they require."""
    found, todo = set(), [Requirement(name).name for name in names]
    while todo:
        name = canonicalize_name(todo.pop())
        if name not in found:
            found.add(name)
            lines = map(Requirement, requires(name) or [])
            todo += [line.name for line in lines if line.marker is None or line.marker.evaluate({"extra": ""})]
    return found


def test_without_ruff_it_is_the_same_program(monkeypatch, notebooks, written):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    for client in CLIENTS:
        for task in TASKS:
            text = starter(notebooks, task, client)
            formatted = (written / client / f"{slug(task)}.py").read_text(encoding="utf-8")
            assert statements(text) == statements(formatted)


def statements(program: str) -> tuple[list[str], set[str]]:
    """The statements of a program in their order, and what it imports; ruff sorts the imports and joins some."""
    nodes = ast.parse(program).body
    imports = {node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)}
    names = {f"{getattr(node, 'module', '')} {ast.dump(alias)}" for node in imports for alias in node.names}
    return [ast.dump(node) for node in nodes if node not in imports], names


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Stream the answer", "Stream the answer"),
        ("stream the ANSWER", "Stream the answer"),
        ("stream-the-answer", "Stream the answer"),
        ("stream", "Stream the answer"),
        ("streaming", "Stream the answer"),
        ("answer streaming", "Stream the answer"),
        ("stream-the-anwser", "Stream the answer"),
        ("async", "Call asynchronously"),
        ("json", "Ask for JSON"),
        ("entra", "Connect with Microsoft Entra ID"),
        ("retries", "Handle errors and retries"),
        ("conversations", "Hold a conversation"),
    ],
)
def test_tasks_are_understood(said, meant):
    assert named("task", said, TASKS) == meant


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_are_understood(client):
    for said in (client, client.upper(), CLIENTS[client]):
        assert named("client", said, CLIENTS, CLIENTS) == client


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("openai", "openai-sdk"),
        ("open ai", "openai-sdk"),
        ("azure", "azure-sdk"),
        ("curl", "webrequests"),
        ("litelm", "litellm"),
    ],
)
def test_clients_are_understood_by_a_part(said, meant):
    assert named("client", said, CLIENTS, CLIENTS) == meant


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["parameters", "openai"], "may be any of: shape-the-answer-with-parameters, pass-extra-parameters."),
        (["dance", "openai"], "There is no task 'dance'. There are: connect-with-a-key, "),
        (["stream", "cobol"], "There is no client 'cobol'. There are: webrequests, azure-sdk, "),
        (["stream", "openai", "--shell"], "There are scripts for webrequests: ask-what-is-deployed, "),
        (["stream", "openai", "--output", "/dev/null/a.py"], "cannot be written"),
        (["stream", "litellm", "--output", "litellm.py"], "would hide the package litellm"),
    ],
)
def test_mistakes_get_one_line(arguments, said):
    done = cookbook(*arguments)
    assert done.returncode == 1 and not done.stdout
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["", "openai"]])
def test_without_a_name_the_names_are_listed(arguments):
    done = cookbook(*arguments)
    assert done.returncode == 1 and not done.stdout
    first, tasks, clients, recipes = done.stderr.splitlines()
    assert first == "Error: Name a task and a client." and tasks.startswith("Tasks: connect-with-a-key, ")
    assert clients.startswith("Clients: webrequests, ") and recipes.startswith("Recipes, each ")


def test_the_command_prints_or_writes(tmp_path):
    expected = starter(NOTEBOOKS, "Stream the answer", "openai-sdk")
    assert cookbook("streaming", "openai-sdk").stdout == expected
    assert cookbook("Stream the answer", "openai-sdk", "--output", tmp_path / "new" / "it.py").stdout == ""
    assert (tmp_path / "new" / "it.py").read_text(encoding="utf-8") == expected
    assert cookbook("stream", "curl", "--output", tmp_path / "it.sh").returncode == 0
    script = (tmp_path / "it.sh").read_text(encoding="utf-8")
    assert script == cookbook("stream", "curl", "--shell").stdout
    assert os.access(tmp_path / "it.sh", os.X_OK) and script.startswith("#!/usr/bin/env bash\n")


def cookbook(*arguments: object) -> subprocess.CompletedProcess:
    command = [Path(sys.executable).with_name("cookbook"), "snippet", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, env=dict(os.environ))


def test_all_are_written_at_once(monkeypatch, notebooks, written, tmp_path):
    monkeypatch.setattr(cli, "ROOT", notebooks.parent)
    done = CliRunner().invoke(cli.main, ["snippets", "--output", str(tmp_path)])
    files = {path.relative_to(written): path.read_bytes() for path in written.rglob("*.*")}
    assert done.exit_code == 0 and f"Wrote {len(files)} starters to {tmp_path}" in done.output
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")} == files
