"""`suyuan observations report` on the practice episode."""

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
