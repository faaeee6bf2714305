"""Values of whole days: told from hours, read with their traps, kept apart, joined with what the hours make."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InvalidInput
from layers.daily_columns import DAILY_UNITS, daily_name, period_of
from layers.daily_values import daily_values
from layers.means import DAILY_COLUMNS
from layers.move import check, move
from layers.observation_report import Measured, Period, daily_report, report
from layers.observation_store import empty
from layers.observations import read_observations
from layers.store import Workspace

NATIONAL = ["id", "y", "m", "d", "lon", "lat", "SO2", "NO2", "CO", "O3_8h", "PM10", "PM2.5"]


def save(folder, text, name="d.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("table", "period"),
    [
        ({"date": ["2024-05-01", "2024-05-02"]}, "daily"),
        ({"日期": ["2024/5/1"]}, "daily"),
        ({"监测日期": ["45413", "45414"]}, "daily"),
        ({"date": ["2024-05-01 00:00:00", "2024-05-02 00:00:00"]}, "daily"),
        ({"date": ["2024-05-01 00:00"]}, "hourly"),
        ({"date": ["2024-05-01", "2024-05-01 08:00"]}, "hourly"),
        ({"date": ["2024-05-01"], "hour": ["0"]}, "hourly"),
        ({"日期": ["2024-05-01"], "时间": ["0:00"]}, "hourly"),
        ({"time": ["2024-05-01"]}, "hourly"),
        ({"year": ["2024"], "month": ["5"], "day": ["1"]}, "daily"),
        ({"年": ["2024"], "月": ["5"], "日": ["1"], "时": ["3"]}, "hourly"),
        ({"date": ["soon"]}, "hourly"),
        ({"station_id": ["a"]}, "hourly"),
    ],
)
def test_days_are_told_from_hours(table, period):
    assert period_of(pd.DataFrame(table, dtype="str")) == period


def test_names_of_daily_values():
    told = {"PM2.5": "pm25", "细颗粒物24小时平均": "pm25", "CO_24h": "co", "O3_8h_24h": "o3_8h", "臭氧8小时": "o3_8h"}
    told |= {"O3_1h": "o3_1h", "O3": "o3", "NO2(μg/m³)": "no2", "VOC": "voc"}
    assert {text: daily_name(text) for text in told} == told


def test_a_wide_table_of_days_in_chinese(tmp_path):
    text = (
        "日期,站点编号,PM2.5,CO(ug/m3),O3_8h,O3,AQI\n2024/5/1,1173A,35,800,100,60,50\n2024/5/2,1173A,-9999,-;,90,NA,\n"
    )
    found = read_observations(save(tmp_path, text, encoding="gb18030"))
    assert found.period == "daily"
    day = pd.Timestamp("2024-04-30T16:00Z")
    assert found.accepted[["time", "pollutant", "value", "unit"]].values.tolist() == [
        [day, "pm25", 35.0, "ug/m3"],
        [day, "co", 0.8, "mg/m3"],
        [day, "o3_8h", 100.0, "ug/m3"],
        [day, "o3", 60.0, "ug/m3"],
        [day + pd.Timedelta(days=1), "o3_8h", 90.0, "ug/m3"],
    ]
    assert (found.total, found.gaps, found.good) == (2, 3, 5)
    assert found.notes == [
        "days without hours: taken as daily values; say --period hourly if they are hours",
        "columns not used: AQI",
        "O3 without averaging time is kept as o3 and has no index: call it O3_8h if it is the day's largest 8-h mean",
    ]


def test_a_zone_does_not_move_a_day_and_two_values_for_a_day_are_refused(tmp_path):
    text = "date,station_id,pm25\n2024-05-01T00:00Z,a,5\n2024-05-01T00:00+08:00,a,6\n2024-05-02T00:00+08:00,a,7\n"
    found = read_observations(save(tmp_path, text), period="daily", accept_good=True)
    assert found.accepted["time"].tolist() == [pd.Timestamp("2024-04-30T16:00Z"), pd.Timestamp("2024-05-01T16:00Z")]
    assert found.rejected[["row", "column", "value"]].values.tolist() == [[2, "pm25", 6.0]]


def test_swapped_ozone_of_days_is_put_right(tmp_path):
    rng = np.random.default_rng(3)
    hour = rng.uniform(60, 200, 30).round()
    days = pd.date_range("2024-05-01", periods=30).strftime("%Y-%m-%d")
    table = pd.DataFrame({"date": days, "station_id": "a", "O3_1h": (hour * 0.8).round(), "O3_8h": hour})
    found = read_observations(table)
    values = found.accepted.pivot(index="time", columns="pollutant", values="value")
    np.testing.assert_array_equal(values["o3_1h"], hour)
    assert any("swapped in this file (O3_1h, O3_8h)" in note for note in found.notes)
    honest = read_observations(table.rename(columns={"O3_1h": "O3_8h", "O3_8h": "O3_1h"}))
    pd.testing.assert_frame_equal(
        honest.accepted.sort_values(["time", "pollutant"], ignore_index=True),
        found.accepted.sort_values(["time", "pollutant"], ignore_index=True),
    )
    assert not any("swapped" in note for note in honest.notes)


def test_swapped_ozone_of_hours_in_a_wide_table_is_put_right():
    rng = np.random.default_rng(4)
    hour = pd.Series(rng.uniform(20, 160, 120).round())
    eight = hour.rolling(8, min_periods=6).mean().round(1)
    times = pd.date_range("2024-05-01", periods=120, freq="h", tz="UTC")
    table = pd.DataFrame({"time": times, "station_id": "a", "O3": eight, "O3_8h": hour})
    found = read_observations(table)
    assert found.accepted["value"].tolist() == hour.tolist()
    assert any("swapped in this file (O3, O3_8h)" in note for note in found.notes)
    right = read_observations(table.rename(columns={"O3": "O3_8h", "O3_8h": "O3"}))
    assert right.accepted["value"].tolist() == hour.tolist()
    assert not any("swapped" in note for note in right.notes)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("date,pm25\n2024-05-01,1\n", {}, "has no column for the station"),
        ("date,station_id,voc\n2024-05-01,a,1\n", {}, "has neither columns pollutant and value nor one of pm25"),
        ("station_id,pm25\na,1\n", {"period": "daily"}, "has no column for the day"),
        ("date,station_id,pm25\n2024-05-01,a,1\n", {"period": "weekly"}, "unknown period 'weekly'"),
        ("70004 2017 4 11 14\n", {}, "line 1 holds numbers, not names: name the columns with --columns"),
        ("a 2024 5 1 9\n", {"columns": ["id", "y", "m", "pm25"]}, "line 1 has 5 cells, but 4 are named"),
        ("date,station_id,co\n2024-05-01,a,800\n", {}, "CO of 800 mg/m3 on average cannot be"),
        ("date,station_id,PM2.5,pm25\n2024-05-01,a,1,2\n", {}, "two columns for one pollutant"),
    ],
)
def test_bad_tables_of_days(tmp_path, text, options, message):
    with pytest.raises(InvalidInput, match=message):
        read_observations(save(tmp_path, text, "d.txt"), **options)


def test_the_national_day_goes_in_and_comes_out(shared_data, workspace):
    path = shared_data / "observations" / "china_daily_2017-04-11.txt"
    found = read_observations(path, columns=NATIONAL)
    raw = pd.DataFrame(np.loadtxt(path), columns=NATIONAL).drop_duplicates()
    assert (found.period, len(found.rejected), found.total) == ("daily", 0, 1449)
    assert workspace.daily.add(found.accepted)["added"] == int((raw[NATIONAL[6:]] >= 0).sum().sum())
    assert workspace.daily.add(found.accepted) == {"added": 0, "corrected": 0, "unchanged": len(found.accepted)}
    assert workspace.observations.read().empty
    held = workspace.daily.read(pollutants=["pm25"]).set_index("station_id")["value"]
    expected = raw.set_index(raw["id"].astype(int).astype(str))["PM2.5"]
    pd.testing.assert_series_equal(held.sort_index(), expected[expected >= 0].sort_index(), check_names=False)
    ids = workspace.daily.read()["station_id"].unique()
    stations = gpd.GeoDataFrame({"id": ids, "name": ids}, geometry=[None] * len(ids), crs=4326)
    table, notes = daily_report(stations, Measured(empty(), workspace.daily.read()), Period(2017, 4))
    row = table.set_index("name").loc["70004"]
    # PM2.5 48: 50 + 50 * 13 / 40 = 66.25; O3 127: 50 + 50 * 27 / 60 = 72.5; both rounded up.
    assert (row["date"], row["iaqi_pm25"], row["aqi"], row["primary"]) == ("2017-04-11", 67, 73, "o3_8h")
    assert notes == [f"{len(found.accepted)} daily values are as given, not computed from hours"]


def hours(value: float, count: int, start: str = "2024-05-01") -> pd.DataFrame:
    times = pd.date_range(start, periods=count, freq="h", tz="Asia/Shanghai").tz_convert("UTC")
    return pd.DataFrame({"station_id": "a", "time": times, "pollutant": "pm25", "value": value, "flag": ""})


def days(**values: float) -> pd.DataFrame:
    """Values of pm25 by day of May, such as d1=30.0."""
    times = [pd.Timestamp(f"2024-05-{int(day[1:]):02d}", tz="Asia/Shanghai").tz_convert("UTC") for day in values]
    rows = {
        "station_id": "a",
        "time": times,
        "pollutant": "pm25",
        "value": values.values(),
        "flag": "",
        "unit": "ug/m3",
    }
    return pd.DataFrame(rows).astype({"time": "datetime64[ms, UTC]"})


def test_hours_go_before_days_as_given_and_days_fill_what_hours_do_not_make():
    given = pd.concat([days(d1=99.0, d2=40.0, d3=50.0, d4=-1.0), days(d5=60.0).assign(flag="H;stuck")])
    both, count = daily_values(hours(10.0, 24 + 19), given, leave_out=["stuck"])
    assert both.dropna(subset="pm25")[["date", "pm25"]].values.tolist() == [
        [pd.Timestamp("2024-05-01"), 10.0],  # 24 hours
        [pd.Timestamp("2024-05-02"), 40.0],  # 19 hours are too few
        [pd.Timestamp("2024-05-03"), 50.0],  # no hours
    ]
    assert count == 2
    assert list(both.columns) == ["date", "station_id", *DAILY_COLUMNS]
    only, count = daily_values(empty(), given)
    assert (only["pm25"].tolist(), count) == ([99.0, 40.0, 50.0, 60.0], 4)


def stations() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "id": list("abc"),
            "name": list("甲乙丙"),
            "level": ["national", "township", "township"],
            "township": ["东镇", "东镇", "西街道"],
        },
        geometry=shapely.points(np.full((3, 2), [119.0, 34.5])),
        crs=4326,
    )


def test_townships_are_ranked():
    table = pd.concat([days(d1=v, d2=v + 10).assign(station_id=name) for name, v in (("a", 10), ("b", 30), ("c", 60))])
    found, notes = report(stations(), Measured(empty(), table), Period(2024), by="township")
    assert found[["kind", "name", "pm25", "rank_pm25"]].values.tolist() == [
        ["city", "全市", 15.0, 1],
        ["township", "东镇", 25.0, 1],
        ["township", "西街道", 65.0, 2],
    ]
    assert "6 daily values are as given, not computed from hours" in notes
    daily, _ = daily_report(stations(), Measured(empty(), table), Period(2024, 5), by="township")
    assert daily[["name", "date", "pm25", "n_stations", "aqi"]].values.tolist() == [
        ["全市", "2024-05-01", 10.0, 1, 15],
        ["全市", "2024-05-02", 20.0, 1, 29],
        ["东镇", "2024-05-01", 20.0, 2, 29],
        ["东镇", "2024-05-02", 30.0, 2, 43],
        ["西街道", "2024-05-01", 60.0, 1, 82],
        ["西街道", "2024-05-02", 70.0, 1, 94],
    ]


def test_days_and_hours_lie_apart_and_move_together(open_store, tmp_path):
    store = open_store()
    store.observations.add(hours(1.0, 3).assign(unit="ug/m3"))
    assert store.daily.add(days(d1=5.0, d31=6.0)) == {"added": 2, "corrected": 0, "unchanged": 0}
    assert store.daily.add(days(d1=7.0)) == {"added": 0, "corrected": 1, "unchanged": 0}
    again = open_store()
    assert again.daily.months() == ["2024-05"]
    assert again.daily.read()["value"].tolist() == [7.0, 6.0]
    assert len(again.observations.read()) == 3
    target = Workspace(tmp_path / "copy")
    assert move(again, target).months == 2
    pd.testing.assert_frame_equal(target.daily.read(), again.daily.read())
    assert check(target) == check(again) == 4
    assert set(DAILY_UNITS) >= set(again.daily.read()["pollutant"])
