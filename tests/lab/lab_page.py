"""JupyterLab's page in a browser: opened, asked, looked at."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from jupyterlab_process import Lab
from playwright.sync_api import Browser, ConsoleMessage, Request

_SCRIPTS = [Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("contrast.js", "lab_page.js")]
_TIMEOUT = 600  # seconds for anything, on a machine with much else to do
_HEIGHT = 8000  # pixels of the window, to need few pictures


class LabPage:
    """The page, once start-here is open in it.

    Attributes:
        complaints: errors that the page's scripts raised, and requests it made to other machines.
    """

    def __init__(self, browser: Browser, lab: Lab) -> None:
        self.complaints: list[str] = []
        self._page = browser.new_page(viewport={"width": 1440, "height": 900})
        self._page.set_default_timeout(_TIMEOUT * 1000)
        self._page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self._page.on("console", self._heard)
        self._page.on("request", self._requested)
        self._page.goto(lab.url)
        self._page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context?.isReady")
        for script in _SCRIPTS:
            self._page.evaluate(script)

    def ask(self, what: str, *arguments: Any) -> Any:
        """The result of a function of lab_page.js."""
        call = f"labPage.{what}(...{json.dumps(arguments)})"
        return self._page.evaluate(f"labPage.within({_TIMEOUT}, {json.dumps(what)}, {call})")

    def look(self, width: int, theme: str) -> None:
        """Make the window this many pixels wide, and use this theme."""
        self._page.set_viewport_size({"width": width, "height": _HEIGHT})
        self.ask("useTheme", theme)

    def photograph(self, notebook: str, folder: Path, most: int) -> None:
        """Make a notebook the current one and go through it, window by window; the first `most` are photographed."""
        folder.mkdir(parents=True, exist_ok=True)
        place: int | None = 0
        for number in itertools.count(1):
            place = self.ask("scrollTo", notebook, place)
            path = folder / f"{Path(notebook).stem}-{number}.jpg"
            if number <= most:
                self._page.screenshot(path=path, type="jpeg", quality=70, caret="initial")  # hiding it styles all anew
            if place is None:
                return

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _requested(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.complaints.append(request.url)
