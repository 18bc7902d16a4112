"""Take the README's picture, docs/page.png: the page on the shipped network, an 8 drawn, a unit of conv2 pointed at.

python scripts/screenshot.py
"""

import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "page.png"
POINTED = {"layer": "conv2", "index": [6, 4, 5]}


def main() -> None:
    """Draw, point, and save."""
    chromium = os.environ.get("CONVLENS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    command = [sys.executable, "-m", "convlens", "open", "lenet", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stdout is not None
        address = next(found[0] for line in server.stdout if (found := re.search(r"http://\S+", line)))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 860})
        page.goto(address)
        while not page.evaluate("window.convlens?.state.trace.value != null"):
            page.wait_for_timeout(50)
        box = page.locator(".pad canvas").bounding_box()
        assert box is not None
        page.keyboard.press("c")
        for step in range(65):
            angle = 2 * math.pi * step / 64
            column = box["x"] + box["width"] * (0.5 + 0.15 * math.sin(2 * angle + 0.2))
            page.mouse.move(column, box["y"] + box["height"] * (0.5 - 0.3 * math.cos(angle)))
            if step == 0:
                page.mouse.down()
        page.mouse.up()
        page.wait_for_timeout(500)
        rect = page.evaluate("unit => convlens.rectOf(unit)", POINTED)
        page.mouse.move(rect["left"] + rect["width"] / 2, rect["top"] + rect["height"] / 2)
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURE)
        browser.close()
        server.terminate()


if __name__ == "__main__":
    main()
