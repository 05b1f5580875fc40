"""How starters are made: awaits, imports, what is left out, and cells that cannot be made into one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.snippets.imports import Import, packages, rendered
from mistral_on_azure.snippets.starter import ENTRA_ID, FIRST_ANSWER, KEY, starter
from mistral_on_azure.snippets.statements import run_what_is_awaited

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
        "#   AZURE_INFERENCE_ENDPOINT  the endpoint's base address, without /v1 or /score\n"
        "# No key: sign in with `az login`, or run it where a managed identity is.\n"
        "\n"
        "import os\n\nimport openai\n\n"
        'model = "m"  # which\n\n'
        "client = openai.OpenAI()\n\n"
        'print(client, model, os.environ["AZURE_INFERENCE_ENDPOINT"])\n'
    )


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
    assert run_what_is_awaited(source) == f"import asyncio\n{expected}"


@pytest.mark.parametrize("source", ["async def x():\n    return await y()", "print('await x()')  # await", "x = 1"])
def test_other_awaits_stay(source):
    assert run_what_is_awaited(source) == source


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


def test_imports_are_merged_and_sorted():
    wanted = [
        Import("b.c", "d"),
        Import("os"),
        Import("b.c", "A"),
        Import("a"),
        Import("b.c", "d"),
        Import("b.c", "LIMIT"),
        Import("b.c", "e", "f"),
        Import("json", "dumps"),
        Import("numpy", "", "np"),
    ]
    assert rendered(wanted) == (
        "import os\nfrom json import dumps\n\nimport a\nimport numpy as np\n"
        "from b.c import LIMIT, A, d\nfrom b.c import e as f"
    )


def test_an_unknown_package_is_told():
    with pytest.raises(CookbookError, match=r"imports torch\.nn: name its package in catalog/clients\.toml"):
        packages([Import("os"), Import("torch", "nn")])
