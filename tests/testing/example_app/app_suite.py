"""The app's own tests. TRIAGE_CLIENT names the client that they are run with; all of them when it is not set."""

from __future__ import annotations

import os

import pytest
from model_callers import CALLERS
from triage import INSTRUCTION, MOST_TOKENS, Sorted, Triage

CHOSEN = os.environ.get("TRIAGE_CLIENT")
INVOICE, PARCEL = "I was charged twice for order 1234.", "Where is my parcel? It should have come on Monday."


@pytest.fixture(params=[CHOSEN] if CHOSEN else CALLERS)
def triage(request, azure_endpoint) -> Triage:
    return Triage(CALLERS[request.param])


def test_a_ticket_gets_its_category(triage, azure_endpoint):
    azure_endpoint.answer(INVOICE, "billing")
    assert triage.sort(INVOICE) == Sorted(INVOICE, "billing")
    (sent,) = azure_endpoint.requests
    assert sent.prompt == INVOICE and sent.messages[0] == {"role": "system", "content": INSTRUCTION}
    assert sent.parameters["max_tokens"] == MOST_TOKENS and sent.parameters["temperature"] == 0


@pytest.mark.parametrize("answer", ["Billing.", " billing\n", '"Billing"'])
def test_a_chatty_model_is_understood(triage, azure_endpoint, answer):
    azure_endpoint.answer(INVOICE, answer)
    assert triage.sort(INVOICE).category == "billing"


def test_what_is_no_category_waits_for_a_person(triage, azure_endpoint):
    azure_endpoint.answer(INVOICE, "I think that this is about money, so I would say billing.")
    done = triage.sort(INVOICE)
    assert done.category is None and done.problem.startswith("unclear answer: 'I think that")
    assert azure_endpoint.requests[0].completion_tokens == MOST_TOKENS


def test_a_busy_service_is_asked_again(triage, azure_endpoint):
    azure_endpoint.answer(INVOICE, "billing")
    azure_endpoint.fail(status=429, times=2, retry_after=0)
    assert triage.sort(INVOICE).category == "billing"
    assert [sent.status for sent in azure_endpoint.requests] == [429, 429, 200]


def test_a_service_that_stays_down_loses_no_ticket(triage, azure_endpoint):
    azure_endpoint.answer(PARCEL, "delivery")
    azure_endpoint.fail(status=503, times=1_000)
    done = triage.sort(PARCEL)
    assert done.category is None and done.problem.startswith("no answer")


def test_many_tickets_keep_their_order(triage, azure_endpoint):
    tickets = [f"{INVOICE} {number}" for number in range(12)]
    for number, ticket in enumerate(tickets):
        azure_endpoint.answer(ticket, ("billing", "other")[number % 2])
    assert [done.category for done in triage.sort_all(tickets)] == ["billing", "other"] * 6
    assert azure_endpoint.tokens_used == sum(sent.tokens for sent in azure_endpoint.requests)


def test_an_empty_ticket_costs_nothing(triage, azure_endpoint):
    assert triage.sort("  ").category is None
    assert azure_endpoint.requests == [] and azure_endpoint.tokens_used == 0
