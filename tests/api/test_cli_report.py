"""`suyuan observations report` and `daily` on the practice episode and on days as given."""

import json
from pathlib import Path

import pandas as pd
import pytest

from api.cli import main
from data_samples import folder
from layers.store import Workspace

SAMPLES = folder()


def test_the_report_of_the_practice_episode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = ["--workspace", str(tmp_path / "ws")]
    assert main(["layers", "add", "stations", str(SAMPLES / "stations.csv"), *workspace]) == 0
    assert main(["observations", "add", str(SAMPLES / "observations.csv"), *workspace]) == 0
    out = tmp_path / "report.csv"
    year = ["observations", "report", "--year", "2021", "--output", str(out)]
    assert main([*year, "--targets", str(SAMPLES / "targets_2021.csv"), *workspace]) == 0
    table = pd.read_csv(out).set_index("name")
    assert table.index.tolist() == ["全市", "海州区", "赣榆区", "连云区"]
    assert table["kind"].tolist() == ["city", "district", "district", "district"]
    raw = pd.read_csv(SAMPLES / "observations.csv")
    national = raw[raw["station_id"].str.endswith("A") & (raw["pollutant"] == "pm25")]
    days = national.groupby(["station_id", national["time"].str[:10]])["value"].mean()
    assert table.loc["全市", "pm25"] == pytest.approx(days.groupby("time").mean().mean(), abs=6e-4)
    assert table["pm25_state"].tolist() == ["too_few_days"] * 4
    said = capsys.readouterr().err
    assert "one name, several ids: 胡沟管理处 (2998A, 3008A)" in said
    assert "some of the values are generated" in said
    assert main([*year, "--by", "station", "--month", "10", *workspace]) == 0
    assert len(pd.read_csv(out)) == 10
    check = ["observations", "check", "--year", "2021", "--output", str(tmp_path / "signs.csv"), *workspace]
    for _ in range(2):
        assert main(check) == 0
        assert "YLWZ57 pm25 stuck: 34 h" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "signs.csv")["station_id"].tolist() == ["YLWZ57"]
    stored = Workspace(tmp_path / "ws").observations.read(stations=["YLWZ57"], pollutants=["pm25"])
    assert stored["flag"].value_counts()["synthetic;stuck"] == 34
    micro = [*year, "--by", "station", "--levels", "micro", *workspace]
    assert main(["layers", "add", "stations", str(SAMPLES / "micro_stations.csv"), *workspace]) == 0
    for extra, days in ((["--leave-out", "stuck"], 3), ([], 5)):
        assert main([*micro, *extra]) == 0
        assert pd.read_csv(out).set_index("name").loc["YLWZ57", "n_pm25"] == days
    capsys.readouterr()
    assert main([*year, "--month", "5", *workspace]) == 2
    assert "no observations of the stations in 2021" in capsys.readouterr().err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run `suyuan observations ...` in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def act(*words: str) -> tuple[int, str, str]:
        try:
            code = main([*words, "--workspace", "ws"])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return act


def test_days_without_header_and_without_stations(run) -> None:
    Path("day.txt").write_text("7 2017 4 11 14 33 0.8 127 81 48\n8 2017 4 11 14 -9999 0.8 90 81 20\n", "utf-8")
    add = ("observations", "add", "day.txt")
    code, _, said = run(*add)
    assert (code, said.count("\n")) == (2, 1)
    assert "name the columns with --columns" in said
    columns = ("--columns", "id,year,month,day,so2,no2,co,o3_8h,pm10,pm25")
    assert run(*add, *columns)[:2] == (
        0,
        "daily observations: 11 added, 0 corrected, 0 unchanged, 0 rejected, 1 gaps\n",
    )
    assert run(*add, *columns, "--period", "daily")[1].startswith("daily observations: 0 added, 0 corrected, 11 unch")
    assert run("observations", "daily", "--year", "2017", "--month", "4", "--output", "days.csv")[0] == 0
    table = pd.read_csv("days.csv", dtype={"name": str}).set_index("name")
    assert table["date"].tolist() == ["2017-04-11"] * 2
    assert table[["aqi", "primary"]].values.tolist() == [[73, "o3_8h"], [66, "pm10"]]
    code, _, said = run("observations", "report", "--year", "2017", "--by", "station", "--output", "year.csv")
    assert (code, "11 daily values are as given" in said) == (0, True)
    assert pd.read_csv("year.csv")["rank_pm25"].tolist() == [2, 1]
    assert run("observations", "export", "out.csv")[1] == "11 -> out.csv\n"
    assert run("observations", "add", "out.csv")[1].startswith("daily observations: 0 added, 0 corrected, 11 unchanged")
    code, _, said = run("observations", "export", "out.csv", "--period", "hourly")
    assert (code, "no observations in ws (hourly)" in said) == (2, True)
    assert run("observations", "report", "--year", "2017", "--output", "year.csv")[0] == 2
    assert run("observations", "daily", "--year", "2016", "--output", "none.csv")[0] == 2
    assert not Path("none.csv").exists()


def test_stations_are_placed_by_the_boundaries_where_their_ledger_does_not_say(run) -> None:
    Path("stations.csv").write_text("id,name,lon,lat,district\na,甲,119.18,34.59,\nb,乙,119.18,34.59,东区\n", "utf-8")
    Path("days.csv").write_text("日期,站点编号,PM2.5\n2021-05-01,a,30\n2021-05-01,b,60\n", "gb18030")
    ring = [[119.1, 34.5], [119.3, 34.5], [119.3, 34.7], [119.1, 34.7], [119.1, 34.5]]
    square = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"name": "新海街道", "district": "海州区"}, "geometry": square}
    Path("t.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    assert run("layers", "add", "districts", str(SAMPLES / "districts.geojson"))[0] == 0
    assert run("layers", "add", "stations", "stations.csv")[0] == 0
    assert run("observations", "add", "days.csv")[0] == 0
    report = ("observations", "report", "--year", "2021", "--output", "r.csv")
    code, _, said = run(*report)
    assert (code, "1 stations placed by the boundaries of layer districts" in said) == (0, True)
    assert pd.read_csv("r.csv")[["name", "pm25"]].values.tolist() == [["全市", 45.0], ["东区", 60.0], ["海州区", 30.0]]
    code, _, said = run(*report, "--by", "township")
    assert (code, "no station has a township" in said) == (2, True)
    assert run("layers", "add", "townships", "t.geojson")[0] == 0
    assert run(*report, "--by", "township")[0] == 0
    assert pd.read_csv("r.csv")[["kind", "name", "pm25"]].values.tolist()[1] == ["township", "新海街道", 45.0]
