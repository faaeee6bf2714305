"""The map in a real browser that may talk to this server and to nobody else."""

import warnings
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

pytestmark = pytest.mark.browser

XSS = "<img src=x onerror=alert(1)>"
PANELS = (
    ".page-head",
    ".layer-list",
    ".legend",
    ".time-slider",
    ".leaflet-control-zoom",
    ".leaflet-control-scale",
    ".leaflet-control-mouseposition",
    ".leaflet-control-attribution",
)


class Watch:
    """What a page must not do: ask other servers, fail, complain or open a dialog."""

    def __init__(self, page: Page, server: str) -> None:
        self.server = server
        self.faults: list[str] = []
        page.route("**/*", self.route)
        page.on("console", lambda line: self.faults.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("response", lambda answer: self.faults.append(answer.url) if answer.status >= 400 else None)
        page.on("dialog", self.dialog)

    def route(self, route: Route) -> None:
        if route.request.url.startswith((f"{self.server}/", "data:", "blob:")):
            route.continue_()
        else:
            self.faults.append(f"asked {route.request.url}")
            route.abort()

    def dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def page(browser: Browser, map_server: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = getattr(request, "param", (1366, 768))
    context = browser.new_context(viewport={"width": width, "height": height}, timezone_id="America/New_York")
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    watch = Watch(opened, map_server)
    opened.goto(f"{map_server}/map")
    opened.wait_for_selector("body[data-ready=true]", state="attached")
    yield opened
    context.close()
    assert watch.faults == []


def place(page: Page, lon: float, lat: float) -> tuple[int, int]:
    """Return where a place is on the screen."""
    point = page.evaluate(
        """([lon, lat]) => {
            const map = window.suyuan.map, box = map.getContainer().getBoundingClientRect();
            const point = map.latLngToContainerPoint([lat, lon]);
            return [box.left + point.x, box.top + point.y];
        }""",
        [lon, lat],
    )
    return round(point[0]), round(point[1])


def pixels(page: Page) -> npt.NDArray[np.int64]:
    """Return the screenshot, shape (y, x, 3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile(page.screenshot()) as memory, memory.open() as picture:
            return np.moveaxis(picture.read([1, 2, 3]), 0, 2).astype(np.int64)


def share(picture: npt.NDArray[np.int64], at: tuple[int, int], radius: int, colour: str, tolerance: int = 30) -> float:
    """Return which share of the square around a point has a colour."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    x, y = at
    square = picture[y - radius : y + radius + 1, x - radius : x + radius + 1]
    return float((np.abs(square - wanted).max(axis=2) <= tolerance).mean())


def box(page: Page, layer: str) -> Any:
    return page.locator(f"input[data-layer={layer}]")


def settled(page: Page) -> None:
    """Wait until Leaflet has redrawn its canvas."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_stations_and_zones_have_their_colours(page: Page) -> None:
    picture = pixels(page)
    # At the worst hour: AQI 260 is category 5, 120 is category 3 (HJ 633).
    assert share(picture, place(page, 119.0, 34.6), 11, "#99004c") > 0.45
    assert share(picture, place(page, 119.4, 34.9), 11, "#ff7e00") > 0.45
    expect(page.locator(".badge-value")).to_have_text(["260", "120"])
    # The southernmost points of both zones: 30 km and 15 km from their plants.
    big, small = place(page, 119.1, 34.6 - 30 / 110.9), place(page, 119.4, 34.9 - 15 / 110.9)
    assert share(picture, big, 3, "#c0392b", 45) > 0.2
    assert share(picture, (small[0], small[1]), 12, "#b9770e", 45) > 0.02


def test_results_that_lie_under_the_zones_have_their_legend_too(page: Page) -> None:
    # Grids and rasters are drawn below everything else but the districts, which alone need no explanation.
    box(page, "fire_rasters").check()
    expect(page.locator(".legend")).to_contain_text("亮温 330 K")
    expect(page.locator(".legend")).not_to_contain_text("Districts")


def test_layers_switch_off_and_on(page: Page) -> None:
    edge = place(page, 119.1, 34.6 - 30 / 110.9)
    legend = page.locator(".legend")
    for on in (False, True):
        box(page, "heating_zones").set_checked(on)
        settled(page)
        page.wait_for_function("on => (window.suyuan.layerOf('heating_zones').shown.length > 0) || !on", arg=on)
        page.wait_for_timeout(150)
        assert (share(pixels(page), edge, 3, "#c0392b", 45) > 0.2) is on
        assert legend.get_by_text("30 km：单机≥300 MW 热电联产（实线）").is_visible() is on
    box(page, "station_aqi").uncheck()
    expect(page.locator(".badge-value")).to_have_count(0)
    box(page, "station_aqi").check()
    expect(page.locator(".badge-value")).to_have_count(2)


def test_a_click_on_a_station_tells_everything_about_it(page: Page) -> None:
    page.mouse.click(*place(page, 119.0, 34.6))
    popup = page.locator(".feature-popup")
    expect(popup.locator(".popup-name")).to_have_text(XSS)
    for text in ("260", "200 µg/m³", "重度污染", "Heavily polluted", "2021-01-11 07:00", "北京时间", "Beijing time"):
        expect(popup).to_contain_text(text)
    for text in ("站点名称", "Name", "PM2.5", "合成演练数据", "synthetic practice data"):
        expect(popup).to_contain_text(text)


def test_hostile_names_are_text_everywhere(page: Page) -> None:
    for layer in ("stations", "hotspots", "fire_rasters"):
        box(page, layer).check()
    page.mouse.move(*place(page, 119.0, 34.6))
    expect(page.locator(".leaflet-tooltip strong")).to_have_text(XSS)
    page.mouse.click(*place(page, 119.0, 34.6))
    page.locator(".popup-action").click()
    facet = page.locator("select[data-facet=receptor]")
    expect(facet).to_have_value("S1")
    expect(facet.locator("option").nth(1)).to_have_text(f"{XSS} (S1)")
    legend, layers = page.locator(".legend"), page.locator(".layer-list")
    expect(legend.locator(".legend-remark").first).to_have_text(f"最高Highest: {XSS} 260")
    expect(legend.locator(".legend-remark").last).to_have_text(f"受体站点Receptor: {XSS} (S1)")
    expect(legend).to_contain_text("</script><script>alert(2)</script>")
    expect(layers.locator(".layer-label", has=box(page, "stations"))).to_contain_text(XSS)
    expect(page.locator(".area-label").nth(1)).to_have_text(XSS)
    expect(page.locator(".leaflet-control-attribution")).to_contain_text(XSS)
    expect(layers.locator(".layer-status").filter(has_text="没有显著热点")).to_have_count(1)
    page.locator(".leaflet-popup-close-button").click()
    expect(page.locator(".leaflet-popup")).to_have_count(0)
    page.mouse.click(*place(page, 118.9, 34.8))
    expect(page.locator(".popup-name")).to_have_text("</script><script>alert(2)</script>")
    assert page.evaluate("() => document.querySelectorAll('img[src=x], [onerror]').length") == 0


def test_trajectories_are_those_of_the_chosen_station(page: Page) -> None:
    count = "() => window.suyuan.layerOf('trajectories').shown.length"
    assert page.evaluate(count) == 3
    line = place(page, 119.4 - 0.09, 34.9 + 0.06)
    assert share(pixels(page), line, 3, "#1b3f9c", 45) > 0.15
    page.locator("select[data-facet=receptor]").select_option("S1")
    assert page.evaluate(count) == 2
    page.wait_for_timeout(150)
    assert share(pixels(page), line, 3, "#1b3f9c", 45) == 0
    expect(page.locator(".legend")).to_contain_text("500 m")


def test_the_slider_goes_through_time(page: Page) -> None:
    label = page.locator(".time-label")
    expect(label).to_contain_text("2021-01-11 07:00")
    expect(page.locator(".time-reason")).to_contain_text("全网均值最差的时刻")
    page.get_by_role("button", name="▶").click()
    expect(label).to_contain_text("2021-01-11 08:00")
    expect(page.locator(".badge-value")).to_have_text(["70", "–"])
    expect(page.locator(".legend-remark").first).to_contain_text("70")
    page.locator(".time-range").fill("0")
    expect(page.locator(".badge-value")).to_have_text(["40", "60"])
    assert share(pixels(page), place(page, 119.0, 34.6), 11, "#00e400") > 0.45


def test_a_fire_raster_lies_in_its_place(page: Page) -> None:
    burning = place(page, 119.15, 34.75)
    box(page, "fire_rasters").check()
    page.wait_for_function("() => document.querySelector('.raster-tiles .leaflet-tile-loaded')?.naturalWidth > 0")
    page.wait_for_timeout(300)
    expect(page.locator(".legend")).to_contain_text("亮温 360 K")
    # 400 K between the stops of 360 K and 420 K, over land.
    assert share(pixels(page), burning, 3, "#a5130d", 60) > 0.5


def test_languages_scale_and_coordinates(page: Page) -> None:
    page.get_by_role("button", name="EN", exact=True).click()
    expect(page.locator(".layer-list summary")).to_have_text("图层Layers")
    expect(page.locator(".layer-list summary .zh")).to_be_hidden()
    page.get_by_role("button", name="中文", exact=True).click()
    expect(page.locator(".layer-list summary .en")).to_be_hidden()
    expect(page.locator(".leaflet-control-scale")).to_contain_text("km")
    page.mouse.move(*place(page, 118.8, 34.5))
    text = page.locator(".leaflet-control-mouseposition").inner_text()
    lon, lat = (float(part) for part in text.split(":")[1].split(","))
    assert (lon, lat) == pytest.approx((118.8, 34.5), abs=0.005)
    page.locator(".leaflet-control-zoom-fullscreen").click()
    page.wait_for_function("() => document.fullscreenElement?.classList.contains('folium-map')")
    expect(page.locator(".legend")).to_be_visible()


@pytest.mark.parametrize("page", [(1366, 768), (1920, 1080)], indirect=True)
def test_nothing_overlaps(page: Page) -> None:
    for layer in ("stations", "fire_rasters", "hotspots"):
        box(page, layer).check()
    size = page.viewport_size
    found = {name: page.locator(name).first.bounding_box() for name in PANELS if page.locator(name).count()}
    assert set(found) >= {".page-head", ".layer-list", ".legend", ".time-slider", ".leaflet-control-scale"}
    for name, area in found.items():
        assert min(area["x"], area["y"]) >= 0, name
        assert area["x"] + area["width"] <= size["width"], name
        assert area["y"] + area["height"] <= size["height"], name
    for one, other in combinations(found, 2):
        assert not overlap(found[one], found[other]), (one, other)


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    apart = (
        one["x"] + one["width"] <= other["x"] + 0.5
        or other["x"] + other["width"] <= one["x"] + 0.5
        or one["y"] + one["height"] <= other["y"] + 0.5
        or other["y"] + other["height"] <= one["y"] + 0.5
    )
    return not apart


def test_badges_of_near_stations_make_room(page: Page) -> None:
    gaps = page.evaluate(
        """async () => {
            const { spread } = await import('/static/badges.js');
            const points = [[0, 0], [0, 0], [3, 2], [5, 0], [200, 200]].map(([x, y]) => ({ x, y }));
            const placed = spread(points, points.map(() => 15));
            const gaps = [];
            placed.forEach((a, i) => placed.slice(i + 1).forEach((b) => gaps.push(Math.hypot(a.x - b.x, a.y - b.y))));
            return [Math.min(...gaps), Math.hypot(placed[4].x - 200, placed[4].y - 200)];
        }"""
    )
    assert gaps[0] >= 30
    assert gaps[1] < 1


def test_a_large_layer_follows_the_view(page: Page) -> None:
    fires = "window.suyuan.layerOf('fire_points')"
    page.evaluate(f"async () => {{ {fires}.count = 30000; await {fires}.refresh(); }}")
    for centre, count in (([34.8, 118.9], 1), ([30, 100], 0), ([34.6, 119.2], 2)):
        zoom = 12 if count == 1 else 8
        page.evaluate("([centre, zoom]) => window.suyuan.map.setView(centre, zoom, {animate: false})", [centre, zoom])
        page.wait_for_function(f"count => {fires}.features.length === count", arg=count)


def test_the_portal_in_the_browser(browser: Browser, map_server: str) -> None:
    opened = browser.new_page()
    watch = Watch(opened, map_server)
    opened.goto(map_server)
    expect(opened.locator("h1")).to_contain_text("溯源")
    expect(opened.locator("tbody tr").first).to_be_visible()
    opened.get_by_role("link", name="打开地图 Open the map").click()
    opened.wait_for_selector("body[data-ready=true]", state="attached")
    opened.close()
    assert watch.faults == []
