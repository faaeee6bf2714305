"""Ledgers as offices send them; every refusal has its row, column, value and reason."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.datum import from_wgs84
from geo.errors import InvalidInput
from layers.catalogue import get_schema
from layers.files import write_vector
from layers.ingest import ingest

BOILERS = get_schema("boilers")
HEADER = "锅炉编号,锅炉名称,燃料类型,容量（蒸吨/小时）,经度,纬度,在线监测,是否达标\n"


def save(folder, rows, header=HEADER, encoding="gb18030", name="锅炉.csv"):
    path = folder / name
    path.write_bytes((header + rows).encode(encoding))
    return path


def test_a_gb18030_ledger_becomes_a_clean_layer(tmp_path):
    path = save(
        tmp_path, "B1,甲,燃煤,35,119.2,34.6,是,达标\nB2,乙,天然气,4.5,119.3,34.7,否,\nB3,丙,生物质,,119.3,34.7,,\n"
    )
    report = ingest(path, BOILERS, accept_good=True)
    assert (report.total, report.good, report.rejected_rows, report.refused) == (3, 2, 1, False)
    frame = report.accepted
    assert list(frame.columns) == [
        "id", "name", "fuel", "capacity_tph", "online_monitor", "是否达标", "geometry",
    ]  # fmt: skip
    assert frame["fuel"].tolist() == ["coal", "gas"]
    assert frame["capacity_tph"].tolist() == [35.0, 4.5]
    assert frame["online_monitor"].tolist() == [True, False]
    assert report.rejected.to_dict("records") == [
        {
            "row": 3,
            "line": 4,
            "column": "容量（蒸吨/小时）",
            "value": None,
            "reason_zh": "必填项为空",
            "reason_en": "is required and empty",
        }
    ]
    assert any("status (状态)" in note for note in report.notes)


def test_all_or_nothing_unless_the_good_rows_are_asked_for(tmp_path):
    path = save(tmp_path, "B1,甲,燃煤,35,119.2,34.6,是,\nB2,乙,燃煤,-4,119.3,34.7,否,\n")
    report = ingest(path, BOILERS)
    assert report.refused
    assert len(report.accepted) == 0
    assert (report.good, report.total) == (1, 2)
    assert not ingest(path, BOILERS, accept_good=True).refused
    only_bad = save(tmp_path, "B2,乙,燃煤,-4,119.3,34.7,否,\n")
    assert ingest(only_bad, BOILERS, accept_good=True).refused


@pytest.mark.parametrize(
    ("row", "column", "value", "english", "chinese"),
    [
        ("B,n,燃煤,-4,119,34,,", "容量（蒸吨/小时）", "-4", "is below 0 t/h", "不能为负"),
        ("B,n,燃煤,99999,119,34,,", "容量（蒸吨/小时）", "99999", "is above 5000 t/h", "大于上限 5000 t/h"),
        ("B,n,燃煤,三十五,119,34,,", "容量（蒸吨/小时）", "三十五", "is not a number", "不是数字"),
        ("B,n,燃煤,inf,119,34,,", "容量（蒸吨/小时）", "inf", "is not a number", "不是数字"),
        ("B,n,木头?,4,119,34,,", "燃料类型", "木头?", "is not one of coal, gas, biomass, oil", "不在可选值之内"),
        ("B,n,-,4,119,34,,", "燃料类型", "-", "is required and empty", "必填项为空"),
        ("B,n,燃煤,4,119,34,也许,", "在线监测", "也许", "is not yes or no", "不是“是”或“否”"),
        ("B,n,燃煤,4,34.6,119.2,,", "lat", 119.2, "looks swapped", "似乎颠倒"),
        ("B,n,燃煤,4,119.2,95,,", "lat", 95.0, "outside -90 to 90", "超出 -90 到 90"),
        ("B,n,燃煤,4,500000,34,,", "lon", 500000.0, "outside -180 to 180", "超出 -180 到 180"),
        ("B,n,燃煤,4,NaN,34,,", "经度", "NaN", "longitude is not a number", "经度不是数字"),
        ("B,n,燃煤,4,,34,,", "经度", None, "longitude is missing", "缺少经度"),
    ],
)
def test_each_bad_value_is_named(tmp_path, row, column, value, english, chinese):
    report = ingest(save(tmp_path, "A,好,燃煤,4,119,34,,\n" + row + "\n"), BOILERS)
    assert report.refused
    (found,) = report.rejected.to_dict("records")
    assert (found["row"], found["line"], found["column"], found["value"]) == (2, 3, column, value)
    assert english in found["reason_en"]
    assert chinese in found["reason_zh"]


def test_a_missing_column_is_an_error_that_names_it_and_those_there_are(tmp_path):
    path = save(tmp_path, "甲,35,119,34\n", header="名称,容量,经度,纬度\n")
    with pytest.raises(
        InvalidInput, match=r"锅炉.csv has no column for fuel \(燃料, Fuel\); its columns are 名称, 容量"
    ):
        ingest(path, BOILERS)
    report = ingest(path, BOILERS, set_values={"fuel": "燃煤"})
    assert report.accepted["fuel"].tolist() == ["coal"]


def test_set_values_fill_what_is_empty_and_refuse_unknown_fields(tmp_path):
    path = save(tmp_path, "1,甲,,119,34\n2,乙,省控,119,34\n", header="站点编号,站点名称,级别,经度,纬度\n")
    report = ingest(path, get_schema("stations"), set_values={"level": "national"})
    assert report.accepted["level"].tolist() == ["national", "provincial"]
    assert report.accepted["id"].tolist() == ["1", "2"]
    with pytest.raises(InvalidInput, match="layer stations has no field 'levle'"):
        ingest(path, get_schema("stations"), set_values={"levle": "national"})


def test_a_wrong_datum_is_refused_and_a_right_one_converts(tmp_path):
    lon, lat = from_wgs84([119.2], [34.6], "bd09")
    path = save(tmp_path, f"B,甲,燃煤,4,{lon[0]},{lat[0]},,\n")
    with pytest.raises(InvalidInput, match="wgs85"):
        ingest(path, BOILERS, datum="wgs85")
    point = ingest(path, BOILERS, datum="bd09").accepted.geometry.iloc[0]
    assert point.distance(shapely.Point(119.2, 34.6)) < 1e-6


def test_geometry_is_checked_by_row():
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = [bow_tie, shapely.Point(119, 34), None, shapely.Polygon(), shapely.LineString([(0, 0), (1, 1)])]
    frame = gpd.GeoDataFrame({"name": list("abcde")}, geometry=shapes, crs=4326)
    report = ingest(frame, get_schema("districts"), accept_good=True)
    assert report.rejected[["row", "reason_en"]].values.tolist() == [
        [2, "is a Point, not a polygon"],
        [3, "has no geometry"],
        [4, "has no geometry"],
        [5, "is a LineString, not a polygon"],
    ]
    assert report.rejected["line"].isna().all()
    assert report.accepted.geometry.is_valid.all()
    assert shapely.area(report.accepted.geometry.iloc[0]) == pytest.approx(0.5)
    assert "rows 1" in report.notes[-1]


def test_nan_coordinates_of_a_frame_are_refused():
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.Point(np.nan, 34.0)], crs=4326)
    report = ingest(frame, get_schema("parks"))
    assert report.refused
    assert report.rejected["reason_en"].iloc[0] in ("a coordinate is not a number", "has no geometry")


def test_the_same_id_twice_is_refused(tmp_path):
    path = save(tmp_path, "7,甲,119,34\n8,乙,119,34\n7,丙,119,34\n", header="id,name,lon,lat\n")
    report = ingest(path, get_schema("stations"))
    (found,) = report.rejected.to_dict("records")
    assert (found["row"], found["value"], found["reason_en"]) == (3, "7", "is already in row 1")


def test_units_dates_and_times(tmp_path):
    units = save(tmp_path, "#1,热电,30,119,34\n", header="机组,电厂,装机容量(万千瓦),经度,纬度\n")
    report = ingest(units, get_schema("chp_units"))
    assert report.accepted["capacity_mw"].tolist() == [300.0]
    assert any("multiplied by 10 to MW" in note for note in report.notes)
    text = "甲,0.6,2024年3月1日,2024/6/30,119,34\n"
    sites = save(tmp_path, text, header="工地名称,占地面积(万平方米),起始日期,截止日期,经度,纬度\n")
    row = ingest(sites, get_schema("construction_sites")).accepted.iloc[0]
    assert (row["area_m2"], row["valid_from"], row["valid_to"]) == (6000.0, "2024-03-01", "2024-06-30")
    fires = save(tmp_path, "2024-05-01 08:00,119,34\n2024-05-01T08:00Z,119,34\n", header="时间,经度,纬度\n")
    found = ingest(fires, get_schema("fire_points"))
    assert found.accepted["time"].dt.hour.tolist() == [0, 8]
    assert any("1 times name no zone; taken as Asia/Shanghai" in note for note in found.notes)


def test_whole_numbers_and_percentages(tmp_path):
    header = "区县,年份,优良天数比率目标,wkt\n"
    shape = '"POLYGON ((119 34, 120 34, 120 35, 119 34))"'
    rows = f"甲,2021,80.8,{shape}\n乙,2021.5,80,{shape}\n丙,2021,101,{shape}\n丁,,80,{shape}\n"
    report = ingest(save(tmp_path, rows, header=header), get_schema("districts"), accept_good=True)
    assert report.rejected[["row", "reason_en"]].values.tolist() == [
        [2, "is not a whole number"],
        [3, "is above 100 %"],
    ]
    assert report.accepted["target_year"].tolist() == [2021, pd.NA]
    assert report.accepted["target_year"].dtype == "Int64"


def test_other_columns_stay_and_names_that_would_clash_are_changed(tmp_path):
    header = 'id,name,lon,lat,"""; DROP TABLE stations;--",Name,geom,level\n'
    report = ingest(save(tmp_path, "1,甲,119,34,x,y,z,国控\n", header=header), get_schema("stations"))
    assert list(report.accepted.columns) == [
        "id", "name", "level", '"; DROP TABLE stations;--', "Name_2", "geom_2", "geometry",
    ]  # fmt: skip


@pytest.mark.parametrize("ending", [".geojson", ".gpkg", ".shp", ".csv", ".xlsx", ".fgb", ".parquet"])
def test_a_written_layer_is_taken_back_whole(tmp_path, ending):
    text = "B1,甲,燃煤,35,119.2,34.6,是,达标\nB2,乙,天然气,4.5,119.3,34.7,否,\n"
    first = ingest(save(tmp_path, text), BOILERS).accepted
    write_vector(first, tmp_path / f"b{ending}")
    report = ingest(tmp_path / f"b{ending}", BOILERS)
    assert not report.refused
    again = report.accepted.rename(columns={"是否达": "是否达标"})
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.drop(columns="geometry")), pd.DataFrame(first.drop(columns="geometry"))
    )
    assert shapely.equals_exact(again.geometry.to_numpy(), first.geometry.to_numpy(), tolerance=1e-12).all()


def test_the_real_lists_go_in(shared_data):
    stations = ingest(shared_data / "layers/lianyungang_stations.csv", get_schema("stations"))
    assert stations.accepted["id"].tolist()[:2] == ["1173A", "1174A"]
    assert len(stations.accepted) == stations.total == 12
    assert "district" not in stations.accepted
    plants = ingest(shared_data / "layers/power_plants_lianyungang_region.csv", get_schema("chp_units"))
    assert len(plants.accepted) == 20
    xinhai = plants.accepted[plants.accepted["name"].str.contains("Xinhai")]
    assert xinhai["capacity_mw"].tolist() == [2660.0]
    beijing = ingest(shared_data / "observations/beijing_12_stations_coordinates.csv", get_schema("stations"))
    assert beijing.accepted["name"].tolist()[0] == "万寿西宫"
    straw = shared_data / "fire/fy_straw_burning_fire_points_2016_2017.xlsx"
    fires = ingest(straw, get_schema("fire_points"), set_values={"suspected_type": "秸秆"})
    assert (fires.total, len(fires.accepted)) == (2583, 2583)
    assert fires.accepted["time"].iloc[0] == pd.Timestamp("2017-01-02T16:00Z")
    assert set(fires.accepted["suspected_type"]) == {"straw"}
