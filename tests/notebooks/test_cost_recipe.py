"""Tokens, context and cost: the recipe's own cells count what each kind of deployment bills, to the token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mistral_on_azure.azure import http
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.azure.deployments import deployments
from mistral_on_azure.endpoint.starting import start

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


def test_a_tool_counts_as_it_is_billed(taught, capsys):
    exec(source("count-5"), taught)
    asking, tools = taught["asking"], taught["tools"]
    with start([key := new_key()], deployment=LAST) as endpoint:
        body = {"model": LAST, "messages": asking, "tools": tools, "max_tokens": 1}
        answer = http.request("POST", f"{endpoint.url}/v1/chat/completions", key, body)
    assert answer.json()["usage"]["prompt_tokens"] == taught["count"](asking, "v3", tools) == 71


@pytest.fixture(scope="module")
def priced(taught) -> dict[str, Any]:
    """The names of the cells about prices, with the parameters as they are committed."""
    names = {**taught, "version": "v3"}
    for cell in ("set-up-1", "price-1", "bill-1", "bill-2"):
        exec(source(cell), names)
    return names


def test_what_others_counted_is_what_the_recipe_counts():
    """Microsoft's page shows 19 prompt tokens, and Microsoft's container counted 12 with a tokenizer of v1."""
    (output,) = CELLS["count-5"]["outputs"]
    head, page, container, with_a_tool = "".join(output["text"]).splitlines()
    assert head.split() == ["counted", "by", "v1", "v3", "usage"]
    assert page.split() == ["Microsoft's", "page", "24", "19", "19"]
    assert container.split() == ["Microsoft's", "container", "12", "7", "12"]
    assert with_a_tool == "With a tool: 12 → 71 ; v1: 17"


def test_the_headline_is_what_the_counters_printed_and_a_copied_program_says_what_it_sends(taught):
    (output,) = CELLS["others-2"]["outputs"]
    printed, headline = "".join(output["text"]), " ".join(source("title").split())
    assert "'mistral-common': 1883" in printed and "'o200k_base': 500" in printed
    assert "finds 500 tokens in a Hindi prompt in which the tokenizer of Mistral's open models counts 1,883" in headline
    assert len(taught["shapes"]) == 7 and "# seven requests, which are billed" in source("count-4")
    names: dict[str, Any] = {}
    exec(source("others-1"), names)
    assert len(names["texts"]) == 11 and "# eleven requests, which are billed" in source("others-2")


def test_tekken_is_counted_by_the_line_that_the_text_gives(taught):
    """`count` with the line in the place of its own takes the vocabulary of newer models."""
    (line,) = [part for part in source("price-0").split("`") if part.startswith("tokenizer = ")]
    names: dict[str, Any] = {}
    changed = [f"    {line}" if "getattr(" in each else each for each in source("count-1").splitlines()]
    exec("\n".join(changed), names)
    hindi = [{"role": "user", "content": "सभी मनुष्यों"}]
    assert names["count"](hindi, "v3") < taught["count"](hindi, "v3")


def test_prices_are_parameters_and_said_to_be_made_up():
    parameters = source("set-up-1")
    names = ("prices", "hour_price", "tokens_per_second", "answer_tokens", "max_tokens")
    assert all(f"{name}: " in parameters for name in names)
    assert "examples, made up for this page" in source("set-up-0")
    for cell in ("machine-2", "bill-3"):
        assert "Example prices and speeds" in source(cell)


def test_prompt_and_completion_tokens_have_their_own_price(priced):
    assert priced["cost"](600, 150) == pytest.approx((600 * 0.5 + 150 * 1.5) / 1e6)


def test_what_a_machine_costs_is_worked_out_by_hand(priced):
    machine_bill, cheaper = priced["machine_bill"], priced["cheaper"]
    assert priced["tokens_bill"](1000) == pytest.approx(30_400 * (600 * 0.5 + 150 * 1.5) / 1e6)
    assert machine_bill(1, 300.0, 730, 4) == 4.0 * 730  # one machine, however idle
    # 200,000 a day in 730 hours are 2.31 a second, 9.25 in the busiest hour, 1,388 tokens a second: 5 of 300.
    assert machine_bill(200_000, 300.0, 730, 4) == 5 * 4.0 * 730
    assert machine_bill(200_000, 300.0, 220, 1) == 4 * 4.0 * 220  # 7.68 a second all the time
    # 880 are the price of 55,138 requests a day by the token, and one machine carries 260,000 of them.
    assert cheaper(1500.0, 220, 1) == [(56_000, 115_000)]


def test_a_second_machine_makes_tokens_the_cheaper_way_again(priced):
    """2,920 are 182,957 requests a day by the token; above 216,000 the busiest hour needs a second machine."""
    assert priced["cheaper"](1500.0, 730, 4) == []  # the quota ends at 96,000
    kept, priced["quota"] = priced["quota"], 800_000
    try:
        assert priced["cheaper"](1500.0, 730, 4) == [(183_000, 216_000), (366_000, 384_000)]
    finally:
        priced["quota"] = kept
