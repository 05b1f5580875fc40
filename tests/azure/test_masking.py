"""What the masker knows: every form of a key, parts of one, and any text in a time that grows with its length alone."""

from __future__ import annotations

import base64
import html
import json
import pprint
import secrets
import textwrap
import time
from urllib.parse import quote, quote_plus

import jwt
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from mistral_on_azure.azure.masking import Masker, masked_header, masked_query

HEX = "0f9c1b7d2e8a4653a1b2c3d4e5f60718"  # pragma: allowlist secret
AWKWARD = "aB3/+d\"5'f<7>&h %jK9\\mN0=pQ2\u00e9~tV"
AZURE = "8Hs2KdPq7WxT4mZc" * 5 + "Jq9z"


def base64_of(key: str) -> list[str]:
    encoders = (base64.b64encode, base64.urlsafe_b64encode)
    return [encode(f"{before}{key}:x".encode()).decode() for encode in encoders for before in ("", "u", "u:", "u:p")]


def forms(key: str) -> dict[str, str]:
    wrapped = "\n".join(textwrap.wrap(base64.b64encode(f"user:{key}".encode()).decode(), 20))
    half = len(key) // 2
    first, second = key[:half], key[half:]
    shown = {
        "plain": key,
        "in JSON": json.dumps({"key": key}),
        "in JSON, unescaped": json.dumps({"key": key}, ensure_ascii=False),
        "in JSON in JSON": json.dumps(json.dumps({"key": key})),
        "repr": repr(key),
        "quoted": quote(key, safe=""),
        "quoted, with slashes": quote(key),
        "quoted in lower case": "".join(c if c.isalnum() else quote(c, safe="").lower() for c in key),
        "quoted twice": quote(quote(key, safe=""), safe=""),
        "quoted with plus": quote_plus(key),
        "in HTML": html.escape(key),
        "in an attribute": html.escape(key, quote=False),
        "as hexadecimal digits": key.encode().hex(),
        "as hexadecimal digits with colons": key.encode().hex(":"),
        "as hexadecimal digits with blanks": key.encode().hex(" ").upper(),
        "every character an escape": "".join(f"\\u{ord(c):04x}" for c in key),
        "every byte an escape": "".join(f"\\x{byte:02x}" for byte in key.encode()),
        "every byte an escape, in JSON": json.dumps("".join(f"\\x{byte:02X}" for byte in key.encode())),
        "in capitals": key.upper(),
        "in small letters": key.lower(),
        "base64 of UTF-16": base64.b64encode(f"u:{key}".encode("utf-16-le")).decode(),
        "base64 of base64": base64.b64encode(base64.b64encode(f"u:{key}".encode())).decode(),
        "base64 of base64, on its own": base64.b64encode(base64.b64encode(key.encode())).decode(),
        "pretty-printed bytes": pprint.pformat({"k": key.encode()}, width=20),
        "base64 in lines": wrapped,
        "coloured": f"\x1b[31m{first}\x1b[0m\x1b[1;32m{second}\x1b[0m",
        "coloured, in JSON": json.dumps(f"\x1b[31m{first}\x1b[0m{second}"),
        "wrapped": f"{first}\n    {second}",
        "wrapped with a backslash": f"{first}\\\n{second}",
        "wrapped, in a notebook": json.dumps([f"a {first}\n", f"{second} b"], indent=1),
        "wrapped in a table": f"\u2502 {first}      \u2502\n\u2502 {second} \u2502",
        "between null characters": "\0".join(key),
        "every four characters in a colour": "".join(f"\x1b[9{i % 8}m{key[i : i + 4]}" for i in range(0, len(key), 4)),
    }
    return {**shown, **{f"base64, {number}": text for number, text in enumerate(base64_of(key))}}


@pytest.mark.parametrize("key", [HEX, AWKWARD, AZURE], ids=["hex", "awkward", "azure"])
@pytest.mark.parametrize("form", forms(HEX))
def test_every_form_of_a_key_is_masked(key, form):
    text = forms(key)[form]
    masked = Masker([key]).text(f"It was {text} there.")
    assert "***" in masked and masked.startswith("It was ") and masked.endswith(" there.")
    kept = {masked[at : at + 8] for at in range(len(masked) - 7)} - {text[-8:]}
    lost = {text[at : at + 8] for at in range(len(text) - 7)}
    assert len(kept & lost) <= 20, masked  # what stands around the key, and no more
    for part in (key[at : at + 8] for at in range(len(key) - 7)):
        assert part not in masked


@given(st.integers(0, 32), st.integers(0, 32), st.text(max_size=9), st.text(max_size=9))
def test_no_part_of_eight_characters_survives_wherever_a_text_was_cut(start, end, before, after):
    masked = Masker([HEX]).text(f"{before}{HEX[start:end]}{after}")
    assert not any(HEX[at : at + 8] in masked for at in range(25))


@given(st.text(alphabet="0123456789 abcdef\n\"'\\\x1b[m|&#;=\u2502", max_size=300))
def test_a_text_without_a_secret_stays_what_it_is(text):
    assert Masker(["Z" + "9y" * 12, "no/ordinary key"]).text(text) == text


def test_a_secret_that_is_made_of_words_masks_no_other_words():
    masker = Masker(["the-real-key-of-the-real-endpoint", "hunter"])
    text = "The endpoint has the-real-thing, and hunter is a word: ***."
    assert masker.text(text) == text.replace("hunter", "***")
    assert masker.text("x=the-real-key-of-the-real-endpoint;") == "x=***;"


def test_tokens_are_masked_without_being_known():
    token = jwt.encode({"tid": "t" * 20}, secrets.token_hex(32), algorithm="HS256")
    for text in (f"Bearer {token}", f"headers.Authorization.{token}", f'"\\n{token}"', f"x.{token}.y"):
        assert "eyJ" not in Masker([]).text(text)
    assert Masker([]).text("eyJust.a.word and some.dotted.name_of.something") == (
        "eyJust.a.word and some.dotted.name_of.something"
    )


HOSTILE = {
    "a long line": "a" * 300_000,
    "escapes": "\x1b" * 300_000,
    "unended colours": "\x1b[" * 150_000,
    "unended titles": "\x1b]" * 150_000,
    "digits of a colour": "\x1b[" + "1" * 300_000,
    "spaces": " " * 300_000,
    "quotation marks": "' " * 150_000,
    "backslashes": "\\" * 300_000,
    "bars": "| " * 150_000,
    "beginnings of tokens": "eyJ" * 100_000,
    "dots": "eyJaaaaaaaaa." * 25_000,
    "bytes one by one": "5a:" * 100_000,
    "escapes of bytes": "\\x5a" * 75_000,
    "nearly escapes of bytes": "\\\\x5" * 75_000,
    "short lines": "0123456\n" * 100_000,
    "a key again and again": f"{HEX}\n" * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_more_than_its_length(name):
    """Ten times the text takes about ten times as long; a quadratic pattern would take a hundred times."""
    masker, text = Masker([HEX, AZURE, *(secrets.token_hex(16) for _ in range(20))]), HOSTILE[name]
    short, whole = (_cpu_seconds(masker, text[: len(text) // part]) for part in (10, 1))
    assert whole < 40 * short + 0.2


def _cpu_seconds(masker: Masker, text: str) -> float:
    began = time.process_time()
    masker.text(text)
    return time.process_time() - began


def test_a_file_that_is_no_text_is_masked_all_the_same(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_bytes(b"\xff\xfe" + HEX.encode())
    assert Masker([HEX]).file(file) and HEX not in file.read_text(encoding="utf-8")
    assert not Masker([HEX]).file(file) and not Masker([HEX]).file(tmp_path / "nothing")


HEADERS = """
    Authorization Proxy-Authorization api-key x-api-key Ocp-Apim-Subscription-Key x-functions-key X-IDENTITY-HEADER
    Cookie Set-Cookie x-goog-api-key apikey x-ms-client-secret Client-Secret X-Auth-Token subscription-key
    x-amz-security-token Private-Token x-vault-token x-ms-authorization-auxiliary aeg-sas-key key token
"""


@pytest.mark.parametrize("name", HEADERS.split())
def test_a_header_of_a_credential_shows_its_scheme_alone(name):
    assert masked_header(name, HEX) == "***"
    assert masked_header(name, f"Bearer {HEX}") == "Bearer ***" and masked_header(name, "Basic dTpw") == "Basic ***"


@pytest.mark.parametrize("name", ["Content-Type", "Host", "User-Agent", "x-ms-region", "extra-parameters"])
def test_any_other_header_stays(name):
    assert masked_header(name, "Bearer of news, max_tokens=3") == "Bearer of news, max_tokens=3"


def test_the_credentials_of_a_query_are_masked():
    for name in (
        "api-key",
        "api_key",
        "subscription-key",
        "code",
        "sig",
        "key",
        "access_token",
        "client_secret",
        "API-Key",
    ):
        assert masked_query(f"api-version=2024-05-01&{name}={HEX}&x=1") == f"api-version=2024-05-01&{name}=***&x=1"
        assert masked_query(f"/score?{name}={HEX}") == f"/score?{name}=***"
    assert masked_query(f"api%2Dkey={HEX}") == "api%2Dkey=***"
    plain = "/chat/completions?api-version=2024-05-01-preview&max_tokens=3&keyword=a"
    assert masked_query(plain) == plain and masked_query("") == ""


def test_the_wire_view_shows_no_credential_whatever_its_header_is_called(local):
    own = {"Authorization": f"Bearer {local.key}"}
    sent = {**own, "Ocp-Apim-Subscription-Key": HEX, "x-functions-key": AZURE, "X-Kept": "yes"}
    url = f"{local.url}/v1/chat/completions?api-key={HEX}&api-version=2024-05-01-preview"
    requests.post(url, json={"messages": [{"role": "user", "content": "Hi"}]}, headers=sent, timeout=20)
    shown = requests.get(f"{local.url}/local/exchanges", headers=own, timeout=20).text
    assert "api-key=***&api-version=2024-05-01-preview" in shown and "yes" in shown
    assert not any(secret in shown for secret in (HEX, AZURE, local.key))
