"""Finds credentials in a text: those with a fixed prefix, and random values with the name of a credential.

Texts are bytes. The scan takes linear time: prefixes and runs of characters are found by searches for literal texts,
and only a bounded part of the text around a match is examined.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import unescape
from urllib.parse import unquote_to_bytes

from mistral_on_azure.azure.addresses import CREDENTIAL, ENGINE_KEY
from mistral_on_azure.azure.masking import spellings
from mistral_on_azure.upkeep.secrets.credential_rules import DIGITS_OF_HEX, NEAR, PLACEHOLDER, Found, judged, rules

ALLOWED = b"pragma: allowlist secret"  # marks a line without a credential; detect-secrets has the same words
OF_THIS_ENVIRONMENT = "the credential of this environment"
PASSWORD = "Password"

_RUN = 16  # characters of a random value, at least
_OF_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~-+/"
_RUNS = re.compile(rb"(?<![\w~-])[\w~-]{%d,}[\w~+/-]*" % _RUN)
_LONGEST = 700  # bytes in front of a run in which the beginning of a base64 value is looked for
_LETTERS_AND_MARKS = bytes(byte for byte in _OF_BASE64 if not 48 <= byte <= 57)
_WRAPPED = re.compile(rb"(?:[A-Za-z0-9+/]{60,76}\r?\n[ \t]{0,8}){1,400}[A-Za-z0-9+/]{1,76}={0,2}")
_UNPRINTABLE = bytes([*range(9), 11, 12, *range(14, 27), *range(28, 32), *range(127, 256)])

_QUOTED_PASSWORD = re.compile(
    rb"""(?i)(?:passw(?:or)?d|passwd|pwd)["']?(?:\s{1,4}value)?\s{0,4}(?::=|=>|[=:])\s{0,4}(?:["']([^"'\s${}<>*]{8,64})["']|([^"'\s;${}<>*()\[\],]{8,64})(?=;|\s*$|\s*\n)|\{([^\s{};]{2,60}[^\w\s{}.;][^\s{};]{0,60})\};)"""
)
_OPTION_USER = re.compile(rb"""(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"'${}<]{0,64}:([^\s"'${}<>*]{6,128})""")
_OPTION_PASSWORD = re.compile(
    rb"""(?:sshpass|docker login|mysql(?:dump)?)(?: [^\n]{0,80})? -p ?["']?([^\s"'${}<>*-][^\s"'${}<>*]{7,63})"""
)
_PASSWORDS = (  # patterns, and for each the words without which a text has none
    (_QUOTED_PASSWORD, (b"passw", b"pwd"), PASSWORD),
    (_OPTION_USER, (b"curl", b"--user", b"wget"), "Basic Auth Credentials"),
    (_OPTION_PASSWORD, (b"sshpass", b"docker login", b"mysql"), PASSWORD),
)
_JOIN = re.compile(rb"""(?<=[A-Za-z0-9]{8})(?:" (?:\+ )?"|' (?:\+ )?')(?=[A-Za-z0-9]{8})""")  # parts of a text
_SPAN = re.compile(rb"</?span[^<>\n]{0,200}>")  # colours in HTML
_ENCODED = re.compile(
    rb"%[0-9A-Fa-f]{2}|&(?:#\d{2,4}|#x[0-9a-fA-F]{2,4}|quot|amp|lt|gt|apos);|\\(?:u00[0-9a-fA-F]{2}|x[0-9a-fA-F]{2}|.)"
)
_ESCAPED = 2  # how many levels of escapes are decoded
_COLOUR = re.compile(
    rb"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033|\\e)\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|\x08"
)


def detect(text: bytes, about: bytes = b"", depth: int = 2) -> Iterator[tuple[int, str]]:
    """Yield the line, counted from 1, and the kind of each credential in a text; some are yielded more than once.

    Args:
        about: the context of the text in its file, such as the source of the cell whose output it is.
        depth: how many levels of encoded values are decoded and searched.
    """
    text = _JOIN.sub(b"", _SPAN.sub(b"", _COLOUR.sub(b"", text)))
    yield from _by_line(text, _in(text, about, depth))
    for _ in range(_ESCAPED):
        if not _ENCODED.search(text):
            return
        text = _ENCODED.sub(_decoded, text)
        yield from _by_line(text, _in(text, about, depth))


def _by_line(text: bytes, found: Iterable[Found]) -> Iterator[tuple[int, str]]:
    ends: list[int] = []
    for start, _, kind in found:
        ends = ends or [*(end.start() for end in re.finditer(b"\n", text)), len(text)]
        line = bisect_left(ends, start)
        if ALLOWED not in text[ends[line - 1] + 1 if line else 0 : ends[line]]:
            yield line + 1, kind


def _decoded(found: re.Match[bytes]) -> bytes:
    """The character of an escape; a line break becomes a space, so that line numbers do not change."""
    code = found[0]
    if code[:1] == b"%":
        code = unquote_to_bytes(code)
    elif code[:1] == b"&":
        code = unescape(code.decode()).encode()
    elif len(code) > 3:
        code = bytes([int(code[-2:], 16)])
    else:
        code = b" " if code[1:2] in b"nrtbf\n" else code[1:]
    return code if code.isascii() and code not in (b"\n", b"\r") else b" "


def _in(text: bytes, about: bytes, depth: int) -> Iterator[Found]:
    yield from _of_environment(text)
    for rule in rules():
        for found in rule.find(text):
            if not PLACEHOLDER.search(text[found.start : found.end]):
                yield found
    lower = text.lower()
    for pattern, words, kind in _PASSWORDS:
        if any(word in lower for word in words):
            for match in pattern.finditer(text):
                if _may_be_password(match[match.lastindex]):
                    yield Found(*match.span(match.lastindex), kind)
    yield from _values(text, about, depth)


def _may_be_password(password: bytes) -> bool:
    """Whether a value may be a password: it is neither a word nor a name in a program."""
    mixed = re.search(rb"\d", password) and re.search(rb"[A-Za-z]", password)
    return bool(mixed) and not PLACEHOLDER.search(password) and not re.search(rb"[()\[\]/]|\.\w+\.|==|_\w+_", password)


def _of_environment(text: bytes) -> Iterator[Found]:
    for name in (CREDENTIAL, ENGINE_KEY):
        for form in _spelled(os.environ.get(name, "")):
            at = text.find(form)
            while at >= 0:
                yield Found(at, at + len(form), OF_THIS_ENVIRONMENT)
                at = text.find(form, at + 1)


@lru_cache(2)  # both credentials are looked for in every text, and in all texts that are decoded from it
def _spelled(value: str) -> list[bytes]:
    """The forms in which a credential of this environment may be written; none if it is too short to be found."""
    return [form.encode("utf-8", "surrogatepass") for form in sorted(spellings(value))] if len(value) >= 6 else []


def _values(text: bytes, about: bytes, depth: int) -> Iterator[Found]:
    """Random values with the name of a credential, and credentials in encoded values."""
    for run in _RUNS.finditer(text):
        start, end = run.span()
        if text[start - 1 : start] in (b"+", b"/"):
            before = text[max(0, start - _LONGEST) : start]
            start -= len(before) - len(before.rstrip(_OF_BASE64))
        value = text[start:end]
        if not value.translate(None, _LETTERS_AND_MARKS):  # it has no digit
            continue
        if kind := judged(text, start, end, value, about):
            yield Found(start, end, kind)
        if depth and (inside := _encoded(text, start, value)):
            before = text[max(0, start - NEAR) : start]
            if before[-6:].lower() == b"basic " and re.search(rb"^[^:]+:.*\d", inside):
                yield Found(start, end, "Basic Auth Credentials")
            for _, kind in detect(inside, before, depth - 1):
                yield Found(start, end, kind)


def _encoded(text: bytes, start: int, value: bytes) -> bytes:
    """The text that a value encodes in base64 or hexadecimal digits; empty where it encodes none."""
    if len(value) < 20:
        return b""
    if not value.translate(None, DIGITS_OF_HEX):
        decoded = bytes.fromhex(value[: len(value) & ~1].decode())
        return b"" if len(value) < 40 or decoded.translate(None, _UNPRINTABLE) != decoded else decoded
    if 60 <= len(value) <= 76 and (wrapped := _WRAPPED.match(text, start)):
        value = re.sub(rb"\s+", b"", wrapped[0])
    packed = value.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        decoded = base64.b64decode(packed[: len(packed) - (len(packed) % 4 == 1)] + b"=" * (-len(packed) % 4))
    except (binascii.Error, ValueError):
        return b""
    decoded = decoded.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    for encoding, empty in (("utf-16-le", 1), ("utf-16-be", 0)):
        if len(decoded) >= _RUN and not decoded[empty:64:2].strip(b"\0"):
            decoded = decoded.decode(encoding, "replace").encode()
    return b"" if decoded.translate(None, _UNPRINTABLE) != decoded else decoded
