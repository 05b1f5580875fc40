"""Colours for an exchange as the wire view writes it: HTTP without the version, a request and then its answer."""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Keyword, Name, Number, Punctuation, String, Text


class WireLexer(RegexLexer):
    """Request line, status, headers, and bodies in JSON. What is replaced in them, such as `<id>`, is no JSON."""

    name = "Wire"
    aliases: ClassVar = ["wire"]
    tokens: ClassVar = {
        "root": [
            (r"^(GET|POST)( )(\S+)$", bygroups(Keyword, Text, Name.Namespace)),
            (r"^([a-z][\w-]*)(:)( )(?=\{)", bygroups(Name.Attribute, Punctuation, Text)),  # an event of a stream
            (r"^([a-z][\w-]*)(:)(.*)$", bygroups(Name.Attribute, Punctuation, Text)),
            (r"^…[^\n]*$|^\([^\n]*\)$|<\w+>", Comment),
            (r'"(?:\\.|[^"\\\n])*"(?=:)', Name.Tag),
            (r'"(?:\\.|[^"\\\n])*"', String.Double),
            (r"\b(?:true|false|null)\b", Keyword.Constant),
            (r"-?\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b", Number),
            (r"[{}\[\],:]+", Punctuation),
            (r"\s+|\w+|.", Text),
        ],
    }
