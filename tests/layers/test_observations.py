"""Station tables, long and wide, with the traps that real ones hold; the store by month."""

import gzip

import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput, SourceUnavailable
from layers.observations import read_observations


def save(folder, text, name="o.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_a_wide_table_in_chinese(tmp_path):
    text = (
        "监测时间,站点编号,PM2.5,PM10(μg/m³),CO(mg/m3),O3_8h\n"
        "2024/5/1 8:00,1173A,35,-9999,0.8,100\n"
        "2024/5/1 9:00,1173A,-;,60,NA,90\n"
    )
    report = read_observations(save(tmp_path, text, encoding="gb18030"))
    assert report.accepted.values.tolist() == [
        ["1173A", pd.Timestamp("2024-05-01T00:00Z"), "pm25", 35.0, "ug/m3", ""],
        ["1173A", pd.Timestamp("2024-05-01T00:00Z"), "co", 0.8, "mg/m3", ""],
        ["1173A", pd.Timestamp("2024-05-01T01:00Z"), "pm10", 60.0, "ug/m3", ""],
    ]
    assert (report.total, report.gaps, report.good, report.refused) == (2, 3, 3, False)
    assert report.notes == ["2 times name no zone; taken as Asia/Shanghai", "columns not used: O3_8h"]


def test_a_long_table_with_units_flags_and_zones(tmp_path):
    text = (
        "station_id,time,pollutant,value,unit,flag\n"
        "a,2024-05-01T00:00:00Z,CO,800,ug/m3,H\n"
        "a,2024-05-01T00:00:00Z,PM2.5,0.05,mg/m3,\n"
        "a,2024-05-01T00:00:00Z,SO2,-3,ug/m3,\n"
    )
    rows = read_observations(save(tmp_path, text)).accepted
    assert rows[["pollutant", "value", "unit", "flag"]].values.tolist() == [
        ["co", 0.8, "mg/m3", "H"],
        ["pm25", 50.0, "ug/m3", ""],
        ["so2", -3.0, "ug/m3", "negative"],
    ]
    assert rows["time"].dtype == "datetime64[ms, UTC]"


def test_generated_values_say_so(tmp_path):
    text = (
        "station_id,time,pollutant,value,flag,synthetic\na,2024-05-01T00Z,so2,-3,H,true\na,2024-05-01T00Z,o3,3,,false\n"
    )
    rows = read_observations(save(tmp_path, text)).accepted
    assert rows["flag"].tolist() == ["H;synthetic;negative", ""]
    wide = "station_id,time,pm25,synthetic\na,2024-05-01T00Z,3,1\n"
    report = read_observations(save(tmp_path, wide))
    assert report.accepted["flag"].tolist() == ["synthetic"]
    assert report.notes == []


def test_what_is_wrong_is_named_and_nothing_is_taken(tmp_path):
    text = "station_id,time,pm25,so2\na,2024-05-01T00Z,5,x\n,2024-05-01T00Z,5,6\na,noon,5,6\na,2024-05-01T00Z,7,8\n"
    report = read_observations(save(tmp_path, text))
    assert report.refused
    assert len(report.accepted) == 0
    assert report.rejected[["row", "line", "column", "value", "reason_en"]].values.tolist() == [
        [1, 2, "so2", "x", "is not a number"],
        [2, 3, "station_id", None, "the station is empty"],
        [3, 4, "time", "noon", "is not a time"],
        [4, 5, "pm25", 7.0, "another value is given for this station, time and pollutant"],
    ]
    taken = read_observations(save(tmp_path, text), accept_good=True).accepted
    assert taken[["pollutant", "value"]].values.tolist() == [["pm25", 5.0], ["so2", 8.0]]


def test_what_no_instrument_gives_and_nobody_measured_is_refused(tmp_path):
    text = (
        "station_id,time,pm25,CO(mg/m3),O3(mg/m3)\n"
        "a,2024-05-01T00Z,99999,1,0.1\n"
        "a,1899-12-30T00Z,5,1,0.1\n"
        "a,2024-05-01T01Z,19999,1,11\n"
        "a,2199-05-01T01Z,5,1,0.1\n"
    )
    report = read_observations(save(tmp_path, text), accept_good=True)
    assert report.rejected[["row", "column", "value", "reason_en"]].values.tolist() == [
        [1, "pm25", "99999", "is above what instruments measure"],
        [2, "time", "1899-12-30T00Z", "is a time before 1970"],
        [3, "O3(mg/m3)", "11", "is above what instruments measure"],
    ]
    assert len(report.accepted) == 2 + 2 + 3
    assert (report.gaps, report.total) == (0, 4)
    assert report.notes == ["1 rows are of times to come; check the dates"]


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty; it needs"), ("station_id,time,pm25\n", "has no rows under")]
)
def test_an_empty_table_is_told(tmp_path, text, message):
    with pytest.raises(InvalidInput, match=f"o.csv {message}"):
        read_observations(save(tmp_path, text))


@pytest.mark.parametrize("date", ["2021-05-02", "5/2/2021", "2021/5/2", "2021年5月2日", "44318", "20210502"])
def test_a_date_beside_an_hour_in_every_spelling(tmp_path, date):
    text = f"站点编号,日期,小时,PM2.5\n1173A,{date},2,30\n"
    report = read_observations(save(tmp_path, text, encoding="gb18030"))
    assert report.accepted["time"].tolist() == [pd.Timestamp("2021-05-01T18:00Z")]


def test_a_date_beside_a_clock(tmp_path):
    report = read_observations(save(tmp_path, "站点,日期,时间,PM2.5\na,2021/5/2,8:00,30\na,2021/5/2,24:00,31\n"))
    assert report.accepted["time"].tolist() == [pd.Timestamp("2021-05-02T00:00Z"), pd.Timestamp("2021-05-02T16:00Z")]


def test_a_value_given_twice_alike_is_kept_once(tmp_path):
    text = "station_id,time,pm25\na,2024-05-01T00Z,5\na,2024-05-01T00Z,5\n"
    report = read_observations(save(tmp_path, text))
    assert len(report.accepted) == 1
    assert "1 values given twice, kept once" in report.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,pm25\n2024-05-01T00Z,1\n", "no column for the station"),
        ("station_id,pm25\na,1\n", "no column for the time"),
        ("station_id,time,temp\na,2024-05-01T00Z,1\n", "neither columns pollutant and value nor one of pm25"),
        ("station_id,time,pm25(ppm)\na,2024-05-01T00Z,1\n", "unknown unit 'ppm' of pm25"),
        ("station_id,time,CO\na,2024-05-01T00Z,700\n", r"CO of 700 mg/m3 on average cannot be.*CO\(ug/m3\)"),
        ("station_id,time,pollutant,value\na,2024-05-01T00Z,,1\n", "the pollutant is empty in row 1"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_clear_line(tmp_path, text, message):
    with pytest.raises(InvalidInput, match=message):
        read_observations(save(tmp_path, text))


def test_other_files(tmp_path):
    with pytest.raises(SourceUnavailable, match="there is no file"):
        read_observations(tmp_path / "no.csv")
    with pytest.raises(InvalidInput, match="unknown extension '.doc'"):
        read_observations(save(tmp_path, "x", name="a.doc"))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"station_id,time,pm25\na,2024-05-01T00Z,5\n")[:-9])
    with pytest.raises(InvalidInput, match="not a gzip file or is cut off"):
        read_observations(tmp_path / "a.csv.gz")


def test_date_and_hour_columns_and_another_zone(tmp_path):
    text = "date,hour,station,pm25\n20240501,0,a,5\n20240501,23,a,6\n"
    rows = read_observations(save(tmp_path, text), timezone="UTC").accepted
    assert rows["time"].tolist() == [pd.Timestamp("2024-05-01T00:00Z"), pd.Timestamp("2024-05-01T23:00Z")]


@pytest.fixture
def hours() -> pd.DataFrame:
    times = pd.date_range("2024-04-30T12:00", periods=10, freq="h", tz="UTC")
    rows = [(s, t, p, float(i), "ug/m3", "") for s in "ba" for i, t in enumerate(times) for p in ("pm25", "o3")]
    return pd.DataFrame(rows, columns=["station_id", "time", "pollutant", "value", "unit", "flag"])


def test_the_store_appends_corrects_and_never_repeats(workspace, hours):
    store = workspace.observations
    assert store.read().empty
    assert store.time_range() is None
    assert store.add(hours.iloc[:20]) == {"added": 20, "corrected": 0, "unchanged": 0}
    changed = hours.assign(value=hours["value"].where(hours.index != 3, 99.0))
    assert store.add(changed) == {"added": 20, "corrected": 1, "unchanged": 19}
    assert store.add(changed) == {"added": 0, "corrected": 0, "unchanged": 40}
    assert store.months() == ["2024-04", "2024-05"]
    back = store.read()
    assert len(back) == 40
    assert back[["station_id", "time", "pollutant"]].apply(tuple, axis=1).is_monotonic_increasing
    fixed = back[(back["station_id"] == "b") & (back["time"] == hours["time"][3]) & (back["pollutant"] == "o3")]
    assert fixed["value"].tolist() == [99.0]
    assert store.time_range() == (hours["time"].min(), hours["time"].max())


def test_reading_takes_stations_times_and_pollutants(workspace, hours):
    store = workspace.observations
    store.add(hours)
    found = store.read(stations=["a"], pollutants=["pm25"], start="2024-04-30T22:00+08:00", end="2024-04-30T17:00Z")
    assert found["value"].tolist() == [2.0, 3.0, 4.0]
    assert found["time"].dtype == "datetime64[ms, UTC]"
    assert store.read(stations=["z"]).empty
    with pytest.raises(InvalidInput, match="has no zone"):
        store.read(start="2024-05-01")


def test_the_newest_hours_are_read_without_the_month_around_them(workspace):
    store = workspace.observations
    assert store.latest().empty
    times = pd.date_range("2024-04-20", "2024-05-01T05:00", freq="h", tz="UTC")
    rows = [(s, t, "pm25", float(i), "ug/m3", "") for i, t in enumerate(times) for s in "cab"]
    table = pd.DataFrame(rows, columns=["station_id", "time", "pollutant", "value", "unit", "flag"])
    store.add(table)
    recent = store.manifest().recent
    assert recent is not None
    assert (recent.rows, recent.last - recent.first) == (48 * 3, 47 * 3_600_000)
    assert store.latest()[["station_id", "value"]].values.tolist() == [[s, len(times) - 1.0] for s in "abc"]
    # The same rows come back, in the same order, whichever file they are read from.
    whole = store.read()
    for hours_back in (1, 24, 47, 48, 49, 100):
        start = times[-1] - pd.Timedelta(hours=hours_back - 1)
        expected = whole[whole["time"] >= start].reset_index(drop=True)
        pd.testing.assert_frame_equal(store.read(start=start), expected)
    assert store.add(table.iloc[:3].assign(value=-1.0))["corrected"] == 3
    assert store.manifest().recent == recent
    store.add(table.iloc[-3:].assign(value=7.0))
    assert set(store.latest()["value"]) == {7.0}
    assert len(workspace.backend.files.names("observations_recent")) == 1
    assert len(workspace.backend.files.names("observations")) == 2


def test_the_store_refuses_what_it_cannot_tell_apart(workspace, hours):
    store = workspace.observations
    with pytest.raises(InvalidInput, match="two values for station b"):
        store.add(pd.concat([hours, hours.iloc[:1]]))
    with pytest.raises(InvalidInput, match="no column unit"):
        store.add(hours.drop(columns="unit"))
    with pytest.raises(InvalidInput, match="no zone"):
        store.add(hours.assign(time=hours["time"].dt.tz_localize(None)))
    with pytest.raises(InvalidInput, match="lacks its station"):
        store.add(hours.assign(station_id=[None] + ["a"] * 39).drop_duplicates(["time", "pollutant", "station_id"]))
    assert store.months() == []


def test_a_damaged_month_is_one_clear_line(workspace, hours):
    store = workspace.observations
    store.add(hours)
    name = store.manifest().months["2024-05"].name
    workspace.backend.files.put(name, lambda part: part.write_bytes(b"junk"))
    with pytest.raises(SourceUnavailable, match=r"cannot read .*2024-05\.[0-9a-f]{16}\.parquet.*restore a copy"):
        store.read()
    with pytest.raises(SourceUnavailable, match=r"2024-05\.[0-9a-f]{16}\.parquet is damaged"):
        store.verify()
    workspace.backend.files.remove(name)
    with pytest.raises(SourceUnavailable, match=r"2024-05.*is missing; restore a copy"):
        store.read()


@pytest.fixture(scope="module")
def beijing(shared_data):
    """Four years of twelve stations as they are read, and the file itself."""
    path = shared_data / "observations/beijing_12_stations_2013_2017.csv.gz"
    return read_observations(path, units={"co": "ug/m3"}), pd.read_csv(path, low_memory=False, na_values=[" "])


def test_four_real_years_go_in_and_come_out(workspace, beijing):
    report, raw = beijing  # one SO2 value of the file is a blank
    given = raw[["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"]]
    assert (report.total, report.good, report.gaps) == (len(raw), given.count().sum(), given.isna().to_numpy().sum())
    store = workspace.observations
    assert store.add(report.accepted)["added"] == report.good
    back = store.read(stations=["Dongsi"], pollutants=["co"])
    expected = raw.loc[raw["station"] == "Dongsi", "CO"].dropna() / 1000
    np.testing.assert_allclose(back["value"], expected)
    assert back["time"].iloc[0] == pd.Timestamp("2013-03-01T00:00+08:00")
    store.verify()
