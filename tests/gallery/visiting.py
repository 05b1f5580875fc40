"""Visiting pages from disk in a browser, and noting what should not happen on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

WIDE, NARROW = 1280, 375  # pixels
TIMEOUT = 15_000  # milliseconds


class Visitor:
    """A browser window with a memory of its own.

    Attributes:
        page: the page it shows.
        troubles: requests that are not for a file, console errors and warnings, exceptions in scripts.
    """

    def __init__(self, page: Page, site: Path) -> None:
        self.page, self.site, self.troubles = page, site, []
        page.set_default_timeout(TIMEOUT)
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"exception: {error}"))
        page.route(lambda url: not url.startswith(("file:", "data:")), lambda route: route.abort())

    def open(self, name: str) -> Page:
        """Show a page of the site by its path, which may have a query and a fragment."""
        path, *rest = name.partition("?") if "?" in name else name.partition("#")
        self.page.goto((self.site / path).as_uri() + "".join(rest))
        return self.page

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.troubles.append(f"request: {request.url}")

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"console: {message.text}")


@contextmanager
def visitor(browser: Browser, site: Path, width: int = WIDE, **options: Any) -> Iterator[Visitor]:
    """A window; its pages may use the clipboard. It fails the test when there was trouble."""
    permissions = ["clipboard-read", "clipboard-write"]
    context = browser.new_context(viewport={"width": width, "height": 900}, permissions=permissions, **options)
    try:
        visiting = Visitor(context.new_page(), site)
        yield visiting
        assert visiting.troubles == []
    finally:
        context.close()
