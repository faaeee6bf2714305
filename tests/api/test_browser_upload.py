"""An analyst's way in a real browser: signed in, a ledger uploaded, what was wrong read, and corrected."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import Browser, Page, expect

from api.accounts.roles import Role
from api.accounts.store import Accounts
from api.app import create_app
from api.settings import Settings
from layers.store import Workspace
from tests.api.conftest import serving

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"
BAD = "名称,燃料,容量,lon,lat\n甲厂,燃煤,35,119.1,34.6\n乙厂,<img src=x onerror=alert(1)>,10,119.2,34.7\n"


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    accounts = Accounts(tmp_path / "ws", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts.add("analyst", Role.ANALYST, PASSWORD)
    app = create_app(Settings(workspace=tmp_path / "ws", warm_worker=False))
    with serving(app, lifespan="off") as address:
        shown = browser.new_page(base_url=address, locale="zh-CN")
        yield shown
        shown.close()


def test_a_ledger_goes_in_and_what_is_wrong_comes_back(page: Page, tmp_path: Path) -> None:
    faults: list[str] = []
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.on("pageerror", lambda error: faults.append(str(error)))
    ledger = tmp_path / "锅炉台账.csv"
    ledger.write_bytes(BAD.encode("gb18030"))
    page.goto("/uploads?f=html")
    page.fill("#in-name", "analyst")
    page.fill("#in-password", PASSWORD)
    page.click("button.main")
    expect(page).to_have_title("上传 Upload · 溯源 Suyuan")
    page.select_option("#layer-target", "boilers")
    page.set_input_files("#layer-file", ledger)
    page.select_option("#layer-datum", "gcj02")
    page.click("#to-layer button.main")
    expect(page.get_by_role("alert")).to_contain_text("全部未入库")
    expect(page.locator("tbody")).to_contain_text("不在可选值之内")
    page.go_back()
    page.set_input_files("#layer-file", ledger)
    page.check("#layer-accept_good")
    page.click("#to-layer button.main")
    expect(page.locator("main")).to_contain_text("已入库：新增 1")
    assert list(Workspace(tmp_path / "ws").read("boilers")["name"]) == ["甲厂"]
    assert faults == []
