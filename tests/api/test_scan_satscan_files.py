"""`suyuan hotspots scan` on SaTScan's own files, and the time steps that its parameter files ask for."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.cli import main

PRM = """[Input]
;case data filename
CaseFile=C:\\Studies\\fires.cas
ControlFile=
PrecisionCaseTimes=3
StartDate=2021/1/1
EndDate=2021/6/30
PopulationFile=
CoordinatesFile=fires.geo
CoordinatesType=1
[Analysis]
AnalysisType=4
ModelType=2
ScanAreas=1
TimeAggregationUnits=3
TimeAggregationLength=7
[Spatial Window]
MaxSpatialSizeInPopulationAtRisk=50
UseDistanceFromCenterOption=y
MaxSpatialSizeInDistanceFromCenter=20
[Temporal Window]
MaxTemporalSizeInterpretation=0
MaxTemporalSize=10
[Inference]
MonteCarloReps=99
"""


@pytest.fixture
def scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> tuple[int, str, list[dict]]:
        out = tmp_path / "out.geojson"
        out.unlink(missing_ok=True)
        whole = ["hotspots", "scan", *map(str, arguments), "--output", str(out), "--workspace", str(tmp_path / "ws")]
        code = main(whole)
        found = json.loads(out.read_text(encoding="utf-8"))["features"] if out.exists() else []
        return code, capsys.readouterr().err, [feature["properties"] for feature in found]

    return run


@pytest.fixture
def study(tmp_path: Path) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    days = pd.date_range("2021-01-01", "2021-06-30")
    table = pd.DataFrame({"id": rng.integers(1, 13, 150), "cases": 1, "time": rng.choice(days, 150)})
    late = pd.DataFrame({"id": 4, "cases": 2, "time": pd.date_range("2021-06-18", "2021-06-29")})
    table = pd.concat([table, late], ignore_index=True)
    table["lat"], table["lon"] = 34.5, 119.0 + 0.05 * table["id"]
    table["time"] = table["time"].dt.strftime("%Y/%m/%d")
    table[["id", "cases", "time"]].to_csv(tmp_path / "fires.cas", sep=" ", header=False, index=False)
    places = table[["id", "lat", "lon"]].drop_duplicates()
    places.to_csv(tmp_path / "fires.geo", sep="\t", header=False, index=False)
    (tmp_path / "fires.prm").write_text(PRM, encoding="utf-8")
    table.to_csv(tmp_path / "fires.csv", index=False)
    return table


def test_a_parameter_file_is_the_same_study_as_its_options(scan, study: pd.DataFrame, tmp_path: Path) -> None:
    code, said, told = scan(tmp_path / "fires.prm")
    assert (code, said) == (0, "")
    options = "--time time --id id --model space-time-permutation --prospective --max-radius-km 20 --replications 99"
    steps = "--step day --step-length 7 --max-time-share 0.1 --start 2021-01-01 --end 2021-06-30"
    assert scan(tmp_path / "fires.csv", *options.split(), *steps.split())[2] == told
    apart = (tmp_path / "fires.cas", "--places", tmp_path / "fires.geo")
    assert scan(*apart, *options.split(), *steps.split())[2] == told
    # 181 days are 25 weeks, counted from the end, and six days; a tenth of 26 steps are two.
    assert (told[0]["members"], told[0]["start"], told[0]["end"]) == ("4", "2021-06-17", "2021-06-30")
    assert told[0]["recurrence_days"] == pytest.approx(7.0 / told[0]["p_value"])
    # What the user says goes before what the file says.
    assert scan(tmp_path / "fires.prm", "--max-time-share", 0.05)[2][0]["start"] == "2021-06-24"


def test_days_summed_to_months_are_months(scan, study: pd.DataFrame, tmp_path: Path) -> None:
    months = study.assign(time=study["time"].str[:7].str.replace("/", "-"))
    months.to_csv(tmp_path / "months.csv", index=False)
    options = "--time time --id id --model space-time-permutation --replications 19".split()
    by_month = scan(tmp_path / "months.csv", *options)[2]
    assert scan(tmp_path / "fires.csv", *options, "--step", "month")[2] == by_month
    assert by_month[0]["start"][-2:] == "01"
    code, said, _ = scan(tmp_path / "months.csv", *options, "--step", "day")
    assert (code, said.count("\n")) == (2, 1)
    assert "no times finer than a month" in said


def test_generic_times_are_numbers(scan, study: pd.DataFrame, tmp_path: Path) -> None:
    first = pd.Timestamp("2021-01-01")
    numbers = study.assign(time=(pd.to_datetime(study["time"]) - first).dt.days)
    numbers.to_csv(tmp_path / "numbers.csv", index=False)
    options = "--time time --id id --model space-time-permutation --replications 19 --max-days 7".split()
    one = scan(tmp_path / "numbers.csv", *options, "--step", "generic")[2]
    two = scan(tmp_path / "fires.csv", *options)[2]
    assert [cluster["llr"] for cluster in one] == [cluster["llr"] for cluster in two]
    assert int(one[0]["start"]) == (pd.Timestamp(two[0]["start"]) - first).days
    code, said, _ = scan(tmp_path / "fires.csv", *options, "--step", "generic")
    assert code == 2
    assert "not all whole numbers" in said


def test_controls_in_a_file_of_their_own(scan, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"id": [f"p{k}" for k in range(30)], "cases": rng.integers(0, 3, 30)})
    table["controls"], table["x"], table["y"] = rng.integers(0, 6, 30), rng.uniform(0, 9, 30), rng.uniform(0, 9, 30)
    table.to_csv(tmp_path / "one.csv", index=False)
    table[["id", "cases"]].to_csv(tmp_path / "a.cas", sep=" ", header=False, index=False)
    table[["id", "controls"]].to_csv(tmp_path / "a.ctl", sep=" ", header=False, index=False)
    table[["id", "x", "y"]].to_csv(tmp_path / "a.geo", sep=" ", header=False, index=False)
    options = "--model bernoulli --cartesian x,y --replications 99".split()
    whole = scan(tmp_path / "one.csv", *options, "--controls", "controls")[2]
    apart = scan(tmp_path / "a.cas", *options, "--controls", tmp_path / "a.ctl", "--places", tmp_path / "a.geo")
    assert apart[:2] == (0, "")
    assert apart[2] == whole
    text = "CaseFile=a.cas\nControlFile=a.ctl\nCoordinatesFile=a.geo\nCoordinatesType=0\nAnalysisType=1\nModelType=1\n"
    (tmp_path / "a.prm").write_text(text + "PrecisionCaseTimes=0\nMonteCarloReps=99\n", encoding="utf-8")
    assert scan(tmp_path / "a.prm")[2] == whole


BAD = {
    "low rates": ("ScanAreas=1", "ScanAreas=2", "scanareas=2 asks for a scan for low rates"),
    "ordinal": ("ModelType=2", "ModelType=3", "ModelType=3"),
    "no file": ("fires.cas", "nowhere.cas", "nowhere.cas: no such file"),
    "no date": ("2021/6/30", "tomorrow", "'tomorrow' is no date"),
    "no number": ("MonteCarloReps=99", "MonteCarloReps=many", "montecarloreps=many is not a number"),
    "share": ("PopulationAtRisk=50", "PopulationAtRisk=500", "max_share to 5.0"),
    "precision": ("PrecisionCaseTimes=3", "PrecisionCaseTimes=4", "do not go together"),
    "weekly": ("[Inference]", "AdjustForWeeklyTrends=y", "adjustforweeklytrends=y asks for an adjustment"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_parameter_files_end_with_2_and_one_line(name: str, scan, study: pd.DataFrame, tmp_path: Path) -> None:
    old, new, told = BAD[name]
    (tmp_path / "bad.prm").write_text(PRM.replace(old, new), encoding="utf-8")
    code, said, found = scan(tmp_path / "bad.prm")
    assert (code, said.count("\n"), found) == (2, 1, [])
    assert told in said
