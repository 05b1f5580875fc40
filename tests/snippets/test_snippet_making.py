"""How starters are made: awaits, imports, what is left out, recipes, and cells that cannot be made into one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets import starter as making
from mistral_on_azure.snippets.snippet_commands import snippet, write_all
from mistral_on_azure.snippets.starter import ENTRA_ID, FIRST_ANSWER, KEY, install_line, starter
from mistral_on_azure.snippets.statements import run_awaits

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PARAMETERS = 'endpoint: str = ""  # where\nmodel: str = "m"  # which\ntimeout: float = 3.0  # how long\n'


def made(folder: Path, task: str, *cells: str, key: str = "import openai\n\nclient = openai.OpenAI()", entra: str = ""):
    """A starter of a notebook that is made up: cells of the connection, and of one task."""
    sources = [(KEY, key), (ENTRA_ID, entra), (FIRST_ANSWER, "print(client)"), *((task, cell) for cell in cells)]
    document = [{"cell_type": "markdown", "source": ["# A title\n", "and more"], "metadata": {}}]
    document.append({"cell_type": "code", "source": PARAMETERS, "metadata": {"tags": ["parameters"]}})
    for heading, source in sources:
        if source:
            document.append({"cell_type": "markdown", "source": f"## {heading}", "metadata": {}})
            document.append({"cell_type": "code", "source": source, "metadata": {"tags": ["snippet"]}})
    (folder / "it.ipynb").write_text(json.dumps({"cells": document}), encoding="utf-8")
    return starter(folder, task, "it")


def test_a_starter_in_full(tmp_path):
    text = made(tmp_path, "Do", "import os\n\nprint(client, model, os.environ['AZURE_INFERENCE_ENDPOINT'])")
    assert text == (
        "# A title: Do\n"
        "# Install: pip install openai\n"
        "# Set this environment variable:\n"
        "#   AZURE_INFERENCE_ENDPOINT  the endpoint's address, without /v1 or /score; on a\n"
        "#                             Foundry resource with /models\n"
        "# No key: sign in with `az login`, or run it where a managed identity is.\n"
        "\n"
        "import os\n\nimport openai\n\n"
        'model = "m"  # which\n\n'
        "client = openai.OpenAI()\n\n"
        'print(client, model, os.environ["AZURE_INFERENCE_ENDPOINT"])\n'
    )


def test_a_variable_that_only_stands_in_a_text_is_not_asked_for(tmp_path):
    text = made(tmp_path, "Do", "old = \"os.environ['AZURE_INFERENCE_ENDPOINT']\"\nprint(old)")
    assert "Set this" not in text and "az login" not in text


def test_a_cell_that_writes_a_module_gives_what_it_writes(tmp_path):
    first, second = (
        '%%writefile it.py\n"""What it is."""\nimport os\n\nprint(os.sep)',
        "%%writefile -a it.py\n\nprint(1)",
    )
    text = made(tmp_path, "Do", first, second)
    assert text.endswith("import os\n\nprint(os.sep)\n\nprint(1)\n")
    assert "What it is" not in text and "%%" not in text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("await x()", "asyncio.run(x())"),
        ("for a in await x():\n    print(a)", "for a in asyncio.run(x()):\n    print(a)"),
        ("print('→', await x(1), await y())", "print('→', asyncio.run(x(1)), asyncio.run(y()))"),
        ("a = await f(await g())", "a = asyncio.run(f(asyncio.run(g())))"),
        ("a = await x(\n    1,\n)", "a = asyncio.run(x(\n    1,\n))"),
        ("if a:\n    with b:\n        c = [await x()]", "if a:\n    with b:\n        c = [asyncio.run(x())]"),
    ],
)
def test_awaits_outside_of_functions(source, expected):
    assert run_awaits(source) == f"import asyncio\n{expected}"


@pytest.mark.parametrize("source", ["async def x():\n    return await y()", "print('await x()')  # await", "x = 1"])
def test_other_awaits_stay(source):
    assert run_awaits(source) == source


@pytest.mark.parametrize(
    "cell",
    [
        "%pip install openai",
        "!ls",
        "%%time\nprint(1)",
        "print?",
        "files = !ls",
        "async with client:\n    pass",
        "if True:\n    %matplotlib inline",
    ],
)
def test_what_only_a_notebook_understands_never_leaks(tmp_path, cell):
    with pytest.raises(CookbookError, match=r"^it\.ipynb, section 'Do': a snippet cell is not plain Python \(line \d"):
        made(tmp_path, "Do", cell)


def test_a_shell_cell_is_no_part_of_the_program(tmp_path):
    assert "echo" not in made(tmp_path, "Do", "%%bash\necho hello", "print(client)")


def test_what_another_section_defines_is_told(tmp_path):
    with pytest.raises(CookbookError, match=r"section 'Do': its snippet cells use what only other cells define: b\.$"):
        made(tmp_path, "Do", "a = 1\nprint(a, b, client)")


def test_the_connection_is_cut_to_what_is_needed(tmp_path):
    key = (
        "import os\nimport openai\n\nunused = os.sep\nused = timeout\n"
        "client = openai.OpenAI(timeout=used)\nclient.x = unused\n\n\ndef complete():\n    return client\n"
    )
    text = made(tmp_path, "Do", "print(1)", "print(used)", key=key)
    assert "timeout = 3.0" in text and "used = timeout" in text
    assert not any(word in text for word in ("client", "openai.OpenAI", "import os", "complete", "model"))
    assert "client.x = unused" in made(tmp_path, "Do", "print(complete())", key=key)


def test_a_local_name_is_no_parameter(tmp_path):
    text = made(tmp_path, "Do", "def f(model, *, timeout=1):\n    return model, timeout\n\n\nf(client)")
    assert 'model = "m"' not in text and "timeout = 3.0" not in text


def test_a_setting_stays_above_its_import(tmp_path):
    key = "import os\n\nos.environ['X'] = '1'  # first\nimport litellm\n\nlitellm.y = 1\n"
    text = made(tmp_path, "Do", "import json\n\nprint(litellm, json)", key=key)
    order = ["import json\nimport os", 'os.environ["X"] = "1"  # first\nimport litellm', "litellm.y = 1", "print("]
    assert sorted(order, key=text.index) == order


def test_the_token_takes_the_place_of_the_key(tmp_path):
    key = "import os\nimport openai\n\nclient = openai.OpenAI(os.environ['K'])\nclient.key = 1"
    entra = (
        "from azure.identity import DefaultAzureCredential\n\nentra_client = openai.OpenAI(DefaultAzureCredential())"
    )
    text = made(tmp_path, ENTRA_ID, key=key, entra=entra)
    assert "client = openai.OpenAI(DefaultAzureCredential())\n\nprint(client)" in text
    assert "environ" not in text and "client.key" not in text and "entra_client" not in text


def test_comments_and_gaps_stay_with_their_statements(tmp_path):
    cell = "# Old\na = 1\n# New\nb = (\n    # inside\n    2\n)\n\nprint(a, b)  # at the end\n# last"
    assert cell in made(tmp_path, "Do", cell)


def test_imports_are_merged_sorted_and_cut_to_what_is_used(tmp_path):
    cells = (
        "from openai.types import Model\nimport os\nfrom openai.types import Batch as B, Model",
        "import numpy as np\nfrom json import dumps, loads\nfrom openai.types import BatchError, CompletionUsage\n"
        "print(client, Model, os, B, np, dumps, BatchError)",
    )
    assert (
        "\n\nimport os\nfrom json import dumps\n\nimport numpy as np\nimport openai\n"
        "from openai.types import Batch as B\nfrom openai.types import BatchError, Model\n\nclient = "
    ) in made(tmp_path, "Do", *cells)


def test_the_folder_that_one_stands_in_changes_nothing(tmp_path, monkeypatch):
    """To ruff, a folder with a package's name would be a package of one's own."""
    before = made(tmp_path, "Do", "import requests\n\nprint(client, requests)")
    (tmp_path / "openai").mkdir()
    (tmp_path / "openai" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    assert made(tmp_path, "Do", "import requests\n\nprint(client, requests)") == before


def test_modules_that_cells_write_become_one_program(tmp_path):
    first = "%%writefile app.py\nimport openai\n\nclient = openai.OpenAI()\n\n\ndef ask():\n    return client"
    text = made(tmp_path, "Do", first, "%%writefile judge.py\nfrom app import ask\n\nprint(ask())", key="import os")
    assert "app" not in text and text.endswith("def ask():\n    return client\n\n\nprint(ask())\n")
    with pytest.raises(CookbookError, match=r"use what only other cells define: app\.$"):
        made(tmp_path, "Do", first, "%%writefile judge.py\nimport app\n\nprint(app.ask())")


def test_a_class_may_go_on_in_the_next_cell(tmp_path):
    first = "%%writefile it.py\nclass It:\n    def one(self):\n        return 1"
    second = "%%writefile -a it.py\n\n    def two(self):\n        return 2"
    text = made(tmp_path, "Do", first, second, "print(It().two())")
    assert text.endswith("        return 1\n\n    def two(self):\n        return 2\n\n\nprint(It().two())\n")


def test_a_program_that_calls_nothing_needs_no_package_and_no_credential(tmp_path):
    text = made(tmp_path, "Do", "import re\n\nprint(re.escape('.'))")
    assert text.startswith("# A title: Do\n# Needs nothing but Python.\n\nimport re\n")


def test_an_unknown_package_is_told():
    with pytest.raises(CookbookError, match=r"imports torch: name its package in catalog/clients\.toml"):
        install_line(["os", "torch.nn"])


def test_packages_that_only_a_recipe_takes_are_named():
    assert install_line(["requests", "click.Option", "rich"]) == "pip install requests click rich"
    beside = ["not-installed>=1", "scikit-unheard"]
    assert install_line(["requests", "not_installed.x"], (), beside) == 'pip install requests "not-installed>=1"'
    assert install_line(["skunheard"], (), beside) == 'pip install "not-installed>=1" scikit-unheard'


def test_no_client_has_to_be_installed_to_write_the_programs(tmp_path, monkeypatch):
    """As in the base install: the packages of imports are known from tables and from the project's own extras."""
    monkeypatch.setattr(making, "_installed", dict)
    assert install_line(["stamina", "json_repair.x"]) == "pip install json-repair stamina"
    write_all(NOTEBOOKS, tmp_path)


RECIPE = {
    "Ask": "import os\n\nimport openai\n\nclient = openai.OpenAI()\nquestions = ['a', 'b']\nprint('asks')",
    "Ask at once": "async def ask(one):\n    return one, client\n\n\nanswers = [await ask(one) for one in questions]\n"
    "for answer in answers:\n    print(answer)",
    "Ask in the shell": "%%bash\ncurl --version",
    "Price": "import os\n\nos.environ['QUIET'] = 'yes'\nimport litellm\n\nprint(litellm.model_cost)",
    "Count": "from collections import Counter\n\nfor answer in answers:\n    print(Counter(answer), timeout)",
}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Notebooks of which one is a recipe; the clients' are those of the repository."""
    notebooks = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, notebooks, ignore=shutil.ignore_patterns("beyond-python", "recipes"))
    cells = [{"cell_type": "markdown", "source": "# Ask twice", "metadata": {}}]
    cells.append({"cell_type": "code", "source": PARAMETERS, "metadata": {"tags": ["parameters"]}})
    for heading, source in RECIPE.items():
        cells.append({"cell_type": "markdown", "source": f"## {heading}\n\nWhy.", "metadata": {}})
        cells.append({"cell_type": "code", "source": source, "metadata": {"tags": ["snippet"]}})
    (notebooks / "recipes").mkdir()
    (notebooks / "recipes" / "ask-twice.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return notebooks


def test_a_recipe_brings_what_its_sections_above_define(folder):
    text = snippet(folder, "count", "recipes/ask-twice", shell=False)
    assert text.startswith("# Ask twice: Count\n# Install: pip install openai\n")
    assert "timeout = 3.0" in text and 'model = "m"' not in text
    order = ["client = openai.OpenAI()", "questions = ", "async def ask(", "asyncio.run(ask(", "Counter(answer)"]
    assert sorted(order, key=text.index) == order
    assert "print(answer)" not in text and "asks" not in text
    assert "import os" not in text and "QUIET" not in text  # it is for an import that is not here


def test_recipes_are_offered_beside_the_clients(folder, tmp_path):
    with pytest.raises(CookbookError, match=r"Recipes, each with sections of its own: recipes/ask-twice\.$"):
        snippet(folder, "", "", shell=False)
    with pytest.raises(
        CookbookError, match=r"no task 'stream'. There are: ask, ask-at-once, ask-in-the-shell, price, count\.$"
    ):
        snippet(folder, "stream", "ask-twice", shell=False)
    written = {path.relative_to(tmp_path / "out").as_posix() for path in write_all(folder, tmp_path / "out")}
    assert {f"recipes/ask-twice/{name}.py" for name in ("ask", "ask-at-once", "count")} <= written
    assert {"openai-sdk/stream-the-answer.py", "recipes/ask-twice/ask-in-the-shell.sh"} <= written


def test_a_section_in_the_shell_has_a_script_and_no_program(folder):
    assert snippet(folder, "ask-in-the-shell", "recipes/ask-twice", shell=True).endswith("\n\ncurl --version\n")
    with pytest.raises(CookbookError, match=r"section 'Ask in the shell' has no Python program: --shell prints"):
        snippet(folder, "ask-in-the-shell", "recipes/ask-twice", shell=False)
