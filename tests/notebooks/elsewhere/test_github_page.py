"""GitHub's page of a notebook: it runs no script, strips styles, and gives up on what is large."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_LARGEST = 1_000_000  # bytes; above this GitHub's page is slow to come, or asks to reload
# What GitHub's sanitizer leaves of HTML, as far as the cookbook uses it.
_ELEMENTS = {
    *("a", "b", "blockquote", "br", "caption", "code", "del", "details", "div", "em", "h1", "h2", "h3", "h4", "hr"),
    *("i", "img", "kbd", "li", "mark", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "summary", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"),
}
_TYPES = {"text/plain", "text/html", "text/markdown", "image/png", "image/svg+xml"}
_VOID = {"br", "hr", "img"}


class _Reader(HTMLParser):
    """Collects elements, attributes, and the text that is left without any of them."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attributes
        self.words += [value for name, value in attributes if name == "alt" and value]  # shown where a picture is not
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"<{tag}> is closed where another element is open"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [], "an element is never closed"
    return reader


def _html(outputs) -> list[_Reader]:
    return [_read(output.data["text/html"]) for output in outputs if "text/html" in output.get("data", {})]


def test_it_is_small(path):
    assert path.stat().st_size < _LARGEST


def test_every_output_has_plain_text_and_needs_no_script(outputs):
    for output in outputs:
        if "data" in output:
            assert output.data.get("text/plain", "").strip()
            assert set(output.data) <= _TYPES


def test_html_is_such_as_github_shows(outputs):
    for reader in _html(outputs):
        assert set(reader.elements) <= _ELEMENTS
        assert not [name for name, _ in reader.attributes if name.startswith("on")]
        assert not [value for _, value in reader.attributes if (value or "").strip().lower().startswith("javascript:")]


def test_html_says_the_same_without_styles(outputs):
    """Styles are stripped there: nothing may depend on them to be seen, or to be hidden."""
    for reader in _html(outputs):
        assert "".join(reader.words).strip()
        styles = " ".join(value or "" for name, value in reader.attributes if name == "style")
        assert not re.search(r"display\s*:\s*none|visibility\s*:\s*hidden|content\s*:", styles)


def test_markdown_needs_no_html_that_github_drops(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)  # code is shown as it is
            assert set(re.findall(r"<([a-z][a-z0-9]*)[ >/]", text)) <= _ELEMENTS
            assert "data:image" not in text and "attachment:" not in text
