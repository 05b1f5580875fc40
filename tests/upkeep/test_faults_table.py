"""The table of clients and faults: it is what its measurements render to, and these are still what happens."""

from __future__ import annotations

import platform
import re
from dataclasses import replace

import pytest

from mistral_on_azure.azure.files import read_json
from mistral_on_azure.upkeep.faults import faults_table, measuring
from mistral_on_azure.upkeep.faults.calls import GROUPS
from mistral_on_azure.upkeep.faults.measuring import PAIRS, Measured, measure_all, one_line

AGAIN = "not what is kept; look at it, then run `make faults`"


@pytest.fixture
def kept() -> faults_table.Results:
    return read_json(faults_table.FILE)


def test_the_page_is_made_from_the_measurements(kept):
    assert faults_table.page(kept) == faults_table.PAGE.read_text(encoding="utf-8"), "run `cookbook faults --render`"


def test_every_client_and_fault_is_measured_with_what_is_installed(kept):
    assert [(case, client) for case, clients in kept["measured"].items() for client in clients] == sorted(
        PAIRS, key=lambda pair: list(kept["measured"]).index(pair[0])
    )
    assert kept["versions"] == faults_table.versions(), AGAIN


@pytest.mark.all
@pytest.mark.timeout(180)
def test_the_clients_still_do_what_the_table_says(kept):
    """All pairs but those whose waits take long; `cookbook faults --check` measures these, too."""
    if platform.system() != kept["system"]:
        pytest.skip(f"measured on {kept['system']}; another system resets connections in words of its own")
    pairs = [(case, client) for case, client in PAIRS if not faults_table.waits_long(kept["measured"][case][client])]
    assert len(PAIRS) - len(pairs) <= 3
    assert faults_table.differences(kept, measure_all(pairs)) == [], AGAIN


def test_the_table_tells_nothing_about_a_machine_or_a_run(kept):
    texts = [entry["sees"] for clients in kept["measured"].values() for entry in clients.values()]
    for text in texts:
        assert not re.search(r"127\.0|localhost|:\d{4,5}\b|[0-9a-f]{16}|\d{8}|site-packages|/home|/root", text), text
        assert "\n" not in text


@pytest.fixture
def measured() -> Measured:
    return Measured(3, [0.4, 0.9], "openai.RateLimitError", 429, False, "Error code: {status}", "none", None)


@pytest.fixture
def one(kept, measured) -> faults_table.Results:
    """Kept measurements in which each pair is the same."""
    return faults_table.results([dict.fromkeys(PAIRS, measured), dict.fromkeys(PAIRS, measured)])


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        ({}, False),
        ({"waits": [0.5, 2.1]}, False),  # a busy machine
        ({"waits": [0.4, 4.0]}, True),
        ({"tries": 2, "waits": [0.4]}, True),
        ({"raised": "openai.APIError"}, True),
        ({"status": None}, True),
        ({"sees": "Too many requests"}, True),
        ({"kept": "part"}, True),
        ({"finish": "stop"}, True),
    ],
)
def test_a_change_is_noticed(one, measured, change, noticed):
    assert bool(faults_table.differences(one, {PAIRS[0]: replace(measured, **change)})) is noticed


def test_what_varies_is_kept_as_varying_and_not_compared(measured):
    other = replace(measured, tries=2, waits=[0.4], sees="Gone")
    case, client = PAIRS[0]
    results = faults_table.results([dict.fromkeys(PAIRS, each) for each in (measured, other, measured)])
    entry = results["measured"][case][client]
    assert entry["varies"] == {"tries": [3, 2], "sees": ["Error code: {status}", "Gone"]}
    assert (entry["tries"], entry["waits"]) == (3, [[0.4, 0.4], [0.9, 0.9]])
    assert faults_table.differences(results, dict.fromkeys(PAIRS, replace(other, tries=9, waits=[]))) == []
    assert "*varies:* `3` or `2`" in faults_table.page(results)


def test_waits_in_words():
    assert measuring.in_words([[0.4, 0.5], [1.0, 1.0]]) == "0.4 to 0.5, 1"
    assert measuring.rounded([10.0, 12.46, 15.0], timeout=2) == [0.5, 0.5]
    assert measuring.obeys_retry_after([[2.0, 2.3]], 2)
    assert not measuring.obeys_retry_after([[1.9, 2.0]], 2) and not measuring.obeys_retry_after([], 2)


def test_an_error_in_one_line():
    error = OSError(
        "503 Service Unavailable\n from http://127.0.0.1:43210/v1 (port=43210) at 0x7f12ab34cd56\n"
        'request 0a1b2c3d4e5f60718293a4b5c6d7e8f9: {"message":"Busy.","code":"service_unavailable"}'
    )
    exchange = {"status": 503, "answer": '{"message":"Busy.","code":"service_unavailable"}'}
    assert one_line(error, exchange) == ("{status} {reason} from https://HOST/v1 (port=PORT) at 0x… request ID: {body}")
    assert one_line(ValueError()) == "ValueError, without a word"
    assert len(one_line(ValueError("long " * 100))) == 240


def test_names_of_faults_are_different():
    names = [case.name for group in GROUPS for case in group.cases]
    assert len(names) == len(set(names))
