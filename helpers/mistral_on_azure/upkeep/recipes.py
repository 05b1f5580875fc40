"""`cookbook recipe NAME`: write a notebook of six cells, and a TOML file with the local endpoint's answers."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.azure.files import write_whole
from mistral_on_azure.catalog.sidecar import GROUPS
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.running.saving import KERNEL

_TITLE = """\
# {title}

Say here what your reader wants, in two or three sentences.

By the end of this notebook you can:

- ask a Mistral deployment on Azure one question, and print its answer.

It takes about 5 minutes. You need no account: a local endpoint answers unless you set `AZURE_INFERENCE_ENDPOINT` and
`AZURE_INFERENCE_CREDENTIAL`. Words such as endpoint and deployment can be
[looked up](../start-here.ipynb#Look-up-a-term) in Start here.

To use the code that you copy elsewhere, run `pip install openai`."""
_PARAMETERS = """\
model: str = "{model}"  # name of the deployment
prompt: str = "{prompt}"  # the user message"""
_SET_UP = """\
try:
    from mistral_on_azure import connect
except ModuleNotFoundError:
    raise ModuleNotFoundError("First run: %pip install FOLDER (the cookbook's folder)") from None

connect(model=model)"""
_SECTION = """\
## Ask

Address and key come from the environment, so this cell works as it is in a program of your own."""
_SNIPPET = """\
import os

import openai

client = openai.OpenAI(
    base_url=os.environ.get("AZURE_INFERENCE_OPENAI_ENDPOINT")
    or os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1",
    api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"],
)
messages = [{"role": "user", "content": prompt}]
response = client.chat.completions.create(model=model, messages=messages)
print(response.choices[0].message.content)"""
_ENDING = """\
## What you can do now

- **Ask**: an address, a key and a list of messages."""
_BESIDE = """\
# The prompts of {name}.ipynb and the local endpoint's answers to them, the likeliest answer first.
# Packages that the recipe needs besides those of the cookbook: packages = ["name>=1.2"], above the first exchange.
# The group in which lists have it, also above the first exchange; without one, they have it last:
# group = "{groups}".
about = "Ask a Mistral deployment one question, and print its answer."

[[exchange]]
prompt = "{prompt}"
answers = ["Hello! What would you like to know?"]
"""
_PROMPT = "Say hello to the readers of {name}."


def begin(notebooks: Path, name: str) -> Path:
    """Write a new recipe. It is not executed here.

    Args:
        notebooks: the folder of notebooks.
        name: the name of its file, in small letters, digits and hyphens.

    Raises:
        CookbookError: for a name that is no valid file name, or a recipe that exists already.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise CookbookError(f"A recipe's name has small letters, digits and hyphens: {name!r} cannot be one.")
    path = notebooks / "recipes" / f"{name}.ipynb"
    if path.exists():
        raise CookbookError(f"There is a recipe {name!r} already: {path}. Choose another name.")
    prompt = _PROMPT.format(name=name)
    cells = [
        new_markdown_cell(_TITLE.format(title=name.replace("-", " ").capitalize()), id="title"),
        _code("parameters", _PARAMETERS.format(model=default_name(), prompt=prompt), tags=["parameters"]),
        _code("set-up", _SET_UP),
        new_markdown_cell(_SECTION, id="ask"),
        _code("ask-code", _SNIPPET, tags=["snippet"]),
        new_markdown_cell(_ENDING, id="ending"),
    ]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    write_whole(path, nbformat.writes(notebook) + "\n")
    write_whole(path.with_suffix(".toml"), _BESIDE.format(name=name, prompt=prompt, groups='" or "'.join(GROUPS)))
    return path


def _code(name: str, source: str, **metadata: list[str]) -> NotebookNode:
    return new_code_cell(source, id=name, metadata=metadata)
