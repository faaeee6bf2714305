"""What a spreadsheet would run: in no cell of any table that leaves Suyuan, and unchanged when it comes back."""

import csv
import io
from pathlib import Path

import openpyxl
import pytest

from api.app import create_app
from api.settings import Settings
from layers.store import Workspace

SIGNS = ("=", "+", "-", "@", "\t", "＝", "＋", "－", "＠")
HOSTILE = [f"{sign}cmd|' /C calc'!A0" for sign in SIGNS]


@pytest.fixture
def stored(suyuan, workspace: Path, tmp_path: Path) -> Path:
    """Store stations whose names, and a column of their own, are formulas; return the folder for exports."""
    path = tmp_path / "stations.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "name", "level", "lon", "lat", "=header()"])
        writer.writerows([[f"s{n}", text, "national", 119 + n / 100, 34, text] for n, text in enumerate(HOSTILE)])
    code, _, said = suyuan("layers", "add", "stations", path)
    assert code == 0, said
    # The tab in front is white space like any other.
    assert sorted(Workspace(workspace).read("stations")["name"]) == sorted(text.strip() for text in HOSTILE)
    return tmp_path


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


def test_no_csv_runs_one(stored: Path, suyuan, workspace: Path, ask_app) -> None:
    over_http = ask_app(create_app(Settings(workspace=workspace))).get("/collections/stations/items?f=csv").text
    assert suyuan("layers", "export", "stations", stored / "out.csv")[0] == 0
    for text in (over_http, (stored / "out.csv").read_text("utf-8-sig")):
        found = cells(text)
        assert sum("calc" in cell for cell in found) == 2 * len(HOSTILE)
        assert [cell for cell in found if cell.startswith(SIGNS)] == []


def test_no_workbook_runs_one_and_it_comes_back_as_it_was(stored: Path, suyuan, workspace: Path) -> None:
    assert suyuan("layers", "export", "stations", stored / "out.xlsx")[0] == 0
    sheet = openpyxl.load_workbook(stored / "out.xlsx").active
    found = [cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert sum("calc" in cell.value for cell in found) == 2 * len(HOSTILE)
    assert [cell.value for cell in found if cell.data_type == "f" or cell.value.startswith(SIGNS)] == []
    before = Workspace(workspace).read("stations")
    assert suyuan("layers", "add", "stations", stored / "out.xlsx", "--replace")[0] == 0
    assert list(Workspace(workspace).read("stations")["name"]) == list(before["name"])


def test_no_report_runs_one(suyuan, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("名称,燃料,容量,lon,lat\n甲,=cmd(),35,119,34\n", "utf-8")
    for name in ("r.csv", "r.xlsx"):
        assert suyuan("layers", "add", "boilers", tmp_path / "b.csv", "--report", tmp_path / name)[0] == 2
    assert [cell for cell in cells((tmp_path / "r.csv").read_text("utf-8-sig")) if cell.startswith("=")] == []
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
