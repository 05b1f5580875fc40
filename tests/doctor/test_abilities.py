"""What an engine can do and cannot: worth a note, never a failure. And quotas, and the round trip."""

from __future__ import annotations

from typing import Any

from examining import examine
from openai_engine import USAGE, Engine, completion

from mistral_on_azure.doctor.examination import Finding, Status
from servers import Asked, Reply, serving

KEY = "the-key-of-an-engine"
REFUSED = Reply({"error": {"message": "not in this engine"}}, 400)


def look(check: str, **answers: Any) -> Finding:
    """What a check finds at an engine that has its own answer to requests with a parameter."""

    def chat(asked: Asked) -> Reply | None:
        named = (answer for name, answer in answers.items() if name in asked.body)
        answer = next(named, None)
        return answer(asked) if callable(answer) else answer

    with serving(Engine(KEY, chat)) as url:
        report = examine(url, KEY)
    assert not report.failed
    return report.findings[check]


def counting(tokens_of_system: int, tokens_of_text: int) -> dict[str, Any]:
    """An engine that counts a system message, and a longer prompt, as so many tokens more."""

    def messages(asked: Asked) -> Reply:
        has_system = asked.body["messages"][0]["role"] == "system"
        is_longer = "brief" in asked.body["messages"][-1]["content"]
        prompt = USAGE["prompt_tokens"] + tokens_of_system * has_system + tokens_of_text * is_longer
        return completion(usage={"prompt_tokens": prompt, "completion_tokens": 1, "total_tokens": prompt + 1})

    return {"messages": messages}


def template(asked: Asked) -> Reply:
    """A model whose template has a system message of its own, which another one replaces."""
    first = asked.body["messages"][0]
    prompt = len(first["content"]) if first["role"] == "system" else 20
    return completion(usage={"prompt_tokens": prompt, "completion_tokens": 1, "total_tokens": prompt + 1})


def test_the_local_endpoint(local):
    findings = examine(local.url, local.key).findings
    assert findings["system message"].found == (
        "6 more prompt tokens: as many as in front of the user message, so it is put there"
    )
    assert findings["JSON mode"].found.startswith("refused (422)") and findings["JSON mode"].status is Status.NOTE
    assert findings["logprobs"].found == "given"
    assert findings["tools"].found.startswith("refused (422)") and findings["tools"].status is Status.NOTE
    assert findings["extra parameters"].found == (
        "refused by default; the header extra-parameters counts (drop: accepted, pass-through: accepted)"
    )
    assert "of 1,000 requests left" in findings["quota"].found and "of 200,000 tokens left" in findings["quota"].found
    assert "for one token (median of 3)" in findings["round trip"].found


def test_system_messages():
    assert "a place of its own" in look("system message", **counting(9, 3)).found
    assert "so it is put there" in look("system message", **counting(3, 3)).found
    ignored = look("system message", **counting(0, 3))
    assert ignored.status is Status.NOTE and "ignored" in ignored.found and "first user message" in ignored.remedy
    assert look("system message", messages=template).found.startswith("read; without one, the model's template")
    assert "count no tokens" in look("system message", messages=lambda asked: completion(usage=None)).found

    def no_system(asked: Asked) -> Reply | None:
        return REFUSED if asked.body["messages"][0]["role"] == "system" else None

    refused = look("system message", messages=no_system)
    assert "refused (400): not in this engine" in refused.found and "first user message" in refused.remedy


def test_json_mode():
    assert look("JSON mode", response_format=completion('{"hello": true}')).found == "the answer is JSON"
    assert look("JSON mode", response_format=completion('{"hello":')).found == "the answer begins as JSON does"
    ignored = look("JSON mode", response_format=completion("Hello!"))
    assert "ignored" in ignored.found and "in the prompt" in ignored.remedy


def test_logprobs():
    finding = look("logprobs", logprobs=completion())
    assert finding.status is Status.NOTE and "ignored" in finding.found
    assert "refused (500)" in look("logprobs", logprobs=Reply({"error": {"message": "?"}}, 500)).found


def test_tools():
    calls = [{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]
    assert look("tools", tools=completion("", tool_calls=calls)).found == "calls get_weather"
    text = look("tools", tools=completion("It is sunny."))
    assert text.status is Status.NOTE and "in text" in text.found and "tool_choice" in text.remedy
    assert "refused (400)" in look("tools", tools=REFUSED).found


def test_extra_parameters():
    ignored = look("extra parameters")
    assert ignored.status is Status.NOTE and "whatever the header says" in ignored.found and ignored.remedy
    assert "refused by default" in look("extra parameters", cookbook_doctor=REFUSED).found


def test_a_quota_that_is_nearly_used_up():
    def few(asked: Asked) -> Reply:
        reply = completion()
        reply.headers |= {"x-ratelimit-limit-tokens": "20000", "x-ratelimit-remaining-tokens": "1999"}
        return reply

    finding = look("quota", messages=few)
    assert finding.status is Status.NOTE and finding.found == "1,999 of 20,000 tokens left"
    assert "Few tokens are left" in finding.remedy


def test_no_quota_headers():
    finding = look("quota")
    assert finding.status is Status.NOTE and "no x-ratelimit headers" in finding.found
