"""An analyst's journey in a real browser: sign in, fill the form, correct it, watch the job, take the result."""

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
from playwright.sync_api import Browser, expect

from api.accounts.roles import Role
from api.accounts.store import Accounts
from tests.api.jobs.conftest import Server

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"


def test_from_sign_in_to_the_result(browser: Browser, serve: Callable[[], Server], places: Path) -> None:
    Accounts(places).add("li", Role.ANALYST, PASSWORD)
    server = serve()
    page = browser.new_page()
    faults: list[str] = []
    page.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{server.client.base_url}/processes/hotspots-gi")
    expect(page).to_have_title("登录 Sign in · 溯源 Suyuan")
    page.fill("input[name=name]", "li")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button")
    expect(page.locator("h1")).to_contain_text("热点分析")
    page.fill("input[name=file]", "places")
    page.fill("input[name=value]", "pm25_ug_m3")
    page.fill("input[name=neighbours]", "knn:lots")
    page.click("main button.main")
    expect(page.locator("#job-state")).to_have_text("失败 failed", timeout=60_000)
    expect(page.locator("#job-message")).to_contain_text("knn")
    page.go_back()
    page.fill("input[name=neighbours]", "knn:8")
    page.click("main button.main")
    expect(page.locator("#job-state")).to_have_text("成功 successful", timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="gpkg").click()
    download.value.save_as(places / "result.gpkg")
    assert len(gpd.read_file(places / "result.gpkg")) == 300
    page.get_by_role("link", name="任务 Jobs").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url(f"{server.client.base_url}/login")
    assert faults == []
    page.close()
