"""Headless Chromium, as the system has it, for tests that look at pages as a person does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# No sandbox, because CI runs as root in a container; the rest keeps Chromium from looking anything up by itself.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str | None:
    """The path of a Chromium: CHROMIUM if that is set, else what the system has; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


needs_chromium = pytest.mark.skipif(
    executable() is None, reason="no Chromium here: install the package chromium, or set CHROMIUM to its path"
)


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """A browser with a profile of its own, closed at the end.

    Playwright keeps an event loop running as long, beside which no other test can run one: a fixture with a browser
    is a module's at most.

    Args:
        flags: for Chromium, beside those that it always gets.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=[*_FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()
