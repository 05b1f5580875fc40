"""The commands and files of "Before you deploy" have names and options that Azure's reference of its CLI has."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from mistral_on_azure.catalog import azure_listing
from mistral_on_azure.catalog.models import find, sizes
from mistral_on_azure.catalog.notebooks import Notebook, load

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = tomllib.loads(Path(__file__).with_name("az_reference.toml").read_text(encoding="utf-8"))
YAML = REFERENCE.pop("yaml")
ALWAYS = {"--output", "-o", "--query", "--subscription"}
DEFAULTS = {"group": "--resource-group", "workspace": "--workspace-name", "location": "--location"}


@pytest.fixture(scope="module")
def recipe() -> Notebook:
    return load(ROOT / "notebooks" / "recipes" / "before-you-deploy.ipynb")


def commands(text: str) -> list[list[str]]:
    """The commands of `az` in the blocks for bash and in the workflow, without `az`."""
    blocks = re.findall(r"^```(?:bash|yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in map(str.strip, lines) if line.startswith("az ")]


def wrong(command: list[str], defaults: set[str] = frozenset()) -> list[str]:
    """What the reference does not have of a command, or needs and it lacks."""
    place = next((at for at, word in enumerate(command) if word.startswith("-")), len(command))
    name = " ".join(command[:place])
    if name not in REFERENCE:
        return [f"no command az {name}"]
    needs, may = ([option.split() for option in REFERENCE[name][key]] for key in ("needs", "may"))
    given = {word.partition("=")[0] for word in command if word.startswith("-")}
    known = {spelling for option in (*needs, *may) for spelling in option} | ALWAYS
    lacks = [option[0] for option in needs if not given.intersection(option) and option[0] not in defaults]
    return [f"az {name} has no {option}" for option in given - known] + [f"az {name} needs {each}" for each in lacks]


def test_every_command_and_option_is_in_the_reference(recipe):
    defaults: set[str] = set()
    shown = commands("\n".join(cell.source for cell in recipe.markdown))
    assert len(shown) > 15
    for command in shown:
        if command[0] == "configure":
            defaults |= {DEFAULTS[word.partition("=")[0]] for word in command if "=" in word}
        assert not wrong(command, defaults), command


@pytest.mark.parametrize("command", [azure_listing.REGISTRY, azure_listing.resources_command("eastus2")])
def test_what_the_check_of_models_asks_is_in_the_reference_and_only_lists(command):
    assert not wrong(list(command[1:])) and "list" in command


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ml online-endpoint remove --name a", "no command"),
        ("ml online-endpoint delete --name a --force", "has no --force"),
        ("ml online-deployment create --all-traffic", "needs --file"),
    ],
)
def test_a_wrong_command_is_found(line, words):
    assert any(words in each for each in wrong(line.split(), set(DEFAULTS.values())))


def test_whatever_is_created_is_deleted_on_the_same_page(recipe):
    shown = [" ".join(command) for command in commands("\n".join(cell.source for cell in recipe.markdown))]
    for made in (line for line in shown if " create " in line):
        what = made.partition(" create ")[0]
        assert any(line.startswith(f"{what} delete ") for line in shown), what


def test_the_workflow_signs_in_and_deletes_the_deployment_of_this_page(recipe):
    """It says where by a variable, which the options of its commands are checked with."""
    (block,) = re.findall(
        r"^```yaml\n(.*?)^```", "\n".join(cell.source for cell in recipe.markdown), re.MULTILINE | re.S
    )
    workflow = yaml.safe_load(block)
    (job,) = workflow["jobs"].values()
    sign_in, run = job["steps"]
    assert {"client-id", "tenant-id", "subscription-id"} == set(sign_in["with"])
    assert workflow["permissions"] == {"id-token": "write"}
    last = run["run"].replace("$WHERE", job["env"]["WHERE"]).splitlines()[-1]
    assert shlex.split(last)[1:4] == ["ml", "online-deployment", "delete"] and not wrong(shlex.split(last)[1:])


def test_the_two_files_have_keys_that_there_are(recipe):
    cell = next(cell for cell in recipe.code if "managedOnlineEndpoint" in cell.source)
    endpoint, deployment = map(yaml.safe_load, "".join(cell.outputs[0]["text"]).split("\n\n")[:2])
    assert set(endpoint) <= set(YAML["endpoint"]) and set(deployment) <= set(YAML["deployment"])
    assert set(deployment["request_settings"]) <= set(YAML["request_settings"])
    assert deployment["endpoint_name"] == endpoint["name"]
    assert deployment["instance_type"] in sizes()
    asset, version = deployment["model"].removeprefix("azureml://registries/azureml/models/").split("/versions/")
    row = find(asset)
    assert row.version[0].value == version and deployment["instance_type"] in row.sizes[0].value
