"""Tables as people keep them, with their index: by hand, and the real files with their counts."""

import datetime as dt

import numpy as np
import openpyxl
import pandas as pd
import pytest

from geo.errors import InvalidInput
from layers.aqi_tables import index_of_file, index_of_table
from layers.headerless_tables import read_headerless

NEW_DAILY = ["iaqi_pm25", "iaqi_pm10", "iaqi_so2", "iaqi_no2", "iaqi_co", "iaqi_o3_8h", "aqi", "primary", "standard"]


def save(folder, text, encoding="utf-8", name="t.csv"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def listed(column):
    return [None if pd.isna(value) else value for value in column]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_daily_table_keeps_its_columns_and_gets_its_index(tmp_path, encoding):
    text = (
        "日期,站点编号,PM2.5,PM10(μg/m³),二氧化硫,NO2,CO,O3_8h,天气\n"
        "2024-05-01,1173A,36,40,5,20,0.8,100,晴\n"
        "2024/5/2,1173A,115,250,5,-9999,NA,-;,雨\n"
        "5/3/2024,1173A,,-,--,,,,\n"
        "2026-02-28,1173A,60,50,5,5,0.5,100,\n"
        "46082,1173A,60,50,5,5,0.5,100,\n"
    )
    found = index_of_file(save(tmp_path, text, encoding))
    table = found.table
    assert found.kind == "daily"
    assert list(table.columns) == [*text.split("\n")[0].split(","), *NEW_DAILY]
    assert table["日期"].tolist() == ["2024-05-01", "2024-05-02", "2024-05-03", "2026-02-28", "2026-03-01"]
    assert listed(table["天气"])[:2] == ["晴", "雨"]
    assert listed(table["aqi"]) == [52, 150, None, 82, 100]
    assert listed(table["primary"]) == ["pm25", "pm25,pm10", None, "pm25", "pm25"]
    assert listed(table["iaqi_no2"]) == [25, None, None, 7, 7]
    assert table["standard"].tolist() == ["HJ 633-2012"] * 4 + ["HJ 633-2026"]
    assert listed(table["PM2.5"]) == [36, 115, None, 60, 60]


def test_a_gb18030_byte_order_mark_is_no_part_of_the_header(tmp_path):
    path = save(tmp_path, "\ufeffdate,pm25,天气\n2024-05-01,36,晴\n", "gb18030")
    assert list(index_of_file(path).table.columns[:3]) == ["date", "pm25", "天气"]


def test_an_hourly_table_in_any_zone(tmp_path):
    text = (
        "time,station_id,pm25,so2,so2_24h,o3,co_ug_m3\n"
        "2026-02-28T15:59:00Z,a,60,900,500,160,5000\n"
        "2026-03-01T00:00:00+08:00,a,60,900,500,160,5000\n"
        "2024/5/1 8:00,a,60,801,,,\n"
    )
    found = index_of_file(save(tmp_path, text))
    table = found.table
    assert found.kind == "hourly"
    assert table["time"].tolist() == [
        "2026-02-28T15:59:00Z",
        "2026-03-01T00:00:00+08:00",
        "2024-05-01T08:00:00+08:00",
    ]
    assert table["iaqi_so2"].tolist() == [154, 200, 200]  # of the 24-h mean 500: 150 + 50 * 25/325 = 153.8, up
    assert table["iaqi_pm25"].tolist() == [82, 100, 82]
    assert listed(table["iaqi_co"]) == [50, 50, None]
    assert table["standard"].tolist() == ["HJ 633-2012", "HJ 633-2026", "HJ 633-2012"]
    assert any("1 hours of SO2 above 800" in note for note in found.notes)


def test_an_excel_sheet_with_real_dates(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["2024年日报"], ["日期", "站点", "PM2.5", "O3_8h"], [dt.datetime(2024, 5, 1), "a", 75, 161.0]):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    table = index_of_file(tmp_path / "t.xlsx").table
    assert table[["日期", "aqi", "primary"]].values.tolist() == [["2024-05-01", 101, "o3_8h"]]


@pytest.mark.parametrize(
    ("header", "row", "kind"),
    [
        ("date,pm25", "2024-05-01,1", "daily"),
        ("date,pm25", "2024-05-01 08:00,1", "hourly"),
        ("date,hour,pm25", "20240501,8,1", "hourly"),
        ("date,time,pm25", "2024-05-01,08:00,1", "hourly"),
        ("year,month,day,pm25", "2024,5,1,1", "daily"),
        ("year,month,day,hour,pm25", "2024,5,1,8,1", "hourly"),
        ("时间,o3_8h", "2024-05-01,1", "daily"),
        ("时间,o3", "2024-05-01 08:00,1", "hourly"),
        ("time,pm25", "45413.333333,1", "hourly"),
    ],
)
def test_daily_or_hourly_is_recognised(tmp_path, header, row, kind):
    found = index_of_file(save(tmp_path, f"{header}\n{row}\n"))
    assert (found.kind, found.table["aqi"].tolist()) == (kind, [2 if "pm25" in header else 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("station_id,pm25\na,1\n", "no column for the date"),
        ("date,temp\n2024-05-01,1\n", "no column for a pollutant; give one of pm25"),
        ("date,pm25\n2024-05-01,1\n25/12/2024,1\n", r"line 3, column date: '25/12/2024' is not a date"),
        ("date,pm25\n,1\n", "line 2, column date: is empty"),
        ("date,pm25\n2024-05-01,abc\n", r"line 2, column pm25: 'abc' is not a number \(1 in this column\)"),
        ("date,pm25\n2024-05-01,inf\n", "'inf' is not a number"),
        ("date,pm25(ppb)\n2024-05-01,1\n", "unknown unit 'ppb'"),
        ("date,pm25\n2024-05-01,1,\n", "more cells than the header"),
        ("date,pm25,pm25\n2024-05-01,1,2\n", "two columns called 'pm25'"),
        ("date,pm25,PM2.5\n2024-05-01,1,2\n", "two columns for one pollutant: 'pm25' and 'PM2.5'"),
        ("date,co\n" + "2024-05-01,700\n" * 20, "CO of 700 mg/m3"),
        ("", "not a table|is empty"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, text, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        index_of_file(save(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_good_cells_can_be_taken_and_negatives_have_no_index(tmp_path):
    path = save(tmp_path, "date,pm25,pm10,aqi\n2024-05-01,abc,50,7\n2024-05-02,-3,０５０,8\n")
    found = index_of_file(path, accept_good=True)
    assert found.table["pm25"].tolist() == ["abc", "-3"]
    assert found.table["aqi_given"].tolist() == [7, 8]
    assert found.table["aqi"].tolist() == [50, 50]
    assert listed(found.table["iaqi_pm25"]) == [None, None]
    assert [note[:20] for note in found.notes] == [
        "line 2, column pm25:",
        "1 negative values of",
        "given columns rename",
    ]


def test_a_pollutant_of_another_averaging_time_is_not_used_and_said():
    found = index_of_table(pd.DataFrame({"date": ["2024-05-01"], "pm25": ["36"], "o3": ["400"]}))
    assert (found.table["aqi"].tolist(), found.notes) == ([52], ["not used in a daily table: o3"])


def test_daily_ozone_above_800_by_date():
    table = pd.DataFrame({"date": ["2024-05-01", "2024-05-01", "2026-05-01"], "o3_8h": [801.0] * 3})
    assert index_of_table(table).table["aqi"].tolist() == [300] * 3
    with_hour = index_of_table(table.assign(o3_1h=[1000.0, np.nan, 1000.0])).table
    assert with_hour["aqi"].tolist() == [400, 300, 300]


def test_swapped_ozone_columns_are_put_right():
    rng = np.random.default_rng(3)
    eight = rng.uniform(50, 150, 30)
    days = pd.DataFrame({"date": pd.date_range("2024-05-01", periods=30).strftime("%Y-%m-%d")})
    right = index_of_table(days.assign(o3_8h=eight, o3_1h=eight * 1.3))
    swapped = index_of_table(days.assign(o3_8h=eight * 1.3, o3_1h=eight))
    assert swapped.table["aqi"].tolist() == right.table["aqi"].tolist()
    assert (right.notes, len(swapped.notes)) == ([], 1)
    hour = pd.Series(rng.uniform(20, 200, 96))
    table = pd.DataFrame({"time": pd.date_range("2024-05-01", periods=96, freq="h", tz="UTC"), "station_id": "a"})
    mean = hour.rolling(8, min_periods=6).mean()
    right = index_of_table(table.assign(o3=hour, o3_8h=mean))
    swapped = index_of_table(table.assign(o3=mean, o3_8h=hour))
    assert listed(swapped.table["aqi"]) == listed(right.table["aqi"])
    assert swapped.notes == [
        "the columns of 1-h and 8-h ozone are swapped in this file; the index uses them the right way"
    ]


def test_a_file_without_header(tmp_path):
    path = save(tmp_path, "70004 2017  4 11  14 0.825 -9999\n\n70007 2017  4 11  15 0.852 46\n", name="d.txt")
    columns = ["station_id", "year", "month", "day", "so2", "co", "pm25"]
    table = index_of_file(path, columns=columns).table
    assert table["aqi"].tolist() == [20, 64]  # CO 0.8: 50 * 0.8/2 = 20; PM2.5 46: 50 + 50 * 11/40 = 63.75, up
    with pytest.raises(InvalidInput, match="line 1 has 7 cells, but 2 are named"):
        read_headerless(path, ["a", "b"])
    with pytest.raises(InvalidInput, match="two columns are called 'a'"):
        read_headerless(path, ["a", "a"])


def test_the_national_day_of_1449_stations(shared_data):
    columns = ["station_id", "year", "month", "day", "lon", "lat", "so2", "no2", "co", "o3_8h", "pm10", "pm25"]
    path = shared_data / "observations" / "china_daily_2017-04-11.txt"
    table = index_of_file(path, columns=columns).table
    raw = np.loadtxt(path)
    assert len(table) == len(raw) == 1449
    for column, name in ((6, "so2"), (7, "no2"), (8, "co"), (9, "o3_8h"), (10, "pm10"), (11, "pm25")):
        assert table[f"iaqi_{name}"].notna().sum() == (raw[:, column] >= 0).sum()
    fine = raw[:, 11] >= 0
    expected = np.ceil(
        np.interp(raw[fine, 11], [0, 35, 75, 115, 150, 250, 350, 500], [0, 50, 100, 150, 200, 300, 400, 500]) - 1e-9
    )
    np.testing.assert_array_equal(table["iaqi_pm25"][fine].astype(int), expected)


def test_four_years_of_beijing(shared_data):
    path = shared_data / "observations" / "beijing_12_stations_2013_2017.csv.gz"
    with pytest.raises(InvalidInput, match="--unit co=ug/m3"):
        index_of_file(path)
    table = index_of_file(path, units={"co": "ug/m3"}).table
    raw = pd.read_csv(path, low_memory=False)
    raw["SO2"] = pd.to_numeric(raw["SO2"], errors="coerce")  # one cell is a blank
    assert len(table) == 420_768
    for name in ("PM2.5", "PM10", "SO2", "NO2", "CO", "O3"):
        assert table[f"iaqi_{name.replace('.', '').lower()}"].notna().sum() == raw[name].notna().sum()
    assert table["aqi"].isna().sum() == raw[["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"]].isna().all(axis=1).sum()
    assert table["iaqi_co"].iloc[0] == 3  # 300 ug/m3
