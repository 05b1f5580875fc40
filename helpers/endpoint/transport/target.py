"""The target of a request: its path and its query."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit


def split(target: bytes) -> tuple[str, str]:
    """The path and the query of a request's target, which may be a whole URL; percent signs in the path are read."""
    text = target.decode("latin-1")
    if not text.startswith("/"):
        text = _path_of_url(text)
    path, _, query = text.partition("#")[0].partition("?")
    return unquote(path) if "%" in path else path, query


def _path_of_url(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if not parts.netloc:
        return text
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
