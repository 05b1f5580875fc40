"""A message about an address or an answer shows no key and is one line, whatever stands in it."""

from __future__ import annotations

import pytest

from mistral_on_azure.azure import http
from mistral_on_azure.azure.addresses import check_endpoint
from mistral_on_azure.endpoint.models.engine import choose
from mistral_on_azure.endpoint.options import Options
from mistral_on_azure.endpoint.server_process import _callers
from mistral_on_azure.errors import CookbookError

HOST = "https://my-host.eastus2.inference.ai.azure.com"
SHOWN_KEY = "Sup3rS3cretKey9876543210abcdefXYZ"  # pragma: allowlist secret
WITH_KEY = [
    "https://user:{k}@{h}",
    "https://{k}@{h}/v1",
    "https://user:{k}/x@{h}",
    "https://user:a?{k}@{h}",
    "https://user:a#{k}@{h}",
    "https://user:{k}%40{h}",
    "https://user:{k}＠{h}",
    "https://user:{k}@@{h}",
    "https://user@x:{k}@{h}",
    "https://user:[{k}]@{h}",
    "https://{k}:443@{h}",
    "https://https://user:{k}@{h}",
    "https:/user:{k}@{h}",
    "//user:{k}@{h}",
    "user:{k}@{h}",
    "{h}/{k}@",
    "https://{h}?api-key={k}",
    "https://{h}/;key={k}",
    "https://{h}&api-key={k}",
    "https://{h},{k}",
    "https://{h}/%3Fapi-key={k}",
    "https://{h}/score|{k}",
    "https://{h}\\?api-key={k}",
    "https://{h}/{k}",
    "https://{h}//{k}",
    "https://{h}/openai/deployments/{k}",
    "https://{h}:{k}",
    "https://{k}",
    "https://{k}.",
    "{k}/x",
    "sk-{k}",
    "Bearer:{k}",
    "{k}=https://{h}",
    "postgres://u:{k}@{h}",
]


@pytest.mark.parametrize("key", [SHOWN_KEY, f"ab/c+{SHOWN_KEY}", f"{SHOWN_KEY}=="])
@pytest.mark.parametrize("host", [HOST[8:], "name.services.ai.azure.com", "127.0.0.1:8000", "my-host.com:99999"])
@pytest.mark.parametrize(
    "form", [*WITH_KEY, "https://{h} {k}", "key: {k} https://{h}", "https://{h}\n{k}", "bearer {k}"]
)
def test_an_address_with_a_key_in_it_is_refused_without_the_key(form, host, key):
    with pytest.raises(CookbookError) as caught:
        check_endpoint(form.format(h=host, k=key))
    assert SHOWN_KEY.lower() not in str(caught.value).lower()


@pytest.mark.parametrize("path", ["", "/Team/Mistral-Large-2407", "/a1b2c3d4-0000-4000-8000-a1b2c3d4e5f6"])
def test_what_is_long_in_an_address_need_not_be_a_key(path):
    assert check_endpoint(f"https://MyMistralDeployment2407.azure.example{path}")


@pytest.mark.parametrize("host", ["127.evil.example", "127.0.0.1.evil.example", "localhost.evil.example"])
def test_a_name_that_begins_as_loopback_does_is_another_machine(host):
    with pytest.raises(CookbookError, match=r"Use https\."):
        check_endpoint(f"http://{host}")


@pytest.mark.parametrize(
    "ask",
    [
        lambda key: choose(key),
        lambda key: choose(f"https://127.0.0.1:{key}"),
        lambda key: _callers(Options(allow_origin=(f"https://user:{key}@my-host.com",))),
        lambda key: _callers(Options(allow_origin=(f"http://my-host.com/{key}",))),
        lambda key: _callers(Options(allow_host=(f"user:{key}@my-host.com",))),
        lambda key: http.request("GET", f"https://user:{key}@127.0.0.1:1/info", "none"),
    ],
)
def test_no_other_message_shows_it_either(ask):
    with pytest.raises(CookbookError) as caught:
        ask(SHOWN_KEY)
    assert SHOWN_KEY not in str(caught.value)


@pytest.mark.parametrize("body", ['{"message": "%s"}', '{"error": {"message": "%s"}}', '{"error": "%s"}', "%s"])
def test_what_a_server_says_is_one_short_line_that_changes_no_terminal(body):
    told = http.Response(
        400, {}, body % ("no \\u001b[2Jkey\\n" * 9_000 if "{" in body else "no \x1b[2Jkey\n" * 9_000)
    ).message
    assert told.startswith("no ") and len(told) <= 1_000 and told.isprintable()
