"""Mask credentials in every text that is written: known secrets in all their spellings, and tokens.

A text is masked before it is shortened, because a shortened key is harder to find. Parts of a secret are masked if they
have eight characters or more, since a server or a client may have shortened the text before.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus

from mistral_on_azure.azure.files import write_whole

MASK = "***"
_SHORTEST = 6  # characters; anything shorter is no secret and would mask ordinary words
_PART = 8  # characters of a secret in a row that must not survive
_RANDOM = 16  # characters; a shorter secret counts as made of words
_BLOCK = _PART // 2  # any part has an aligned block of this length inside, wherever it starts
_CHAIN = re.compile(r"(?<![\w.-])[\w.-]{26,}+")  # may hold a JSON Web Token; one start for each run keeps it linear
_SEGMENT = 8  # characters, at least, of each of a token's three parts
# Characters that a terminal, a line wrap, a list of lines in JSON, or a table puts in the middle of a key. Each
# alternative looks back at the first character, which the set before it finds fast.
_GAP = re.compile(
    "[\x1b\\\\\n\r\"'\u2502\u2503|\u200b\u00ad\0 \t&=]"
    "(?:"
    r"(?<=\x1b)(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\))"
    r"|(?<=\\)(?:(?:u001[bB]|x1[bB]|033|e)\[[0-9;:?]*[@-~]|u0000|x00|[nr]|\r?\n[ \t]*)"
    r"|(?<=&)\#(?:10|13|x0?[aAdD]|27|x1[bB]);(?:\[[0-9;:?]*[@-~])?"
    r"|(?<==)\r?\n"
    "|(?<=[\n\r])[ \t>|\u2502\u2503\\\\]*+(?:b?[\"'])?"
    "|(?<=[\"']),?[ \t]*\\\\?(?=[\r\n])"
    "|(?<=[\u2502\u2503|])[ \t]{0,200}(?=[\r\n])"
    "|(?<=[ \t])(?<![ \t][ \t])[ \t]*+(?=[\u2502\u2503|]?[ \t]?[\r\n])"
    "|(?<=[\u200b\u00ad\0])"
    ")"
)
# Bytes one by one, as a dump or a program's text has them: \\u0041, \\x41, 41:42, 41 42.
_BYTES = re.compile(
    r"(?:\\{1,8}u00[0-9a-fA-F]{2}){8,}|(?:\\{1,8}x[0-9a-fA-F]{2}){8,}"
    r"|(?<![0-9a-fA-F])[0-9a-fA-F]{2}(?:[ :]{1,2}[0-9a-fA-F]{2}){7,}"
)
_BYTE = re.compile(r"(?:\\+(?:u00|x)|[ :]+)?([0-9a-fA-F]{2})")

# Names of headers, query parameters and fields that hold a credential, whatever service they are of.
_NAMED = re.compile(
    r"(?i)authori[sz]ation|cookie|secret|password|passwd|credential|assertion|signature"
    r"|(?:^|[-_.])(?:sig|sas|pwd|jwt|code)$"
    r"|(?:^|[-_.])(?:[a-z]*api|subscription|functions|account|access|shared|identity|primary|secondary|master|admin)?"
    r"[-_.]?(?:key|token|header)[0-9]?$"
)
_NO_CREDENTIAL = {"x-ms-meta-key", "sec-websocket-key", "idempotency-key", "x-idempotency-key"}
_SCHEME = re.compile(r"(?i)(bearer|basic|digest|negotiate|sharedaccesssignature|apikey|token) ")
_PAIR = re.compile(r"([?&;]|^)([^=&;?#]+)=([^&;#]*)")


class Masker:
    """Replaces known secrets, whole or in part, and anything that looks like a token.

    Its time is linear in the text's length, whatever the text is.

    Args:
        secrets: credentials in plain text; those of fewer than 6 characters are left out.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._parts, self._blocks, self._whole = _looked_for(frozenset(secrets))

    def text(self, text: str) -> str:
        """The text with MASK in each secret's place."""
        return _replaced(text, sorted([*self._known(text), *self._in_bytes(text), *_tokens(text)]))

    def file(self, path: Path) -> bool:
        """Mask a file in place, and return whether it held a secret."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        masked = self.text(text)
        if masked != text:
            write_whole(path, masked)
        return masked != text

    def _known(self, text: str) -> Iterator[tuple[int, int]]:
        """The ranges of known secrets in the text, and the ranges between parts of one secret."""
        if not (self._parts or self._whole):
            return
        if self._whole:  # a secret may itself contain a gap
            yield from (found.span() for found in self._whole.finditer(text))
        joined = _GAP.sub("", text)
        found = [*self._found_parts(joined)]
        if self._whole:
            found += [each.span() for each in self._whole.finditer(joined)]
        if not found:
            return
        # Where in the joined text each gap was, and how many characters are removed up to there.
        starts, shifts, gone, last = [0], [0], 0, 0
        for gap in _GAP.finditer(text):
            last = gap.start() - gone
            gone += gap.end() - gap.start()
            starts.append(last)
            shifts.append(gone)
        for start, end in found:
            yield start + shifts[bisect_right(starts, start) - 1], end + shifts[bisect_right(starts, end - 1) - 1]

    def _in_bytes(self, text: str) -> Iterator[tuple[int, int]]:
        """The ranges of known secrets whose bytes stand one by one."""
        for run in _BYTES.finditer(text) if self._parts or self._whole else ():
            places = [*_BYTE.finditer(run[0])]
            bytes_ = bytes(int(place[1], 16) for place in places).decode("latin-1")
            for start, end in self._known(bytes_):
                yield run.start() + places[start].start(), run.start() + places[end - 1].end()

    def _found_parts(self, text: str) -> Iterator[tuple[int, int]]:
        if not self._parts:
            return
        padded = text.encode("latin-1", "replace") + b"\0" * (-len(text) % _BLOCK)
        blocks, parts = self._blocks, self._parts
        start, end = 0, -1  # of a secret that is being followed, since its parts overlap
        for place in [place for place, block in enumerate(memoryview(padded).cast("I")) if block in blocks]:
            for at in range(max(0, place * _BLOCK - (_PART - _BLOCK), end - _PART + 1), place * _BLOCK + 1):
                if text[at : at + _PART] in parts:
                    if at > end:
                        if end > 0:
                            yield start, end
                        start = at
                    end = at + _PART
        if end > 0:
            yield start, end


@lru_cache(16)  # a program has the same few secrets all the time, and a long token takes a tenth of a second
def _looked_for(secrets: frozenset[str]) -> tuple[set[str], set[int], re.Pattern[str] | None]:
    """The search for secrets: their parts, the blocks by which parts are found, and a pattern for whole secrets."""
    forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in spellings(secret)}
    parts = {part for form in forms if _is_random(form) for part in _parts(form)}
    blocks = {_number(part[at : at + _BLOCK]) for part in parts for at in range(_PART - _BLOCK + 1)}
    whole = sorted((form for form in forms if not _covered(form, parts)), key=len, reverse=True)
    return parts, blocks, re.compile("|".join(map(re.escape, whole))) if whole else None


def names_credential(name: str) -> bool:
    """Whether a header, a query parameter or a field of this name holds a credential."""
    return name.lower() not in _NO_CREDENTIAL and bool(_NAMED.search(name))


def masked_header(name: str, value: str) -> str:
    """A header's value as it may be shown: of a credential only the scheme stays."""
    if not names_credential(name):
        return _replaced(value, sorted(_tokens(value)))
    scheme = _SCHEME.match(value)
    return f"{scheme[0]}{MASK}" if scheme else MASK


def masked_query(query: str) -> str:
    """A query, or an address with one, in which the values of credentials are masked."""

    def mask(pair: re.Match[str]) -> str:
        before, name, value = pair.groups()
        return f"{before}{name}={MASK if value and names_credential(unquote_plus(name)) else value}"

    masked = _PAIR.sub(mask, query)
    return _replaced(masked, sorted(_tokens(masked)))


def spellings(secret: str) -> set[str]:
    """The forms in which a secret may stand in a text: as it is, escaped for some format, or encoded."""
    import html  # whose table of entities takes half a megabyte, which the local endpoint does without

    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    raw = secret.encode("utf-8", "surrogatepass")
    escaped |= {repr(raw)[2:-1]}
    escaped |= {json.dumps(each)[1:-1] for each in escaped}  # JSON in JSON, as a log record has it
    quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    quoted |= {re.sub("%..", lambda code: code[0].lower(), each) for each in quoted}
    quoted |= {quote(each, safe="") for each in quoted}
    marked = {html.escape(secret), html.escape(secret, quote=False), html.escape(secret).replace("&#x27;", "&#39;")}
    packed = {*_in_base64(raw), *_in_base64(secret.encode("utf-16-le", "surrogatepass"))}
    packed |= {again for form in packed for again in _in_base64(form.encode())}
    cases = {secret.upper(), secret.lower()} if _is_random(secret) else set()
    return {secret, raw.decode("latin-1"), *cases, *escaped, *quoted, *marked, *packed, raw.hex(), raw.hex().upper()}


def _in_base64(raw: bytes) -> Iterator[str]:
    """The base64 forms of a secret, for each of the three offsets at which it may begin."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        whole = (before + len(raw)) * 8 // 6  # characters that no byte after the secret changes
        form = encoded[-(-before * 8 // 6) : whole]
        if len(form) >= _PART:
            yield from (form, form.replace("+", "-").replace("/", "_"))


def _is_random(form: str) -> bool:
    """Whether a secret is random. A secret made of words is only masked as a whole."""
    return len(form) >= _RANDOM and 8 * sum(not (each.islower() or each in "-_. ") for each in form) >= len(form)


def _parts(form: str) -> Iterator[str]:
    for at in range(len(form) - _PART + 1):
        part = form[at : at + _PART]
        if any(map(str.isdigit, part)) or not (part.islower() or part.isupper() or part.istitle()):
            yield part


def _covered(form: str, parts: set[str]) -> bool:
    return len(form) >= _PART and all(form[at : at + _PART] in parts for at in range(len(form) - _PART + 1))


def _number(block: str) -> int:
    return memoryview(block.encode("latin-1", "replace")).cast("I")[0]


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    """The ranges of JSON Web Tokens, which Microsoft Entra ID issues."""
    if "eyJ" not in text:
        return
    for chain in _CHAIN.finditer(text):
        place, segments = chain.start(), chain[0].split(".")
        for at, segment in enumerate(segments):
            inside = segment.find("eyJ")
            following = segments[at + 1 : at + 3]
            if (
                0 <= inside <= len(segment) - 3 - _SEGMENT
                and [len(each) >= _SEGMENT for each in following] == [True] * 2
            ):
                yield place + inside, place + len(segment) + sum(len(each) + 1 for each in following)
            place += len(segment) + 1


def _replaced(text: str, ranges: list[tuple[int, int]]) -> str:
    """A text with a mask in place of each range; those that touch or overlap get one."""
    pieces, done, open_from, open_to = [], 0, -1, -1
    for start, end in [*ranges, (len(text) + 1, -1)]:
        if start <= open_to:
            open_to = max(open_to, end)
            continue
        if open_from >= 0:
            pieces += [text[done:open_from], MASK]
            done = open_to
        open_from, open_to = start, end
    return "".join([*pieces, text[done:]])
