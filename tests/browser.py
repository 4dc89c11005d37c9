"""A headless Chromium for tests: they are skipped where there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Tab:
    """An open page, with all that it said on its console or asked a server for."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def opened(url: str, *, width: int = 1_600, dark: bool = False, scripts: bool = True) -> Iterator[Tab]:
    """Open a page in a Chromium of its own; nothing but the page itself is to be asked for."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium: install it, as by `apt-get install chromium`")
    with playwright.sync_playwright() as started:
        # its own sandbox needs rights that containers often lack; the pages are those of the tests
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        tab = Tab(context.new_page())
        tab.page.on("console", lambda message: tab.said.append(message.text))
        tab.page.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.page.on("dialog", lambda dialog: (tab.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        tab.page.goto(url)
        try:
            yield tab
        finally:
            browser.close()
