"""What the gallery adds to Sphinx: a lexer for the wire view, and one for cells in other languages."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from helpers.gallery.cell_lexer import CellLexer
from helpers.gallery.lexer import WireLexer


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_lexer("wire", WireLexer)
    app.add_lexer("ipython3", CellLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
