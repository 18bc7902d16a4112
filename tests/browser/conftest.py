"""A real Chromium, and a real process that serves the page."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, sync_playwright

# Nothing of Chromium's own may look for a network.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


TRACED = "window.convlens?.state.trace.value != null"  # a picture has gone through the network


def wait_until(page: Page, condition: str) -> None:
    """Ask the page until a condition holds (Playwright's wait_for_function is eval, which its policy forbids)."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"still waiting for: {condition}"
        page.wait_for_timeout(20)


@pytest.fixture
def until():
    """`wait_until`, for tests."""
    return wait_until


@pytest.fixture(scope="session")
def chromium():
    path = os.environ.get("CONVLENS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not at hand: install it, or name it in CONVLENS_CHROMIUM")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = [*QUIET, *(["--no-sandbox"] if as_root else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address():
    """`convlens open lenet` in a process of its own; the address that it prints."""
    command = [sys.executable, "-m", "convlens", "open", "lenet", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        printed = next(line for line in process.stdout if "http://" in line)
        yield re.search(r"http://\S+", printed)[0]
        process.terminate()


@pytest.fixture
def open_page(chromium):
    """Opens an address in a window of its own and waits until a picture has gone through the network.

    Errors on the page fail the test.
    """
    errors = []
    with ExitStack() as contexts:

        def open_in_window(address: str, *, width: int = 1440, height: int = 900, scheme: str = "light") -> Page:
            viewport = {"width": width, "height": height}
            page = contexts.enter_context(chromium.new_context(viewport=viewport, color_scheme=scheme)).new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
            page.goto(address)
            wait_until(page, TRACED)
            return page

        yield open_in_window
    assert errors == []


@pytest.fixture
def page(open_page, address):
    """The page, open on the shipped network, with the first sample read."""
    return open_page(address)
