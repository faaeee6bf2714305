"""`suyuan hotspots scan` on the files that people have."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from api.cli import main
from layers.store import Workspace

COLUMNS = ("rank", "members", "start", "end", "cases", "expected", "llr", "p_value", "recurrence_days")


@pytest.fixture
def scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> tuple[int, str]:
        code = main(["hotspots", "scan", *map(str, arguments), "--workspace", str(tmp_path / "ws")])
        return code, capsys.readouterr().err

    return run


def features(path: Path) -> list[dict]:
    return [feature["properties"] for feature in json.loads(path.read_text(encoding="utf-8"))["features"]]


@pytest.fixture
def alarms(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"编号": rng.integers(1, 9, 60), "例数": 1, "日期": rng.integers(1, 20, 60)})
    table = pd.concat([table, pd.DataFrame({"编号": [3] * 6, "例数": 1, "日期": 20})], ignore_index=True)
    table["日期"] = table["日期"].map("2021年10月{}日".format)
    table["经度"], table["纬度"] = 119.0 + table["编号"] * 0.05, 34.5
    path = tmp_path / "报警.csv"
    path.write_bytes(table.to_csv(index=False).encode("gb18030"))
    return path


def test_a_chinese_table_of_alarms_with_coordinates(scan, alarms: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.geojson"
    options = ("--cases", "例数", "--time", "日期", "--id", "编号", "--model", "space-time-permutation")
    assert scan(alarms, *options, "--prospective", "--max-radius-km", 10, "--output", out) == (0, "")
    first = features(out)[0]
    assert set(COLUMNS) <= set(first)
    assert (first["members"], first["start"], first["end"], first["cases"]) == ("3", "2021-10-20", "2021-10-20", 6)
    assert first["recurrence_days"] == pytest.approx(1 / first["p_value"])
    assert gpd.read_file(out).geometry.iloc[0].contains(gpd.points_from_xy([119.15], [34.5])[0])
    again = tmp_path / "again.geojson"
    scan(alarms, *options, "--prospective", "--max-radius-km", 10, "--output", again)
    assert again.read_bytes() == out.read_bytes()


def test_without_output_the_clusters_become_a_layer(scan, alarms: Path, tmp_path: Path) -> None:
    Workspace(tmp_path / "ws")
    options = ("--cases", "例数", "--time", "日期", "--id", "编号", "--model", "space-time-permutation")
    assert scan(alarms, *options, "--replications", 19)[0] == 0
    record = Workspace(tmp_path / "ws").record("hotspot_clusters")
    assert record.schema == "hotspot_clusters"
    assert record.provenance["seed"] == 1


def test_tracts_with_population_in_the_same_file(scan, shared_data: Path, tmp_path: Path) -> None:
    file, out = shared_data / "hotspots" / "upstate_new_york" / "tracts.csv", tmp_path / "out.geojson"
    options = ("--cases", "cases", "--model", "poisson", "--cartesian", "longitude,latitude", "--max-share", 0.1)
    assert scan(file, *options, "--output", out)[0] == 0
    one = features(out)
    assert round(one[0]["llr"], 6) == 11.577255
    assert one[0]["start"] is None
    assert scan(file, *options, "--id", "id", "--population", file, "--output", out)[0] == 0
    assert features(out) == one


def test_cases_places_and_population_in_three_files(scan, shared_data: Path, tmp_path: Path) -> None:
    folder, out = shared_data / "hotspots" / "new_mexico", tmp_path / "out.geojson"
    options = ["--cases", "cases", "--time", "year", "--id", "county", "--model", "poisson", "--cartesian", "lat,long"]
    files = ["--places", folder / "NMgeo.csv", "--population", folder / "NMpop.csv", "--replications", 99]
    code, said = scan(folder / "NMcas.csv", *options, *files, "--output", out)
    assert (code, said) == (0, "note: Expected cases are standardised by agegroup, sex.\n")
    first = features(out)[0]
    assert (first["start"], first["end"]) == ("1985-01-01", "1989-12-31")
    assert {"Bernalillo", "LosAlamos", "SantaFe"} <= set(first["members"].split(","))
    c, mu, total = first["cases"], first["expected"], 1175
    assert first["llr"] == pytest.approx(c * np.log(c / mu) + (total - c) * np.log((total - c) / (total - mu)))
    plain = tmp_path / "plain.geojson"
    assert scan(folder / "NMcas.csv", *options, *files, "--adjust", "none", "--output", plain) == (0, "")
    assert features(plain)[0]["expected"] != pytest.approx(mu, rel=1e-3)


def test_ellipses_and_early_stopping(scan, shared_data: Path, tmp_path: Path) -> None:
    file, out = shared_data / "hotspots" / "upstate_new_york" / "tracts.csv", tmp_path / "out.geojson"
    options = ("--cases", "cases", "--model", "poisson", "--cartesian", "latitude,longitude", "--max-share", 0.1)
    ellipses = (*options, "--shape", "ellipse", "--penalty", "none", "--replications", 99)
    assert scan(file, *ellipses, "--output", out) == (0, "")
    first = features(out)[0]
    assert (round(first["test_statistic"], 6), first["axis_ratio"], first["angle_deg"]) == (15.416469, 4, 90)
    code, said = scan(file, *options, "--max-radius-km", 0.01, "--stop-after", 5, "--output", out)
    assert code == 0
    assert "note: Stopped after " in said


TABLE = "id,lon,lat,n,day,town\na,119,34,3,2024-01-01,x\nb,119.1,34,2,2024-01-02,y\nc,119.2,34,1,2024-01-04,x\n"
BAD = {
    "unknown model": ("--cases n --model normal", "--model normal"),
    "no model": ("--cases n", "--model is missing"),
    "no such column": ("--cases cases --model poisson", "--cases cases"),
    "no such time": ("--cases n --time t --model poisson", "--time t"),
    "no such id": ("--cases n --id zip --model poisson", "--id zip"),
    "not a time": ("--cases n --time town --model space-time-permutation", "'x' cannot be read"),
    "no population": ("--cases n --model poisson", "--population"),
    "no time": ("--cases n --model space-time-permutation", "--time"),
    "one axis": ("--cases n --model poisson --cartesian x", "two columns"),
    "no axes": ("--cases n --model poisson --cartesian x,y", "--places"),
    "share": ("--cases n --model poisson --max-share 2", "--max-share 2"),
    "no file": ("--cases n --model poisson --population nowhere.csv", "nowhere.csv"),
    "ellipse in time": ("--cases n --time day --model space-time-permutation --shape ellipse", "space alone"),
    "no such shape": ("--cases n --model poisson --shape square", "--shape square"),
    "no such penalty": ("--cases n --model poisson --penalty harsh", "--penalty harsh"),
    "stop": ("--cases n --model poisson --stop-after -3", "--stop-after -3"),
    "start alone": ("--cases n --model poisson --start 2024-01-01", "--time"),
    "text as cases": ("--cases town --model space-time-permutation --time day", "whole numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_2_and_one_line(name: str, scan, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    options, told = BAD[name]
    code, said = scan(tmp_path / "t.csv", *options.split(), "--output", tmp_path / "o.geojson")
    assert code == 2
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "o.geojson").exists()
