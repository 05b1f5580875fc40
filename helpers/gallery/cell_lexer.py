"""Colours for the notebooks' cells in other languages: what follows their magic word is JavaScript or bash."""

from __future__ import annotations

from typing import ClassVar

from ipython_pygments_lexers import IPython3Lexer
from pygments.lexer import Lexer, bygroups, using
from pygments.lexers.javascript import JavascriptLexer
from pygments.lexers.shell import BashLexer
from pygments.token import Keyword


def _rule(magic: str, language: type[Lexer]) -> tuple[str, object]:
    """A whole cell, from its first line on."""
    return rf"(?s)\A(%%{magic}\n)(.*)", bygroups(Keyword, using(language))


class CellLexer(IPython3Lexer):
    """IPython's own, which takes the files that a cell writes for Python."""

    tokens: ClassVar = {
        **IPython3Lexer.tokens,
        "root": [
            _rule(r"[^\n]*(?: node [^\n]*|\.mjs)", JavascriptLexer),
            _rule(r"(?:bash|[^\n]*(?: bash|\.sh))", BashLexer),
            *IPython3Lexer.tokens["root"],
        ],
    }
