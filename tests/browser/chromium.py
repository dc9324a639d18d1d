"""A real Chromium, and what it keeps of a test that failed."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, expect, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-sync",
    "--disable-quic",
)
PATIENCE = 45_000
"""Milliseconds for anything that a page is waited for."""
DESKTOP = {"width": 1280, "height": 800}
OUTPUT = Path(__file__).parent / "output"


@contextmanager
def chromium_running() -> Iterator[Browser]:
    """The machine's own browser if it has one, else the browser driver's."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=OPTIONS, timeout=2 * PATIENCE)
        yield browser
        browser.close()


@contextmanager
def browsing(browser: Browser, request: pytest.FixtureRequest, **options: Any) -> Iterator[Page]:
    """A page in a browser without a past. An error that the page's scripts let through fails the test.

    Of a test that failed, a picture of the page and what it asked for and said stay in `tests/browser/output`.
    """
    settings = {"viewport": DESKTOP, "reduced_motion": "reduce", "locale": "en-US"} | options
    context = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    said: list[str] = []
    uncaught: list[str] = []

    def note_console(message: ConsoleMessage) -> None:
        said.append(f"{message.type}: {message.text}")

    def note_error(error: Error) -> None:
        uncaught.append(error.stack or error.message)

    def note_request(sent: Request) -> None:
        said.append(f"asked: {sent.method} {sent.url}")

    def note_answer(answer: Response) -> None:
        said.append(f"answered: {answer.status} {answer.url}")

    def note_lost(lost: Request) -> None:
        said.append(f"lost: {lost.method} {lost.url}: {lost.failure}")

    page.on("console", note_console)
    page.on("pageerror", note_error)
    page.on("request", note_request)
    page.on("response", note_answer)
    page.on("requestfailed", note_lost)
    failed_before = request.session.testsfailed
    try:
        yield page
        if request.session.testsfailed > failed_before:
            OUTPUT.mkdir(exist_ok=True)
            name = re.sub(r"\W+", "-", request.node.name).strip("-")[:120]
            (OUTPUT / f"{name}.log").write_text("\n".join([page.url, *said, *uncaught, ""]))
            page.screenshot(path=OUTPUT / f"{name}.png", timeout=PATIENCE)
    finally:
        context.close()
    assert not uncaught
