"""Messages: what a text model reads, what it refuses and in which words, and what the service puts in front of it."""

from __future__ import annotations

from itertools import chain, product

import pytest
from asking import CHAT_ROUTES, LARGE, PROMPT, QUESTION, chat
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_objections import objection_of, ours, theirs
from tool_requests import WEATHER, call

from mistral_on_azure.endpoint.models.conversation import conversation
from mistral_on_azure.endpoint.models.messages import GUARDRAIL, STARTS
from mistral_on_azure.endpoint.models.sampling import cut
from mistral_on_azure.endpoint.models.tokens import count_prompt
from scripted import listed, script

SYSTEM = "You are a helpful assistant."
FILTERED = listed()[0]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
HELLO = {"role": "user", "content": "Hello"}
HI = {"role": "assistant", "content": "Hi"}


def system(content) -> dict:
    return {"role": "system", "content": content}


def user(content) -> dict:
    return {"role": "user", "content": content}


def parts(*texts: str) -> list[dict]:
    return [{"type": "text", "text": text} for text in texts]


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_the_documented_exchange(path):
    assert chat([system(SYSTEM), user(PROMPT)], path).usage == (19, 72, 91)
    assert chat(QUESTION, path).usage == (11, 72, 83)


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    ("content", "same_as"),
    [
        (parts(PROMPT), PROMPT),
        (parts("How many languages", "are in the world?"), "How many languages\n\nare in the world?"),
        (parts("", PROMPT, ""), PROMPT),
        ([], ""),
        (parts(""), ""),
    ],
)
def test_content_as_text_parts_is_the_text(path, content, same_as):
    one, other = chat([user(content)], path), chat([user(same_as)], path)
    assert (one.usage, one.text) == (other.usage, other.text)


def test_parts_in_every_role():
    talk = [system(parts(SYSTEM)), user(parts(PROMPT)), {"role": "assistant", "content": parts("Many.")}, user(PROMPT)]
    plain = [system(SYSTEM), user(PROMPT), {"role": "assistant", "content": "Many."}, user(PROMPT)]
    assert chat(talk).usage == chat(plain).usage


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    "content", [[IMAGE], [*parts("What is this?"), IMAGE], [{"type": "input_audio", "input_audio": {}}]]
)
def test_images_are_refused_as_a_text_model_does(path, content):
    for model in (None, LARGE):
        got = chat([user(content)], path, model=model)
        kind = content[-1]["type"]
        assert (got.status, got.code, got.json["param"]) == (422, "parameter_not_supported", "messages")
        assert got.json["detail"] == {"loc": ["body", "messages"], "input": kind}
        assert got.message == f"This model reads text; it cannot read '{kind}'."


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([HI], "Conversation must start with a user message or system message"),
        ([HELLO, HI], "Expected last role User or Tool (or Assistant with prefix) for serving but got assistant"),
        ([HI, HELLO], STARTS),
        ([system("a"), HI, HELLO], STARTS),
        ([HELLO, HI, system("a"), HELLO], "Unexpected role 'system' after role 'assistant'"),
        ([HELLO, system("a")], "Unexpected role 'system' after role 'user': a system message comes before all others."),
        ([HELLO, system("a"), HELLO], "Unexpected role 'system' after role 'user'"),
        ([HELLO, {**HI, "prefix": True}, HELLO], "Assistant message with prefix True must be last message"),
        ([system("a")], STARTS),
        ([{"role": "developer", "content": "x"}, HELLO], "send its text as the first message, with the role 'system'."),
        (
            [HELLO, HI, {"role": "function", "name": "f", "content": "x"}],
            "messages.2: there is no role 'function' here",
        ),
        ([{"role": "human", "content": "x"}], "role"),
        ([{"content": "x"}], "role"),
        ([{"role": "user"}], "content"),
        ([{"role": "user", "content": None}], "content"),
        ([{"role": "user", "content": 3}], "content"),
        (["hello"], "messages.0"),
        ([None], "messages.0"),
        (
            [HELLO, {"role": "assistant", "content": ""}, HELLO],
            "Assistant message must have either content or tool_calls",
        ),
        ([user([{"type": "text"}])], "messages.0.user.content.0.text.text: Field required."),
        ([user([{"text": "x"}])], "messages.0.user.content.0: Unable to extract tag using discriminator 'type'"),
        ([HELLO, HI, user([{"type": "text", "text": 3}])], "messages.2.user.content.0.text.text: Input should be"),
        ([user(["x"])], "messages.0.user.content.0: Input should be"),
        ([{**HI, "unknown": 1}, {**HELLO, "unknown": 1}], STARTS),
    ],
)
def test_what_breaks_the_rules_is_told_in_mistrals_words(path, messages, said):
    got = chat(messages, path)
    assert (got.status, got.code, got.json["param"]) == (400, "invalid_messages", "messages")
    assert said in got.message and "\n" not in got.message


@pytest.mark.parametrize(("messages", "status"), [(None, 422), ([], 422), ({"role": "user"}, 422), (3, 422)])
def test_messages_that_are_none(messages, status):
    got = chat(messages)
    assert (got.status, got.json["param"]) == (status, "messages")


ROLES = {
    "S": system("s"),
    "U": HELLO,
    "A": HI,
    "P": {**HI, "prefix": True},
    "C": {"role": "assistant", "tool_calls": [call("abcdefghi")]},
    "T": {"role": "tool", "tool_call_id": "abcdefghi", "content": "r"},
}


@pytest.mark.parametrize("tools", [(), (WEATHER,)])
def test_what_mistral_common_refuses_is_refused_in_its_words(tools):
    """Every conversation of up to four messages. What else is refused are three orders of roles."""
    own = (None, STARTS, "Unexpected role 'user' after role 'tool'", "Unexpected role 'system' after role 'user'")
    for letters in chain.from_iterable(product(ROLES, repeat=length) for length in range(1, 5)):
        messages = [ROLES[letter] for letter in letters]
        objection, said = theirs(messages, tools), objection_of(conversation, messages, tools)
        assert ours(messages, tools) == objection, letters
        assert said == objection or (not objection and said.partition(":")[0] in own), letters


def test_members_that_nobody_reads_are_left_alone():
    assert chat([{**HELLO, "name": "me", "refusal": None, "audio": None}]).usage == chat([HELLO]).usage


def test_there_is_no_system_role():
    """The service folds the system message into the first user turn: the tokens are those of one user turn."""
    folded = chat([user(f"{SYSTEM}\n\n{PROMPT}")])
    assert chat([system(SYSTEM), user(PROMPT)]).usage[0] == folded.usage[0]
    assert chat([system("a"), system("b"), HELLO]).usage[0] == chat([user("a\n\nb\n\nHello")]).usage[0]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("messages", [QUESTION, [system(SYSTEM), *QUESTION], [user(parts(PROMPT))], [HELLO, HI, HELLO]])
def test_safe_prompt_puts_the_guardrail_first(messages, stream):
    safe, plain = (chat(messages, safe_prompt=wanted) for wanted in (True, False))
    assert safe.usage[0] == chat([system(GUARDRAIL), *messages]).usage[0] > plain.usage[0]
    assert safe.text == plain.text == chat(messages, safe_prompt=True, stream=stream).text


def test_safe_prompt_costs_what_it_says():
    folded = count_prompt([("user", f"{GUARDRAIL}\n\n{PROMPT}")])
    assert chat(safe_prompt=True).usage[0] == folded
    french = [system("Answer in French, in one short sentence."), user(PROMPT)]
    assert "langues" in chat(french, safe_prompt=True).text


def test_safe_prompt_does_not_move_the_blame():
    bad = [HELLO, user(3)]
    assert chat(bad, safe_prompt=True).message == chat(bad).message
    assert "messages.1" in chat(bad).message


def test_safe_prompt_counts_towards_the_context():
    context, plain = 8192, chat().usage[0]
    assert chat(max_tokens=context - plain).status == 200
    assert chat(max_tokens=context - plain, safe_prompt=True).code == "context_length_exceeded"


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(
    "messages",
    [
        [user(FILTERED)],
        [user(parts(FILTERED))],
        [user(f"Please comment: {FILTERED} Thanks.")],
        [system("You are an AI assistant that helps people find information."), user(FILTERED)],
        [HELLO, HI, user(FILTERED)],
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_filtered_prompt(path, messages, stream):
    got = chat(messages, path, stream=stream)
    assert got.status == 400
    body = got.json
    assert body.pop("error")["code"] == "content_filter"
    assert body == {
        "status": 400,
        "code": "content_filter",
        "message": "The response was filtered",
        "param": "messages",
        "type": None,
    }


def test_what_is_filtered_is_in_no_other_prompt():
    assert not any(text in prompt for _, prompt in script() for text in listed())
    assert chat("Tell me about tomatoes.").status == 200


def test_a_filtered_prompt_in_each_client(local):
    """Each of them shows the code or the message; which exception it is belongs to the table of clients and faults."""
    from mistral_on_azure.upkeep.faults.calls import CALLS, REQUEST, Call

    for name, complete in CALLS.items():
        with pytest.raises(Exception) as caught:
            complete(Call(local.url, local.key, request={**REQUEST, "messages": [user(FILTERED)]}))
        answered = getattr(getattr(caught.value, "response", None), "text", "")
        shown = f"{caught.value} {answered() if callable(answered) else answered}"
        assert "filtered" in shown or "content_filter" in shown, name


PROMPTS = [prompt for own, prompt in script() if own is None]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_chunk_never_ends_within_a_character(prompt):
    whole = chat(prompt)
    for limit in {1, 2, 3, 5, 8, whole.usage[1]}:
        got = chat(prompt, stream=True, max_tokens=limit)
        assert got.text == chat(prompt, max_tokens=limit).text
        assert whole.text.startswith(got.text) and "\ufffd" not in got.text


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.integers(1, 30))
def test_no_limit_splits_a_character(text, limit):
    """Characters the vocabulary lacks are several tokens; a limit in the midst of one leaves all of it out."""
    completion = cut(text, limit, None)
    assert text.startswith(completion.text)
    assert "".join(completion.pieces) == completion.text
    for piece in completion.pieces:
        assert piece.encode().decode() == piece


def test_characters_that_are_several_tokens_arrive_whole():
    got = chat("How do you say good morning in it?", stream=True)
    pieces = [choice["delta"].get("content", "") for chunk in got.chunks for choice in chunk["choices"]]
    assert any("早" in piece for piece in pieces)
    assert "".join(pieces) == got.text
