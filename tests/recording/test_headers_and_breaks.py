"""Recordings keep the headers that a client acts on, and where a stream broke off."""

from __future__ import annotations

import pytest
import requests
from upstream import Notebook, recorder

from mistral_on_azure.errors import CookbookError
from mistral_on_azure.recording.tape import read
from mistral_on_azure.recording.usage import Budget
from mistral_on_azure.running import targets

EVENT = 'data: {"choices": [{"delta": {"content": "é"}}]}\n\n'.encode()
WITHIN_A_CHARACTER = EVENT.index("é".encode()) + 1


def recorded(upstream, file, *bodies: dict) -> list:
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
    recorded(upstream, file, body)
    with targets.replay(read(file)) as through:
        again = Notebook(through).post(body)
    assert again.status_code == status
    assert {name: again.headers.get(name) for name in headers} == headers
    assert "x-tenant" not in again.headers


@pytest.mark.parametrize("cut", [0, 1, 20, WITHIN_A_CHARACTER, len(EVENT) - 1])
def test_a_stream_that_broke_off_is_replayed_as_it_broke(upstream, tmp_path, cut):
    file, body = tmp_path / "tape.jsonl", {"how": "broken_stream", "cut": cut}
    (first,) = recorded(upstream, file, body)
    assert first[2:] == (EVENT + EVENT[:cut], True)
    with targets.replay(read(file)) as through:
        job = Notebook(through)
        assert received(job, body)[2:] == first[2:]
        assert through.objection(job.result) == ""


def test_a_whole_stream_is_replayed_whole(upstream, tmp_path):
    file, body = tmp_path / "tape.jsonl", {"how": "stream"}
    (first,) = recorded(upstream, file, body)
    with targets.replay(read(file)) as through:
        again = received(Notebook(through), body)
    assert again[2:] == first[2:] and again[3] is False


def test_a_text_that_no_bytes_make_is_no_recording(upstream, tmp_path):
    file = tmp_path / "tape.jsonl"
    recorded(upstream, file, {"how": "broken_stream", "cut": WITHIN_A_CHARACTER})
    file.write_text(file.read_text(encoding="utf-8").replace("\\udcc3", "\\ud800"), encoding="utf-8")
    with pytest.raises(CookbookError, match="is not a recording"):
        read(file)
