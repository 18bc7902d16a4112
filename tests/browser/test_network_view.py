"""The page as a reader uses it: draw, point, click, go back, copy the address."""

import math

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def draw_eight(page) -> None:
    """Draw an 8 on the pad in one stroke of the pointer."""
    page.keyboard.press("c")
    box = page.locator(".pad canvas").bounding_box()
    middle, width, height = box["x"] + box["width"] / 2, box["width"] * 0.16, box["height"] * 0.3
    centre = box["y"] + box["height"] / 2
    points = [
        (middle + width * math.sin(2 * angle), centre - height * math.cos(angle))
        for angle in (math.pi * step / 24 for step in range(49))
    ]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()


BEST_CLASS = """(() => {
    const {data} = convlens.state.trace.value.activations.get("activation/probabilities");
    return data.indexOf(Math.max(...data));
})()"""


def centre_of(page, layer, index) -> tuple[float, float]:
    rect = page.evaluate("unit => convlens.rectOf(unit)", {"layer": layer, "index": index})
    return rect["left"] + rect["width"] / 2, rect["top"] + rect["height"] / 2


def test_a_drawn_8_is_read_as_8_and_read_during_the_stroke(page, until):
    page.keyboard.press("c")
    box = page.locator(".pad canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    before = page.evaluate("convlens.state.trace.value.sequence")
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6, steps=4)
    until(page, f"convlens.state.trace.value.sequence > {before}")  # the pen is still down
    page.mouse.up()
    draw_eight(page)
    until(page, f"{BEST_CLASS} === 8")


@pytest.mark.parametrize(
    ("layer", "index", "lit"),
    [
        ("relu1", [2, 10, 10], {"conv1": 1, "input": 25}),
        ("pool1", [0, 5, 5], {"relu1": 4, "conv1": 4, "input": 36}),
        ("conv2", [7, 4, 3], {"pool1": 150, "relu1": 600, "conv1": 600, "input": 196}),
        ("fc2", [5], {"relu3": 120, "fc1": 120, "flatten": 400, "pool2": 400, "input": 1024}),
    ],
)
def test_pointing_at_a_unit_lights_exactly_the_units_that_it_reads(page, layer, index, lit, until):
    # counted by hand: 5 x 5 windows; pooled windows do not overlap, so 150 of pool1 are 600 of relu1; 14 x 14 pixels
    page.mouse.move(*centre_of(page, layer, index))
    until(page, "Object.keys(convlens.litUnits()).length > 0")
    found = page.evaluate("convlens.litUnits()")
    assert {name: found.get(name) for name in lit} == lit


def test_a_click_shows_the_closing_sum_and_escape_goes_back(page, until):
    page.mouse.click(*centre_of(page, "conv2", [3, 5, 7]))
    page.locator("[data-role=total]").wait_for()
    assert "#/unit/" in page.url
    assert "conv2" in page.url
    assert page.locator("[data-role=subtotal]").count() == 6
    assert page.locator("[data-role=closes]").inner_text().startswith("✓ Closes")
    page.keyboard.press("Escape")
    until(page, "convlens.state.view.value === 'network'")
    assert "#/network/" in page.url


def test_the_copied_address_opens_the_same_unit_of_the_same_drawing(page, until):
    draw_eight(page)
    until(page, f"{BEST_CLASS} === 8")
    page.wait_for_timeout(300)  # for the last points of the stroke
    page.mouse.click(*centre_of(page, "conv1", [2, 9, 9]))
    total = page.locator("[data-role=total]").inner_text()
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("[data-role=total]").wait_for()
    assert other.locator("[data-role=total]").inner_text() == total
    assert other.evaluate("convlens.state.openUnit.value") == {"layer": "conv1", "index": [2, 9, 9]}


def test_back_and_forward_walk_through_what_was_opened(page, until):
    page.mouse.click(*centre_of(page, "conv1", [0, 3, 3]))
    page.locator("[data-role=total]").wait_for()
    page.go_back()
    until(page, "convlens.state.view.value === 'network'")
    page.go_forward()
    until(page, "convlens.state.view.value === 'unit'")


def test_the_keyboard_alone_opens_a_unit_and_comes_back(page, until):
    page.locator("[role=application]").focus()
    hovered = "convlens.state.hoveredUnit.value"
    for _ in range(3):
        if page.evaluate(f"{hovered}?.layer") != "conv1":
            page.keyboard.press("]")
    before = page.evaluate(hovered)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    channel, row, column = before["index"]
    assert page.evaluate(hovered) == {"layer": "conv1", "index": [channel, row + 1, column + 1]}
    page.keyboard.press("Enter")
    page.locator("[data-role=total]").wait_for()
    page.keyboard.press("Escape")
    until(page, "convlens.state.view.value === 'network'")
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()  # drawn after the key is handled


@pytest.mark.parametrize("width", [360, 390, 768, 1024, 1440, 3840])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(open_page, address, width, scheme):
    page = open_page(address, width=width, height=800, scheme=scheme)
    for view in ("#/network/lenet", "#/unit/lenet?unit=conv2:3.5.7"):
        page.evaluate("address => { location.hash = address }", view)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view


def test_no_request_leaves_the_machine(chromium, address, until):
    with chromium.new_context() as context:
        page = context.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda websocket: asked.append(websocket.url))
        page.goto(address)
        until(page, "window.convlens?.state.trace.value != null")
    assert len(asked) >= 4  # the page, its script, its style, its WebSocket
    assert all(url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")) for url in asked), asked
