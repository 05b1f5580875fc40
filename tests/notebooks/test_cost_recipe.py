"""Tokens, context and cost: the recipe's own cells count what each kind of deployment bills, to the token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.azure import http
from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.endpoint.starting import new_key, start

RECIPE = Path(__file__).resolve().parents[2] / "notebooks" / "recipes" / "tokens-context-and-cost.ipynb"
CELLS = {cell["id"]: cell for cell in json.loads(RECIPE.read_text(encoding="utf-8"))["cells"]}
FIRST, *_, LAST = deployments()


def source(cell: str) -> str:
    return "".join(CELLS[cell]["source"])


@pytest.fixture(scope="module")
def taught() -> dict[str, Any]:
    """The names that the recipe's cells define: how it counts, and the conversations that it tries."""
    names: dict[str, Any] = {}
    for cell in ("count-1", "count-3"):
        exec(source(cell), names)
    return names


@pytest.mark.parametrize(
    ("kind", "deployment", "version"),
    [("serverless", FIRST, "v3"), ("serverless", LAST, "v3"), ("managed", FIRST, "v1"), ("managed", LAST, "v3")],
)
def test_the_count_is_the_bill(taught, kind, deployment, version):
    with start([key := new_key()], kind=kind, deployment=deployment) as endpoint:
        for name, messages in taught["shapes"].items():
            body = {"model": deployment, "messages": messages, "max_tokens": 1}
            answer = http.request("POST", f"{endpoint.url}/v1/chat/completions", key, body)
            assert answer.json()["usage"]["prompt_tokens"] == taught["count"](messages, version), name


def test_prices_are_parameters_and_said_to_be_made_up():
    parameters = source("set-up-1")
    assert all(f"{name}: " in parameters for name in ("prices", "hour_price", "tokens_per_second", "answer_tokens"))
    assert "examples, made up for this page" in source("set-up-0")
    for cell in ("machine-2", "bill-3"):
        assert "Example prices and speeds" in source(cell)


def test_what_a_machine_costs_is_worked_out_by_hand():
    names = {"hour_price": 4.0, "prompt_tokens": 600, "answer_tokens": 150, "prices": [0.5, 1.5], "peak": 4.0}
    exec(source("bill-1"), names)
    assert names["tokens_bill"](1000) == pytest.approx(30_400 * (600 * 0.5 + 150 * 1.5) / 1e6)
    assert names["machine_bill"](1, 300.0) == 4.0 * 730  # one machine, however idle
    # 200,000 a day in 730 hours are 2.31 a second, 9.25 in the busiest hour, 1,388 tokens a second: 5 of 300.
    assert names["machine_bill"](200_000, 300.0) == 5 * 4.0 * 730
    assert names["machine_bill"](200_000, 300.0, 220) == 4 * 4.0 * 220  # 7.68 a second all the time
