"""The gallery's extension of Sphinx: settings, search for HTTP statuses, colours for wire views and other languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from ipython_pygments_lexers import IPython3Lexer
from pygments.lexer import Lexer, RegexLexer, bygroups, using
from pygments.lexers.javascript import JavascriptLexer
from pygments.lexers.shell import BashLexer
from pygments.token import Comment, Keyword, Name, Number, Punctuation, String, Text
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish


class WireLexer(RegexLexer):
    """Colours a request or answer: request line, status, headers, and JSON with placeholders such as `<id>`."""

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
        ]
    }


def _rule(magic: str, language: type[Lexer]) -> tuple[str, object]:
    """A rule of the lexer for a whole cell, by its first line."""
    return rf"(?s)\A(%%{magic}\n)(.*)", bygroups(Keyword, using(language))


class CellLexer(IPython3Lexer):
    """IPython's lexer, with the languages of the files that cells write; IPython's own colours these as Python."""

    tokens: ClassVar = {
        **IPython3Lexer.tokens,
        "root": [
            _rule(r"[^\n]*(?: node [^\n]*|\.mjs)", JavascriptLexer),
            _rule(r"(?:bash|[^\n]*(?: bash|\.sh))", BashLexer),
            *IPython3Lexer.tokens["root"],
        ],
    }


class SearchWithStatuses(SearchEnglish):
    """Finds HTTP statuses, too. Sphinx drops numbers, so `429` is indexed and searched as `http429`."""

    js_splitter_code = r"""
var splitQuery = (query) =>
  query
    .split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu)
    .filter((term) => term)
    .map((term) => term.replace(/^[1-5]\d\d$/, "http$&"));
"""

    def split(self, input: str) -> list[str]:
        return [re.sub(r"^[1-5]\d\d$", r"http\g<0>", word) for word in super().split(input)]


_HERE = Path(__file__).resolve().parent
_ASSETS = _HERE / "assets"

# Pages with a list of their sections beside them.
_WITH_CONTENTS = ("notebooks/**", "README", "helpers/**/README", "what-went-wrong")


def configuration() -> dict[str, Any]:
    """The settings of Sphinx, by their names in `conf.py`."""
    return {
        "project": "Mistral on Azure",
        "extensions": ["myst_nb", "sphinx_design", "sphinx_copybutton", "mistral_on_azure.gallery.sphinx_extension"],
        # Notebooks and Markdown
        "nb_execution_mode": "off",  # the committed outputs are shown
        "nb_merge_streams": True,
        "nb_ipywidgets_js": {},  # nothing from a CDN
        "myst_enable_extensions": ["colon_fence"],
        "myst_heading_anchors": 3,
        "myst_heading_slug_func": "mistral_on_azure.catalog.notebooks.anchor",  # links are written as Jupyter's
        # Appearance
        "html_theme": "sphinx_book_theme",
        "html_title": "Mistral on Azure: the cookbook",
        "templates_path": [str(_HERE / "templates")],
        "html_sidebars": {"**": ["home.html", "search-button-field.html", "sbt-sidebar-nav.html"]},
        "html_static_path": [str(_ASSETS)],
        "html_css_files": ["gallery.css"],
        "html_favicon": str(_ASSETS / "favicon.svg"),
        "html_theme_options": {
            "logo": {"text": "Mistral on Azure"},
            "use_download_button": False,
            "use_fullscreen_button": False,
            "navbar_persistent": [],
            "footer_content_items": [],
            "show_toc_level": 2,
            "secondary_sidebar_items": {page: ["page-toc"] for page in _WITH_CONTENTS},
            "pygments_light_style": "github-light-high-contrast",
            "pygments_dark_style": "github-dark-high-contrast",
        },
        "html_context": {"default_mode": "auto"},
        "html_copy_source": False,
        "html_use_index": False,
        "html_search_scorer": str(_HERE / "scorer.js"),
        "html_show_search_summary": False,  # a page opened from disk may not fetch another
        "copybutton_exclude": ".linenos, .gp, .go",
        "copybutton_selector": ":not(.gallery-output, .output) > div.highlight pre",
    }


def _break_between_words(_: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Let a long name in a table break where a word of it ends, as after `Service` and `Response`, and nowhere else."""
    context["body"] = _TABLE.sub(
        lambda table: _LONG.sub(lambda name: _END.sub("<wbr>", name[0]), table[0]), context.get("body", "")
    )


_TABLE = re.compile(r"(?s)<table.*?</table>")
_LONG = re.compile(r"[\w.]{14,}(?=[^<>]*<)")  # in a text, not in a tag
_END = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[._])(?=\w)")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", _break_between_words)
    app.add_search_language(SearchWithStatuses)
    app.add_lexer("wire", WireLexer)
    app.add_lexer("ipython3", CellLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
