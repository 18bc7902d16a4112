"""Time the pen: from a pointer event on the pad to all maps repainted, in a real Chromium, with a real server."""

import math
import os
import re
import shutil
import statistics
import subprocess
import sys

from _report import machine, write_section
from playwright.sync_api import Page, sync_playwright

STROKES = 8
MOVES = 60  # a stroke
PAUSE = 1 / 60  # seconds from move to move, as a mouse makes them
QUIET = "--disable-background-networking --disable-component-update --disable-gpu --disable-quic --no-first-run"


def draw(page: Page, *, turn: float) -> None:
    """Draw an 8, each a little different."""
    box = page.locator(".pad canvas").bounding_box()
    assert box is not None
    left, top, size = box["x"], box["y"], box["width"]
    page.keyboard.press("c")
    for move in range(MOVES + 1):
        angle = 2 * math.pi * move / MOVES
        column = left + size * (0.5 + 0.16 * math.sin(2 * angle + turn))
        row = top + size * (0.5 - 0.3 * math.cos(angle))
        page.mouse.move(column, row)
        if move == 0:
            page.mouse.down()
        page.wait_for_timeout(PAUSE * 1000)
    page.mouse.up()


def main() -> None:
    """Draw, read the page's own marks, and write the figures."""
    chromium = os.environ.get("CONVLENS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    command = [sys.executable, "-m", "convlens", "open", "lenet", "--no-browser", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        printed = next(line for line in server.stdout if "http://" in line)
        address = re.findall(r"http://\S+", printed)[0]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET.split(), "--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(address)
            while not page.evaluate("window.convlens?.state.trace.value != null"):
                page.wait_for_timeout(50)
            draw(page, turn=0.0)  # the first one compiles the page's code
            page.evaluate("performance.clearMeasures()")
            for stroke in range(STROKES):
                draw(page, turn=0.1 * stroke)
            measured = page.evaluate('performance.getEntriesByName("pen").map(entry => entry.duration)')
            version = browser.version
            browser.close()
    finally:
        server.terminate()
    measured.sort()
    median, late = statistics.median(measured), measured[int(0.95 * len(measured))]
    write_section(
        "pen",
        [
            "## The pen",
            "",
            "From a pointer event on the pad to the repaint of all maps with the numbers that PyTorch computed for it "
            f"(LeNet, 1440 x 900, headless Chromium {version}, software rendering): median {median:.1f} ms, "
            f"95th percentile {late:.1f} ms, n = {len(measured)}. {machine('convlens', 'torch')}",
        ],
    )


if __name__ == "__main__":
    main()
