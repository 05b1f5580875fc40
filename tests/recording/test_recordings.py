"""Recording what a real endpoint answers, without what is nobody else's business, and replaying it.

The headers that a client acts on are kept, and so is where a stream broke off.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests
from upstream import KEY, TENANT, USAGE, Notebook, recorder

from commanding import needs_a_full_disk
from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.tape import Exchange, Recorder, Scrubber, read
from mistral_on_azure.recording.usage import Budget
from mistral_on_azure.running import targets

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJ0aWQiOiI3MmY5ODhiZiJ9.c2lnbmF0dXJlLW9mLWl0"  # pragma: allowlist secret
EVENT = 'data: {"choices": [{"delta": {"content": "é"}}]}\n\n'.encode()
WITHIN_A_CHARACTER = EVENT.index("é".encode()) + 1


@pytest.fixture
def recorded(upstream, tmp_path):
    """A recording of an answer, two different answers to one request, a stream and a refusal."""
    file = tmp_path / "tape.jsonl"

    with targets.real(upstream.url, Budget(), recorder(file)) as through:
        job = Notebook(through)
        answers = [
            job.post({"ask": 1, "n": 1}),
            job.post({"ask": 1, "n": 1}),
            job.post({"how": "stream", "usage": USAGE}),
            job.post({"mail": "bob@contoso.com", "host": "prod-7.eastus2.inference.ml.azure.com"}, key=TOKEN),
        ]
        assert through.usage(job.result).calls == 4  # which waits for what is under way, as the runner does
        assert file.with_name("tape.jsonl.part").exists() and not file.exists()
        assert f"Recorded 4 exchanges in {file}" in through.finish(True)
    return file, answers


def test_nothing_of_the_tenant_is_in_a_recording(recorded, upstream):
    text = recorded[0].read_text(encoding="utf-8")
    host = upstream.url.removeprefix("http://")
    for secret in (KEY, TOKEN, TENANT, host, "contoso.com", "secret-group", "1b2c3d4e", "eastus2", "apim-request-id"):
        assert secret not in text, secret
    for kept in (
        "Hello.",
        "someone@example.com",
        "endpoint.example",
        "00000000-0000-0000-0000-",
        '"credential": "own"',
    ):
        assert kept in text, kept
    refused = json.loads(text.splitlines()[4])
    assert refused["credential"] == "other" and refused["status"] == 401


def test_a_replay_answers_as_it_was_answered(recorded):
    file, answers = recorded
    with targets.replay(read(file)) as through:
        job = Notebook(through)
        again = [
            job.post({"n": 1, "ask": 1}),  # the order of names does not matter
            job.post({"ask": 1, "n": 1}),
            job.post({"how": "stream", "usage": USAGE}),
            job.post({"mail": "bob@contoso.com", "host": "prod-7.eastus2.inference.ml.azure.com"}, key="wrong"),
        ]
        assert [each.status_code for each in again] == [each.status_code for each in answers] == [200, 200, 200, 401]
        assert again[2].content == answers[2].content
        assert again[0].json()["you_sent"] == "***"
        assert through.usage(job.result).tokens == 3 * 12 and through.objection(job.result) == ""


def test_a_replay_refuses_what_was_not_recorded_and_says_so(recorded):
    with targets.replay(read(recorded[0])) as through:
        job, other = Notebook(through), Notebook(through, "another")
        assert job.post({"ask": 2}).status_code == 501
        assert other.post({"ask": 1, "n": 1}).status_code == 501  # it was another notebook's
        for expected in (200, 200, 501):  # asked once more than it was recorded
            assert job.post({"ask": 1, "n": 1}).status_code == expected
        assert through.objection(job.result) == ("POST /v1/chat/completions is not in the recording. Record it again.")


def test_a_replay_tells_of_what_was_not_asked_for(recorded):
    with targets.replay(read(recorded[0])) as through:
        job = Notebook(through)
        job.post({"ask": 1, "n": 1})
        assert "3 recorded answers were not requested" in through.objection(job.result)


def test_a_stream_that_its_client_leaves_is_recorded_as_far_as_it_came(upstream, tmp_path):
    file, body = tmp_path / "tape.jsonl", {"how": "stream", "words": ["x"] * 200, "gap": 0.05}

    with targets.real(upstream.url, Budget(), recorder(file)) as through:
        job = Notebook(through)
        with job.post(body, stream=True) as answer:
            next(answer.iter_lines(chunk_size=1))
        assert upstream.gone.wait(60) and through.usage(job.result).calls == 1
        through.finish(True)
    (exchange,) = read(file).exchanges
    assert exchange.status == 200 and exchange.answer.startswith("data: ") and "[DONE]" not in exchange.answer


def test_a_recording_of_a_failed_run_is_left_unfinished(tmp_path):
    recorder = Recorder(tmp_path / "a.jsonl", {}, Scrubber())
    assert "left unfinished" in recorder.close(complete=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl.part"]


@needs_a_full_disk
def test_a_recording_that_fills_the_disk_stops_the_run_and_is_left_unfinished(tmp_path, upstream):
    recorder = Recorder(tmp_path / "a.jsonl", {}, Scrubber())
    with (
        Path("/dev/full").open("wb", buffering=0) as recorder._file,
        targets.real(upstream.url, Budget(), lambda *_: recorder) as through,
    ):
        job = Notebook(through)
        assert job.post({"ask": 1}).status_code == 200  # a call that is paid for is answered all the same
        assert through.usage(job.result).calls == 1  # which waits for what is under way
        assert through.stop() == through.objection(job.result) == recorder.stopped
        assert through.finish(True).startswith("The recording cannot be continued (No space left on device).")
    assert not (tmp_path / "a.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("", "is not a recording"),
        ("{}", "is not a recording"),
        ("no json", "is not a recording"),
        ('{"cookbook_recording": 99}', "another version"),
        ('{"cookbook_recording": 1}\n{"x": 1}', "is not a recording"),
    ],
)
def test_what_is_no_recording_is_said(tmp_path, content, said):
    file = tmp_path / "r.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CookbookError, match=said):
        read(file)


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\u0085", "\x1c", "\v", "\f", "\r\n"])
def test_what_some_count_as_a_line_break_stays_in_its_text(tmp_path, odd):
    file, text = tmp_path / "r.jsonl", json.dumps({"a": f"b{odd}c"}, ensure_ascii=False)
    recorder = Recorder(file, {"endpoint": "e", "parameters": {}}, Scrubber())
    recorder.add(Exchange("n", "d", "POST", "/chat", "own", {}, text), 200, {}, text.encode())
    recorder.close(True)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes() + b"\r\n\n")  # as an editor on Windows may save it
    (made,) = read(file).exchanges
    assert (made.body, made.answer) == (text, text)


def test_a_file_that_cannot_be_written_is_said():
    with pytest.raises(CookbookError, match="Choose another --record"):
        Recorder(Path("/proc/nowhere/r.jsonl"), {}, Scrubber())


def test_a_pseudonym_stays_the_same():
    scrub = Scrubber().text
    assert scrub(TENANT) == scrub(TENANT.upper()) != scrub(TENANT.replace("7", "8"))


def record(upstream, file, *bodies: dict) -> list:
    """Record these requests; what each of them got."""
    with targets.real(upstream.url, Budget(), recorder(file)) as through:
        job = Notebook(through)
        got = [received(job, body) for body in bodies]
        through.usage(job.result)  # which waits for what is under way
        assert f"Recorded {len(bodies)} exchange{'s'[: len(bodies) > 1]} in" in through.finish(True)
    return got


def received(job: Notebook, body: dict) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, headers, the bytes that came, and whether the connection broke off."""
    parts = []
    with job.post(body, stream=True) as answer:
        try:
            parts.extend(answer.iter_content(None))
        except requests.exceptions.ChunkedEncodingError:
            return answer.status_code, dict(answer.headers), b"".join(parts), True
    return answer.status_code, dict(answer.headers), b"".join(parts), False


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"retry-after-ms": "1500", "x-ms-retry-after-ms": "2500"}),
        (429, {"retry-after": "Fri, 27 Nov 2026 16:00:00 GMT", "x-should-retry": "false"}),
        (
            424,
            {"ms-azureml-model-error-statuscode": "503", "ms-azureml-model-error-reason": "model_error"},
        ),
    ],
)
def test_headers_that_a_client_acts_on_are_kept(upstream, tmp_path, status, headers):
    file, body = tmp_path / "tape.jsonl", {"how": "refused", "status": status, "headers": {**headers, "x-tenant": "t"}}
    record(upstream, file, body)
    with targets.replay(read(file)) as through:
        again = Notebook(through).post(body)
    assert again.status_code == status
    assert {name: again.headers.get(name) for name in headers} == headers
    assert "x-tenant" not in again.headers


@pytest.mark.parametrize("cut", [0, 1, 20, WITHIN_A_CHARACTER, len(EVENT) - 1])
def test_a_stream_that_broke_off_is_replayed_as_it_broke(upstream, tmp_path, cut):
    file, body = tmp_path / "tape.jsonl", {"how": "broken_stream", "cut": cut}
    (first,) = record(upstream, file, body)
    assert first[2:] == (EVENT + EVENT[:cut], True)
    with targets.replay(read(file)) as through:
        job = Notebook(through)
        assert received(job, body)[2:] == first[2:]
        assert through.objection(job.result) == ""


def test_a_whole_stream_is_replayed_whole(upstream, tmp_path):
    file, body = tmp_path / "tape.jsonl", {"how": "stream"}
    (first,) = record(upstream, file, body)
    with targets.replay(read(file)) as through:
        again = received(Notebook(through), body)
    assert again[2:] == first[2:] and again[3] is False


def test_a_text_that_no_bytes_make_is_no_recording(upstream, tmp_path):
    file = tmp_path / "tape.jsonl"
    record(upstream, file, {"how": "broken_stream", "cut": WITHIN_A_CHARACTER})
    file.write_text(file.read_text(encoding="utf-8").replace("\\udcc3", "\\ud800"), encoding="utf-8")
    with pytest.raises(CookbookError, match="is not a recording"):
        read(file)
