"""The map's third-party files: pinned, local, and missed with a clear word."""

import json
import re
from pathlib import Path

import pytest

from geo.errors import MissingData, SourceUnavailable
from web_map.assets import ASSETS, FONT, STATIC, TEMPLATES, asset_path, missing_assets, require_assets

ROOM = STATIC.parent


def test_the_lock_pins_by_hash_and_names_no_registry() -> None:
    lock = json.loads((ROOM / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((ROOM / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert {name.removeprefix("node_modules/") for name in packages} == set(wanted)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in packages.values())
    used = [file.split("/") for file in (*ASSETS.values(), FONT)]
    assert {"/".join(parts[: 2 if parts[0].startswith("@") else 1]) for parts in used} == set(wanted)


def test_installed_assets_are_found(tmp_path: Path) -> None:
    for file in ASSETS.values():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("x")
    assert missing_assets(tmp_path) == []
    require_assets(tmp_path)
    assert asset_path("leaflet/leaflet.js", tmp_path).read_text() == "x"


def test_missing_assets_name_the_remedy(tmp_path: Path) -> None:
    assert missing_assets(tmp_path) == list(ASSETS)
    with pytest.raises(SourceUnavailable, match="make setup"):
        require_assets(tmp_path)
    with pytest.raises(SourceUnavailable, match="leaflet.css is not installed.*make setup"):
        asset_path("leaflet/leaflet.css", tmp_path)


@pytest.mark.parametrize("name", ["../package.json", "leaflet/package.json", "", "leaflet/../../package.json"])
def test_only_names_in_the_table_are_served(name: str) -> None:
    with pytest.raises(MissingData, match="no such asset"):
        asset_path(name)


@pytest.mark.parametrize("path", sorted([*STATIC.iterdir(), *TEMPLATES.iterdir()]), ids=lambda p: p.name)
def test_own_files_ask_no_other_server_and_write_no_html(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text.replace("// ", ""))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|setHTML", text)
