"""Which requests a listener on loopback accepts: those to a name of this machine that no web page has sent.

A page that a user visits can send requests to any port of the user's machine, and with a host name that suddenly
resolves to loopback (DNS rebinding) it could even read the answers. The headers `Origin` and `Host` of a request show
both.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from mistral_on_azure.azure.addresses import is_loopback

_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~\x80-\uffff]*")  # printable, no space, no backslash, and no second slash first
_FOREIGN = ("cross-site", "same-site")


def refusal(headers: Mapping[str, str], allowed: Collection[str] = ()) -> str:
    """Why a request must not be answered, in a sentence; empty for a request that may be answered.

    Args:
        headers: the request's headers, with names in lower case, or a mapping that ignores case.
        allowed: host names that are accepted besides those of loopback, in lower case.
    """
    host = headers.get("host", "")
    if not _is_ours(host, allowed):
        return f"This address answers to names of this machine alone, not to {host[:80]!r}."
    origin = headers.get("origin")
    foreign = origin is not None and not _is_ours(origin.partition("://")[2], allowed)
    foreign = foreign or headers.get("sec-fetch-site", "") in _FOREIGN
    return "This address is not for pages in a browser." if foreign else ""


def is_path(target: str) -> bool:
    """Whether a request line's target is a plain path, perhaps with a query: it names no scheme, host or user."""
    return bool(_PATH.fullmatch(target))


def _is_ours(authority: str, allowed: Collection[str]) -> bool:
    found = _AUTHORITY.fullmatch(authority)
    if not found:
        return False
    name = (found[1] or found[2]).lower().rstrip(".")
    return is_loopback(name) or name.endswith(".localhost") or name in allowed
