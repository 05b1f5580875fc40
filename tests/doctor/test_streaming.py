"""Streams: as they should be, and in the ways in which they are not."""

from __future__ import annotations

import pytest
from examining import examine, failing
from openai_engine import Engine, chunk, stream

from mistral_on_azure.doctor.examination import Finding, Status
from servers import Asked, Reply, serving

KEY = "the-key-of-an-engine"
WORDS = (*map(chunk, ["one ", "two ", "three ", "four "]), chunk("five", "stop"))


def look(reply: Reply) -> Finding:
    """What the doctor says to this answer to a streamed request."""

    def chat(asked: Asked) -> Reply | None:
        return reply if asked.body.get("stream") else None

    with serving(Engine(KEY, chat)) as url:
        report = examine(url, KEY)
    assert report.findings["round trip"].status is Status.OK
    return report.findings["streaming"]


def test_a_stream(local):
    finding = examine(local.url, local.key).findings["streaming"]
    assert finding.status is Status.OK and finding.found.endswith("then [DONE]")


def test_a_stream_that_takes_its_time():
    finding = look(stream(*WORDS, gap=0.15))
    assert finding.status is Status.OK and finding.found.startswith("5 chunks, the first after ")


def test_a_stream_that_is_held_back():
    whole = b"".join(stream(*WORDS).parts)
    finding = look(Reply(parts=(b"", whole), gap=0.8, headers={"content-type": "text/event-stream"}))
    assert finding.status is Status.NOTE and "all at once" in finding.found and "gateway" in finding.remedy


@pytest.mark.parametrize(
    ("fault", "why", "remedy"),
    [
        ({"answer": "truncated"}, "broke off", "idle timeout"),
        ({"reset": "within"}, "broke off", "idle timeout"),
        ({"answer": "error-event"}, "An error came within the stream", "log"),
    ],
)
def test_a_stream_that_breaks(local, fault, why, remedy):
    local.fail(after=3, **fault)
    name, finding = failing(examine(local.url, local.key))
    assert name == "streaming" and why in finding.found and remedy in finding.remedy


def test_a_stream_without_done(local):
    local.fail(after=3, answer="no-done")
    finding = examine(local.url, local.key).findings["streaming"]
    assert finding.status is Status.NOTE and "no [DONE]" in finding.found and finding.remedy


def test_an_event_without_choices_is_nothing_special(local):
    local.fail(after=3, answer="no-choices")
    assert examine(local.url, local.key).findings["streaming"].status is Status.OK


def test_comments_in_a_stream():
    finding = look(stream(b": ping\n\n", *WORDS))
    assert finding.status is Status.NOTE and "': ping'" in finding.found and "Azure SDK" in finding.remedy


def test_an_engine_that_does_not_stream():
    assert "`stream` is ignored" in look(Engine()(Asked("POST", "/v1/chat/completions", "", {}, {}))).found
    finding = look(Reply({"error": {"message": "no streams here"}}, 400))
    assert finding.status is Status.NOTE and "no streams here" in finding.found
