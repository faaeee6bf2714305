"""The year and its targets, by hand."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InvalidInput, MissingData
from layers.assessment import LIMITS, assess, composite_index, valid_days_needed
from layers.observation_report import Measured, Period, period, report
from layers.targets import progress


def daily(count: int, name: str = "海州区", start: str = "2021-01-01", **values: float) -> pd.DataFrame:
    clean = {"pm25": 20.0, "pm10": 40.0, "so2": 6.0, "no2": 20.0, "co": 1.0, "o3_8h": 80.0, "o3_1h": 90.0}
    return pd.DataFrame({"date": pd.date_range(start, periods=count), "name": name, **clean, **values})


def test_the_composite_index_by_hand():
    assert composite_index({name: limit for name, limit in LIMITS.items()}) == 6.0
    row = assess(daily(365), year=2021).iloc[0]
    # 6/60 + 20/40 + 40/70 + 20/35 + 1/4 + 80/160
    assert row["composite_index"] == pytest.approx(0.1 + 0.5 + 0.571429 + 0.571429 + 0.25 + 0.5, abs=5e-4)
    assert (row["complete"], row["good_days"], row["good_day_ratio_pct"]) == (True, 365, 100.0)


def test_percentiles_and_good_days():
    table = daily(10)
    table["o3_8h"] = np.arange(100.0, 200.0, 10)
    table["co"] = np.arange(0.1, 1.05, 0.1)
    row = assess(table, year=2021).iloc[0]
    assert row["o3_8h_90"] == 181.0
    assert row["co_95"] == 0.955
    assert (row["aqi_days"], row["good_days"], row["good_day_ratio_pct"]) == (
        10,
        7,
        70.0,
    )  # 170, 180, 190 are above 160


def test_a_day_without_all_its_pollutants_counts_only_if_it_is_polluted():
    table = daily(4)
    table.loc[0, "o3_8h"] = np.nan
    table.loc[1, ["o3_8h", "pm25"]] = [np.nan, 200.0]
    row = assess(table, year=2021).iloc[0]
    assert (row["aqi_days"], row["good_days"]) == (3, 2)


@pytest.mark.parametrize(
    ("days", "month", "complete"),
    [(324, None, True), (323, None, False), (27, 1, True), (26, 1, False), (25, 2, True), (24, 2, False)],
)
def test_how_many_days_a_year_and_a_month_need(days, month, complete):
    assert valid_days_needed(2021, month) == {None: 324, 1: 27, 2: 25}[month]
    start = "2021-02-01" if month == 2 else "2021-01-01"
    assert assess(daily(days, start=start), year=2021, month=month).iloc[0]["complete"] == complete


def test_ranks_go_from_the_cleanest_and_leave_out_the_incomplete():
    table = pd.concat([daily(30, "甲", pm25=30.0), daily(30, "乙"), daily(30, "丙", o3_8h=np.nan, pm25=10.0)])
    found = assess(table, year=2021).set_index("name")
    assert found.loc[["甲", "乙"], "rank"].tolist() == [2, 1]
    assert pd.isna(found.loc["丙", "rank"])
    assert found.loc[["甲", "乙", "丙"], "rank_pm25"].tolist() == [3, 2, 1]
    with pytest.raises(MissingData, match="no daily values in 2020"):
        assess(table, year=2020)


def test_what_the_rest_of_the_year_may_average():
    table = pd.concat(
        [
            daily(200, "甲", pm25=30.0),
            daily(200, "乙", pm25=90.0),
            daily(365, "丙", pm25=36.0),
            daily(365, "丁", pm25=36.1),
        ]
    )
    few = daily(2, "戊")
    few["date"] += pd.Timedelta(days=300)
    targets = pd.DataFrame(
        {"name": list("甲乙丙丁戊"), "pm25_target_ug_m3": 36.0, "target_year": 2021, "good_day_ratio_target_pct": 81.3}
    )
    found = progress(assess(pd.concat([table, few]), year=2021), targets, year=2021).set_index("name")
    assert found.loc["甲", "pm25_rest_may_average"] == 43.3  # (36 * 365 - 30 * 200) / 165
    assert found.loc["乙", "pm25_rest_may_average"] == -29.5
    assert found.loc[list("甲乙丙丁戊"), "pm25_state"].tolist() == [
        "on_track",
        "out_of_reach",
        "met",
        "missed",
        "too_few_days",
    ]
    assert found.loc["甲", "good_days_rest_must_be_pct"] == 58.6  # (81.3 * 365 - 100 * 200) / 165
    assert found.loc[list("甲乙丙戊"), "good_days_state"].tolist() == [
        "on_track",
        "out_of_reach",
        "met",
        "too_few_days",
    ]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"name": ["甲"]}, "targets need the columns name and one of"),
        ({"name": ["甲"], "pm25_target_ug_m3": [1], "target_year": [2020]}, "the targets are of 2020, not of 2021"),
        ({"name": ["甲", "甲"], "pm25_target_ug_m3": [1, 2]}, "two targets for 甲"),
    ],
)
def test_targets_that_cannot_be_used(targets, message):
    with pytest.raises(InvalidInput, match=message):
        progress(assess(daily(10, "甲"), year=2021), pd.DataFrame(targets), year=2021)


def test_observations_of_unknown_stations_are_told():
    times = pd.date_range("2021-05-01", periods=24, freq="h", tz="Asia/Shanghai").tz_convert("UTC")
    rows = [(name, time, "pm25", 5.0, "") for name in ("a", *(f"u{n:02d}" for n in range(12))) for time in times]
    measured = Measured(pd.DataFrame(rows, columns=["station_id", "time", "pollutant", "value", "flag"]))
    stations = gpd.GeoDataFrame({"id": ["a"], "name": ["甲"]}, geometry=shapely.points([[119.0, 34.5]]), crs=4326)
    _, notes = report(stations, measured, Period(2021), by="station")
    assert any("does not have, left out: u00, u01" in note and note.endswith("u09 and 2 more") for note in notes)
    with pytest.raises(MissingData, match=r"are of stations that the layer does not have \(a, u00"):
        report(stations.assign(id="z"), measured, Period(2021), by="station")


def test_the_report_of_districts_and_the_city():
    start, end = period(2021, 5)
    assert (start, end) == (pd.Timestamp("2021-05-01T00:00+08:00"), pd.Timestamp("2021-06-01T01:00+08:00"))
    hours = pd.date_range(start, periods=48, freq="h").tz_convert("UTC")
    values = {"a": 10.0, "b": 30.0, "c": 50.0, "m": 500.0}
    rows = [(station, hour, "pm25", value, "") for station, value in values.items() for hour in hours]
    observations = pd.DataFrame(rows, columns=["station_id", "time", "pollutant", "value", "flag"])
    stations = gpd.GeoDataFrame(
        {
            "id": list("abcmx"),
            "name": ["甲", "乙", "丙", "微", "甲"],
            "level": ["national", "national", "township", "micro", "national"],
            "district": ["东", "西", "西", "东", "东"],
        },
        geometry=shapely.points(np.full((5, 2), [119.0, 34.5])),
        crs=4326,
    )
    table, notes = report(stations, Measured(observations), Period(2021, 5))
    assert table[["kind", "name", "pm25"]].values.tolist() == [
        ["city", "全市", 20.0],
        ["district", "东", 10.0],
        ["district", "西", 40.0],
    ]
    assert notes[0] == "one name, several ids: 甲 (a, x); each counts for itself"
    single, _ = report(stations, Measured(observations), Period(2021, 5), by="station", levels=["micro"])
    assert single[["kind", "name", "pm25"]].values.tolist() == [["station", "m", 500.0]]
    with pytest.raises(InvalidInput, match="targets are yearly"):
        report(stations, Measured(observations), Period(2021, 5), targets=pd.DataFrame())
    with pytest.raises(MissingData, match="no station has a district"):
        report(stations.drop(columns="district"), Measured(observations), Period(2021))
    with pytest.raises(MissingData, match="no observations of the stations in 2021"):
        report(stations, Measured(observations.iloc[:0]), Period(2021))
