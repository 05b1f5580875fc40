"""Timing: when each token leaves, by whom the pace is set, and that it is kept under load."""

from __future__ import annotations

import pytest
from raw import KEY

from mistral_on_azure.azure.deployments import deployments, retired_deployments, sold_deployments
from mistral_on_azure.endpoint.api_errors import ApiError
from mistral_on_azure.endpoint.local.timing import Timing, paced, setting
from mistral_on_azure.endpoint.transport.exchange import Answer
from mistral_on_azure.endpoint.transport.writer import Stream

AUTHORIZED = {"authorization": f"Bearer {KEY}"}


class Clock:
    """A connection on which time passes as a test says."""

    def __init__(self) -> None:
        self.now, self.wrote, self.due, self.ended = 100.0, [], None, False
        self.loop = self.transport = self

    def time(self) -> float:
        return self.now

    def write(self, data: bytes) -> None:
        self.wrote.append((round(self.now - 100, 6), data))

    def call_at(self, when: float, call):
        self.due = (when, call)
        return self

    def call_soon(self, call) -> None:
        call()

    def cancel(self) -> None:
        self.due = None

    def stream_ended(self) -> None:
        self.ended = True

    def go(self, late: float = 0.0) -> None:
        """Let time pass until the stream has ended, each timer late by so much."""
        while not self.ended:
            when, call = self.due
            self.now = max(self.now, when + late)
            call()


def timeline(answer: Answer, late: float = 0.0) -> list[tuple[float, bytes]]:
    clock = Clock()
    Stream(clock, answer, b"HEAD", lambda data, last: data).start()
    clock.go(late)
    return clock.wrote


def events(tokens: int) -> tuple[bytes, ...]:
    return (b"role", *(b"%d" % place for place in range(1, tokens + 1)), b"end", b"[DONE]")


def test_each_token_at_its_time():
    answer = paced(Answer(200, events=events(4)), Timing(0.2, 50), 4)
    assert timeline(answer) == [
        (0.0, b"HEAD"),
        (0.2, b"role1"),
        (0.22, b"2"),
        (0.24, b"3"),
        (0.26, b"4end[DONE]"),
    ]


def test_lateness_does_not_add_up():
    answer = paced(Answer(200, events=events(50)), Timing(0.2, 50), 50)
    wrote = timeline(answer, late=0.015)
    assert [at for at, _ in wrote[1:]] == pytest.approx([0.215 + 0.02 * place for place in range(50)])
    wrote = timeline(answer, late=0.05)  # more than two tokens late: they leave together
    assert wrote[-1][0] <= 0.2 + 49 * 0.02 + 0.05 + 1e-6
    assert b"".join(data for _, data in wrote[1:]) == b"".join(answer.events)


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_short_answers(tokens):
    wrote = timeline(paced(Answer(200, events=events(tokens)), Timing(0.2, 50), tokens))
    assert wrote[-1][0] == pytest.approx(0.2 + 0.02 * max(0, tokens - 1))
    assert b"".join(data for _, data in wrote[1:]) == b"".join(events(tokens))


def test_an_answer_in_one_piece_takes_as_long_as_its_stream():
    wrote = timeline(paced(Answer(200, b"BODY"), Timing(0.2, 50), 51))
    assert wrote == [(1.2, b"HEADBODY")]
    assert paced(Answer(200, b"BODY"), Timing(), 51).at_once


def test_only_the_first_token_may_be_slow():
    wrote = timeline(paced(Answer(200, events=events(3)), Timing(0.2), 3))
    assert wrote == [(0.0, b"HEAD"), (0.2, b"role123end[DONE]")]


def test_what_fell_due_while_the_client_did_not_read_leaves_when_it_does():
    clock = Clock()
    stream = Stream(clock, paced(Answer(200, events=events(10)), Timing(0, 10), 10), b"", lambda data, last: data)
    stream.start()
    stream.pause()
    clock.now += 0.55
    clock.due[1]()
    assert [data for _, data in clock.wrote] == [b"", b"role1"]
    stream.resume()
    assert clock.wrote[-1] == (0.55, b"23456")
    clock.go()
    assert clock.wrote[-1] == (0.9, b"10end[DONE]")


def test_settings():
    assert setting("off").of("any") == Timing()
    assert setting(" first-token = 0.5 ").of("any") == Timing(0.5, None)
    assert setting("first_token=0.5; tokens-per-second=20").of("any") == Timing(0.5, 20)
    for name in {**deployments(), **sold_deployments(), **retired_deployments()}:
        assert 0 < setting("imitate").of(name).first_token < 2
        assert 10 < setting("imitate").of(name).tokens_per_second < 200
    for wrong in ("", "fast", "first-token=fast", "tokens-per-second=0", "speed=3"):
        with pytest.raises(ApiError):
            setting(wrong)


def test_imitation_is_of_the_deployment_that_answers():
    small, *_, large = map(setting("imitate").of, deployments())
    assert small != large
