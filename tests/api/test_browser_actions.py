"""From the map to an analysis in a real browser: click an incident, follow it up, draw an area."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Browser, Page, expect

from api.accounts.roles import Role
from api.accounts.store import Accounts
from api.app import create_app
from api.settings import Settings
from tests.api.conftest import fill, serving
from tests.api.test_browser_map import Watch, place

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def workspace_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = fill(tmp_path_factory.mktemp("actions") / "workspace").path
    (path / "files").mkdir()
    grid = {"lat": np.arange(34.0, 35.5, 0.05), "lon": np.arange(118.5, 120.0, 0.05)}
    people = xr.Dataset({"people": (("lat", "lon"), np.full((len(grid["lat"]), len(grid["lon"])), 200.0))}, grid)
    people.to_netcdf(path / "files" / "population.nc", engine="h5netcdf")
    return path


@pytest.fixture(scope="module")
def server(workspace_path: Path) -> Iterator[str]:
    with serving(create_app(Settings(workspace=workspace_path, warm_worker=True))) as address:
        yield address


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    watch = Watch(opened, server)
    opened.goto(f"{server}/map")
    opened.wait_for_selector("body[data-ready=true]", state="attached")
    yield opened
    context.close()
    assert watch.faults == []


def draw_incident(page: Page, lon: float, lat: float) -> None:
    page.locator(".act-incident").click()
    page.mouse.click(*place(page, lon, lat))
    form = page.locator(".actions-form")
    expect(form.locator("[name=lon]")).not_to_have_value("")
    assert float(form.locator("[name=lon]").input_value()) == pytest.approx(lon, abs=0.005)
    assert float(form.locator("[name=lat]").input_value()) == pytest.approx(lat, abs=0.005)
    form.locator("[name=substance]").fill("氨")
    form.locator("[name=rate_g_s]").fill("2000")
    form.locator("[name=wind_speed]").fill("3")
    form.locator("[name=wind_from]").fill("225")
    form.locator("[name=stability]").select_option("D")
    form.locator("button[type=submit]").click()


def layer_state(page: Page, layer: str, column: str) -> list[object]:
    return page.evaluate(
        "([id, column]) => window.suyuan.layers.find((one) => one.id === id).features.map((f) => f.properties[column])",
        [layer, column],
    )


def test_an_incident_from_a_click_and_its_follow_up(page: Page, server: str, workspace_path: Path) -> None:
    draw_incident(page, 119.1, 34.7)
    panel = page.locator(".actions")
    expect(panel.locator(".actions-summary")).to_contain_text("HJ 169 end point 1")
    expect(panel.locator(".actions-notes summary")).to_contain_text("说明")
    assert layer_state(page, "affected_zones", "version") == [1, 1]
    expect(page.locator("input[data-layer=affected_zones]")).to_be_checked()
    expect(page.locator(".legend")).to_contain_text("高：可危及生命")
    incident = layer_state(page, "affected_zones", "incident")[0]
    # A measurement on the axis: the zone is drawn again as version 2 of the same incident.
    panel.locator(".follow-measured").click()
    page.mouse.click(*place(page, 119.105, 34.704))
    panel.locator("[name=value]").fill("150")
    panel.locator("button[type=submit]").click()
    expect(panel.locator(".actions-summary")).to_contain_text("version 2")
    assert layer_state(page, "affected_zones", "version") == [2, 2]
    assert layer_state(page, "affected_zones", "incident")[0] == incident
    assert "before" in layer_state(page, "zone_bands", "band")
    assert layer_state(page, "incident_measurements", "value_mg_m3") == [150]
    # A new wind.
    panel.locator(".follow-wind").click()
    panel.locator("[name=wind_speed]").fill("5")
    panel.locator("[name=wind_from]").fill("270")
    panel.locator("button[type=submit]").click()
    expect(panel.locator(".actions-summary")).to_contain_text("version 3")
    expect(page.locator(".actions[data-stored=true]")).to_have_count(1)
    link = panel.locator(".job-page").get_attribute("href")
    answer = httpx.get(server + link.split("?")[0], trust_env=False).json()
    assert (answer["processID"], answer["status"]) == ("zone-follow-up", "successful")
    # It stays: the page loaded anew shows the layer of the workspace.
    page.reload()
    page.wait_for_selector("body[data-ready=true]", state="attached")
    assert layer_state(page, "affected_zones", "version") == [3, 3]


def test_faults_are_told_beside_the_form(page: Page) -> None:
    page.locator(".act-incident").click()
    page.mouse.click(*place(page, 119.1, 34.7))
    form = page.locator(".actions-form")
    form.locator("[name=substance]").fill("<img src=x onerror=alert(1)>")
    form.locator("[name=rate_g_s]").fill("10")
    form.locator("button[type=submit]").click()
    expect(page.locator(".actions-error")).to_contain_text("unknown substance")
    assert page.evaluate("() => document.querySelectorAll('img[src=x]').length") == 0
    # What was typed is still there.
    expect(form.locator("[name=rate_g_s]")).to_have_value("10")
    form.locator(".all-options").click()
    expect(page.locator("input[name=rate_g_s]")).to_have_value("10")
    expect(page.locator("input[name=lat]")).not_to_have_value("")


def test_an_area_is_drawn_corner_by_corner(page: Page) -> None:
    page.locator(".act-area").click()
    corners = [(119.0, 34.5), (119.3, 34.5), (119.3, 34.8), (119.0, 34.8)]
    for lon, lat in corners:
        page.mouse.click(*place(page, lon, lat))
    # Drawing opens no popup, though stations and zones lie under the clicks.
    expect(page.locator(".leaflet-popup")).to_have_count(0)
    page.locator(".sketch-undo").click()
    with page.expect_request("**/processes/zone-area/execution") as sent:
        page.mouse.dblclick(*place(page, *corners[-1]))
    drawn = json.loads(sent.value.post_data_json["inputs"]["polygon"])
    assert drawn["type"] == "Polygon"
    assert len(drawn["coordinates"][0]) == 5
    assert drawn["coordinates"][0][0] == drawn["coordinates"][0][-1]
    expect(page.locator(".actions-summary")).to_contain_text("km²")
    (area,) = layer_state(page, "zone_areas", "area_km2")
    # 0.3 by 0.3 degrees at 34.65 N.
    assert area == pytest.approx(27.5 * 33.28, rel=0.03)
    # The workspace's grid of people and its ledgers are looked through without being asked for.
    assert layer_state(page, "zone_areas", "people_best") == [pytest.approx(200.0 * area, rel=1e-3)]
    expect(page.locator(".actions-summary")).to_contain_text("people")
    assert set(layer_state(page, "area_districts", "name")) >= {"甲区"}
    names = layer_state(page, "area_objects", "name")
    assert "<img src=x onerror=alert(1)>" in names


def test_escape_and_few_corners(page: Page) -> None:
    page.locator(".act-area").click()
    page.mouse.click(*place(page, 119.0, 34.5))
    page.locator(".sketch-done").click()
    expect(page.locator(".actions-summary")).to_have_count(0)
    page.keyboard.press("Escape")
    page.mouse.click(*place(page, 119.0, 34.6))
    expect(page.locator(".leaflet-popup")).to_have_count(1)


def test_signed_in_analysts_draw_and_viewers_do_not(browser: Browser, tmp_path: Path) -> None:
    path = fill(tmp_path / "ws").path
    accounts = Accounts(path)
    accounts.add("li", Role.EMERGENCY, PASSWORD)
    accounts.add("wang", Role.VIEWER, PASSWORD)
    with serving(create_app(Settings(workspace=path, warm_worker=False))) as address:
        for name, may in (("li", True), ("wang", False)):
            context = browser.new_context(viewport={"width": 1366, "height": 768})
            opened = context.new_page()
            opened.goto(f"{address}/map")
            opened.fill("input[name=name]", name)
            opened.fill("input[name=password]", PASSWORD)
            opened.click("main button")
            opened.wait_for_selector("body[data-ready=true]", state="attached")
            expect(opened.locator(".act-incident")).to_have_count(1 if may else 0)
            if may:
                # The page's own token goes with the request: a session without it would be refused.
                with opened.expect_response("**/processes/zone-incident/execution") as answered:
                    draw_incident(opened, 119.1, 34.7)
                assert answered.value.status == 201
            context.close()
