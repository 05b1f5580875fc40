"""Rules for credentials: those with a prefix that `rules.toml` lists, and random values, judged by their context.

The context of a value is its name, the call to which it is passed, or the table in which it is.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

KEY, ASSIGNED = "Azure endpoint key", "Secret value"
NEAR = 110  # bytes before a value in which its name is looked for

_LONGEST = 4000  # bytes of a value that is judged
DIGITS_OF_HEX = b"0123456789abcdefABCDEF"
_NO_DIGITS = bytes(byte for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_~-+/")
_KINDS = bytes(0 if 48 <= byte <= 57 else 1 if 65 <= byte <= 90 else 2 for byte in range(256))
_UUID = re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")

_WORD = (
    rb"(?:key|secret|token|passw(?:or)?d|passphrase|passwd|pwd|credentials?|bearer|auth(?:orization)?(?!or|ent)|apikey)"
)
_IN_NAMES = (b"key", b"secret", b"token", b"pass", b"pwd", b"credential", b"bearer", b"auth")
_WORDS = re.compile(rb"(?i)" + _WORD)
_NAME = rb"(?i)" + _WORD + rb"(?:[_-]?(?:value|[a-z0-9]{1,14})){0,2}"
_NAMED = re.compile(  # a name of a credential, what assigns or passes it, and perhaps a word in between
    _NAME + rb"(?:[^A-Za-z0-9]{1,12}|(?:</?[a-z]{1,10}[^<>]{0,20}>\s{0,4}){1,4})"
    rb"(?:(?:is|was|value|bearer|basic|token|key|apikey|string|str|default|type|final|const|to|f)[^A-Za-z0-9]{1,12}){0,3}"
    rb"(?:[bru]{1,2}[\"'])?$"
)
# The same with up to three words of any kind on the same line, such as a type or a function.
_NAMED_LOOSELY = re.compile(
    _NAME + rb"[^A-Za-z0-9\n]{1,12}(?:[A-Za-z][\w.]{0,24}(?:[^A-Za-z0-9\n]{1,12}|(?=[\"']))){1,3}[\"']?$"
)
_NO_SECRET = re.compile(  # a name of something else that looks random, right before the value
    rb"(?i)(?:md5|sha-?(?:1|224|256|384|512)?|hash(?:es)?|digest|checksum|sum|etag|commit|rev(?:ision)?|u?uid|guid|oid"
    rb"|fingerprint|thumbprint|integrity|nonce|salt|version|public[_-]?key|key[_-]?id|keyid|kid|token[_-]?id|cache[_-]?key"
    rb"|model[_-]?id|trace[_-]?id|request[_-]?id|[_-]id|[a-z]Id|[\"' ]id|IPY_MODEL|ssh-(?:rsa|ed25519)"
    rb")(?:[^A-Za-z0-9]{1,8}|_)$"
)
_OF_HASHES = re.compile(
    rb"(?i)md5|sha-?\d|hash|digest|checksum|etag|commit|uuid|guid|fingerprint|thumbprint|crc|\bid\b"
)
_CALL = re.compile(  # before a value: a call with an argument in quotes, or a command with an argument
    rb"""[A-Za-z_]\w{0,60}\s?\((?:[^()\n]{0,90}[("' ,])?["']$"""
    rb"""|^[$>#%!\s]{0,4}[./\w-]*[A-Za-z][\w./-]*(?:\s+[^\s=]{1,60}){0,6}\s+["']?$"""
)
_ASKS = re.compile(
    rb"(?i)ask|call|client|connect|chat|complet|send|request|login|curl|http|auth|open|run|main|serve|\.sh|\.py|mistral"
)
PLACEHOLDER = re.compile(
    rb"(?i)your|example|here|x{5}|0{8}|1234567|placeholder|change[_-]?me|dummy|redacted|\*{3}|abcdefg|not[_-]a[_-]"
)
_NAME_AFTER = re.compile(
    rb"""(?i)["'`]?[\s,]{0,4}["']?(?:name|key)["']?\s?[=:]\s?["'][\w.-]{0,40}?""" + _WORD + rb"""[\w.-]{0,20}["']"""
)
_VALUE = re.compile(rb"""(?i)value["']?\s?[=:]\s?["']$""")
_BETWEEN_CELLS = re.compile(rb"[ `\"']*[|,;\t][ `\"']*|[ ]{2,}")
_HEADING = re.compile(rb"(?i)[\w .-]{0,20}?" + _WORD + rb"[\w-]{0,3}[ ]?\d?")
_ROWS = 3  # lines above a row of a table in which its header is looked for


class Found(NamedTuple):
    """A credential: where it is in a text, as bytes from its start, and its kind."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of credential.

    Attributes:
        prefixes: literal texts, of which every credential of this kind has one.
        regex: its pattern; the last group is the secret, where there is one.
        example: a credential with placeholders, as in `rules.toml`.
    """

    name: str
    prefixes: tuple[bytes, ...]
    regex: re.Pattern[bytes]
    example: str

    def find(self, text: bytes) -> Iterator[Found]:
        """Each credential of this kind."""
        for found in self.regex.finditer(text) if any(prefix in text for prefix in self.prefixes) else ():
            yield Found(*found.span(found.lastindex or 0), self.name)


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the file."""
    rows = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))["rule"]
    return tuple(
        Rule(row["name"], tuple(map(str.encode, row["prefixes"])), re.compile(row["regex"].encode()), row["example"])
        for row in rows
    )


def judged(text: bytes, start: int, end: int, value: bytes, about: bytes) -> str:
    """The kind of credential that a value in a text is; empty for a value that is none.

    Args:
        start: where the value begins in the text; `end` is where it ends.
        about: the context of the text in its file.
    """
    if len(value) > _LONGEST or _UUID.match(value) or not _is_random(value) or PLACEHOLDER.search(value):
        return ""
    before = text[max(0, start - NEAR) : start]
    short = len(value) in (32, 84) and value.isalnum()
    kind = KEY if short else ASSIGNED
    lower = before.lower()
    named = any(word in lower for word in _IN_NAMES)
    if named and _NAMED.search(before):
        return "" if _NO_SECRET.search(before) else kind
    # A value of 40 or 48 characters that cannot be a hash is examined as closely as one of a key's length.
    close = short or (len(value) in (40, 48) and value.isalnum() and _has_all(value))
    if not close or before[-1:].isalnum():
        return ""
    line = text[text.rfind(b"\n", max(0, start - 400), start) + 1 : start]
    after = text[end : end + 80].partition(b"\n")[0]
    above = text[max(0, start - len(line) - 400) : start - len(line)].split(b"\n")[-1 - _ROWS : -1]
    if not line.strip(b" \t\r\"'`>|*:.-") and not after.strip(b" \t\r\"'`|*.,;:"):
        if short and _is_key_alone(above[-1] if above else b"", value, about):
            return kind
        line = (above[-1] if above else b"").rstrip() + line.lstrip()
    if _NO_SECRET.search(before) or _OF_HASHES.search(line + after):
        return ""
    call = before[-1:] in b"\"' " and _CALL.search(line[-200:]) and _ASKS.search(line)
    loosely = short and named and _NAMED_LOOSELY.search(before)
    later = short and _NAME_AFTER.match(after) and _VALUE.search(before)
    return kind if call or loosely or later or (short and _is_in_column(line, above)) else ""


def _is_key_alone(above: bytes, value: bytes, about: bytes) -> bool:
    """Whether a value alone on its line, as `print` writes it, is a key and not a checksum."""
    about = above[-90:] if above.strip() else about[-2000:]
    if _OF_HASHES.search(about):
        return False
    return bool(value.strip(DIGITS_OF_HEX) and _has_all(value)) or bool(_WORDS.search(about))


def _is_in_column(line: bytes, above: list[bytes]) -> bool:
    """Whether the value after this part of a line is in a column of a table whose heading names a credential."""
    column = len(_BETWEEN_CELLS.findall(line.lstrip(b" ")))
    rows = [_BETWEEN_CELLS.split(each.strip(b" \r")) for each in above]
    headings = [row[column].strip(b" `\"'") for row in rows if column < len(row) > 1]
    return any(map(_HEADING.fullmatch, headings))


def _has_all(value: bytes) -> bool:
    return all(re.search(each, value) for each in (rb"[a-z]", rb"[A-Z]", rb"\d"))


def _is_random(value: bytes) -> bool:
    """Whether a value may be a key rather than a name: its longest part often changes between letters and digits."""
    longest = max(re.split(rb"[_~+/-]", value), key=len)
    if not value.translate(None, DIGITS_OF_HEX):
        return len(value) in (32, 40, 48, 64, 84, 96, 128) and len(set(value)) >= 6
    if len(longest) < 12 or len(set(longest)) < 8:
        return False
    kinds = longest.translate(_KINDS)
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes * 4 >= len(longest) and bool(longest.translate(None, _NO_DIGITS))
