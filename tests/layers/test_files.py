"""Round trips and files that are not what they say."""

import json
import zipfile

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from geo.datum import from_wgs84
from geo.errors import InvalidInput, SourceUnavailable
from layers.files import read_vector, write_vector

FORMATS = [".geojson", ".gpkg", ".shp", ".csv", ".xlsx", ".fgb", ".parquet"]


@pytest.fixture
def sites() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "code": ["007", "=1+1", None],
            "name": ["连云港", '<img src=x onerror="a">, b', "二\n行"],
            "value": [1.5, np.nan, -3.25],
            "n": [1, 2, 3],
            "ok": [True, False, True],
            "time": pd.to_datetime(["2024-05-01T00:00:00Z", None, "2024-05-01T08:30:15Z"], utc=True),
        },
        geometry=shapely.points([119.2 + 1 / 3, 119.1, 118.9], [34.6, 34.5 + 1 / 7, 34.7]),
        crs=4326,
    )


@pytest.mark.parametrize("ending", FORMATS)
def test_points_come_back_from_every_format(tmp_path, sites, ending):
    path = tmp_path / f"点{ending}"
    write_vector(sites, path, {"process": "test"})
    back = read_vector(path)
    assert shapely.equals_exact(back.geometry.to_numpy(), sites.geometry.to_numpy(), tolerance=1e-12).all()
    assert back["name"].tolist() == sites["name"].tolist()
    assert back["code"].iloc[:2].tolist() == ["007", "=1+1"]
    assert pd.isna(back["code"].iloc[2])
    np.testing.assert_array_equal(back["value"], sites["value"])
    assert back["n"].tolist() == [1, 2, 3]
    assert [bool(v) for v in back["ok"]] == [True, False, True]
    times = pd.to_datetime(back["time"], utc=True)
    assert times.dropna().tolist() == sites["time"].dropna().tolist()
    assert back.crs == "EPSG:4326"


@pytest.mark.parametrize("ending", [*FORMATS, ".kml"])
def test_polygons_can_be_written_and_read_by_gdal_or_pandas(tmp_path, ending):
    hole = shapely.Polygon(
        [(119, 34), (120, 34), (120, 35), (119, 35)], [[(119.4, 34.4), (119.6, 34.4), (119.5, 34.6)]]
    )
    frame = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[hole, shapely.box(118, 33, 119, 34)], crs=4326)
    path = tmp_path / f"zones{ending}"
    write_vector(frame, path)
    if ending in (".csv", ".xlsx", ".parquet"):
        back = read_vector(path)
    else:
        back = pyogrio.read_dataframe(path)
    assert shapely.equals(back.geometry.to_numpy(), frame.geometry.to_numpy()).all()
    if ending == ".kml":
        assert back["Name"].tolist() == ["a", "b"]


def test_equal_input_gives_equal_bytes_and_the_provenance_rides_along(tmp_path, sites):
    record = {"process": "测试", "seed": 1}
    for ending in (".geojson", ".csv"):
        one, two = tmp_path / f"one{ending}", tmp_path / f"two{ending}"
        write_vector(sites, one, record)
        write_vector(sites.copy(), two, record)
        assert one.read_bytes() == two.read_bytes()
    assert json.loads((tmp_path / "one.geojson").read_text("utf-8"))["provenance"] == record
    assert json.loads((tmp_path / "one.csv.provenance.json").read_text("utf-8")) == record
    assert not (tmp_path / "one.geojson.provenance.json").exists()


def test_a_geojson_is_strict_json_with_right_handed_rings(tmp_path):
    clockwise = shapely.Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    frame = gpd.GeoDataFrame({"z": [np.inf]}, geometry=[clockwise], crs=4326)
    write_vector(frame, tmp_path / "a.geojson")
    content = json.loads((tmp_path / "a.geojson").read_text(), parse_constant=pytest.fail)
    assert content["features"][0]["properties"] == {"z": None}
    assert shapely.is_ccw(shapely.geometry.shape(content["features"][0]["geometry"]).exterior)


def test_text_that_a_spreadsheet_would_run_is_guarded(tmp_path):
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "fine"]
    frame = gpd.GeoDataFrame({"=cmd": evil, "v": [-1.0] * 6}, geometry=shapely.points(np.zeros((6, 2))), crs=4326)
    write_vector(frame, tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text("utf-8")
    assert text.splitlines()[:3] == ["'=cmd,v,lon,lat", "'=1+1,-1.0,0.0,0.0", "'+1,-1.0,0.0,0.0"]
    write_vector(frame, tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    assert sheet["A2"].value == "'=1+1"
    assert sheet["B2"].value == -1.0


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", b""), ("utf-8-sig", b""), ("gb18030", b""), ("utf-16", b"")])
def test_chinese_csv_is_read_whatever_its_encoding(tmp_path, encoding, mark):
    path = tmp_path / "锅炉.csv"
    path.write_bytes("锅炉名称,经度,纬度\n连云港𠀀热电,119.2,34.6\n".encode(encoding))
    frame = read_vector(path)
    assert frame["锅炉名称"].tolist() == ["连云港𠀀热电"]
    assert frame.geometry.iloc[0] == shapely.Point(119.2, 34.6)


def test_a_shapefile_in_gb18030_without_cpg_is_read_and_its_zip_too(tmp_path):
    frame = gpd.GeoDataFrame({"名称": ["连云港市"]}, geometry=shapely.points([[119.0, 34.0]]), crs=4326)
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", encoding="GB18030")
    (tmp_path / "a.cpg").unlink()
    assert read_vector(tmp_path / "a.shp")["名称"].tolist() == ["连云港市"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for part in tmp_path.glob("a.[sdp]*"):
            archive.write(part, f"folder/{part.name}")
    assert read_vector(tmp_path / "a.zip")["名称"].tolist() == ["连云港市"]


def test_a_shapefile_keeps_the_full_names_beside_it(tmp_path):
    names = {"pm25_target_ug_m3": [1.0], "pm25_target_other": [2.0], "行政区划代码全称": ["x"]}
    frame = gpd.GeoDataFrame(names, geometry=shapely.points([[119.0, 34.0]]), crs=4326)
    made = write_vector(frame, tmp_path / "a.shp")
    fields = json.loads((tmp_path / "a.shp.provenance.json").read_text("utf-8"))["fields"]
    assert fields == {
        "pm25_targe": "pm25_target_ug_m3",
        "pm25_tar_1": "pm25_target_other",
        "行政区": "行政区划代码全称",
    }
    assert set(read_vector(tmp_path / "a.shp").columns) == {*fields, "geometry"}
    assert made[0] == tmp_path / "a.shp"
    assert {path.suffix for path in made} == {".shp", ".shx", ".dbf", ".prj", ".cpg", ".json"}


def test_what_a_shapefile_cannot_hold_is_refused(tmp_path):
    mixed = gpd.GeoDataFrame({"a": [1, 2]}, geometry=[shapely.Point(0, 0), shapely.box(0, 0, 1, 1)], crs=4326)
    with pytest.raises(InvalidInput, match="one geometry type"):
        write_vector(mixed, tmp_path / "a.shp")
    long = gpd.GeoDataFrame({"a": ["连" * 100]}, geometry=[shapely.Point(0, 0)], crs=4326)
    with pytest.raises(InvalidInput, match="longer than a Shapefile's 254 bytes"):
        write_vector(long, tmp_path / "a.shp")
    assert list(tmp_path.iterdir()) == []


def test_other_reference_systems_and_datums_become_wgs84(tmp_path):
    truth = gpd.GeoSeries(shapely.points([[119.2, 34.6], [119.3, 34.7]]), crs=4326)
    projected = gpd.GeoDataFrame({"a": [1, 2]}, geometry=truth.to_crs(4549))
    pyogrio.write_dataframe(projected, tmp_path / "cgcs.gpkg")
    back = read_vector(tmp_path / "cgcs.gpkg").geometry
    assert shapely.equals_exact(back.to_numpy(), truth.to_numpy(), tolerance=1e-8).all()
    lon, lat = from_wgs84(truth.x, truth.y, "gcj02")
    table = pd.DataFrame({"lng": lon, "lat": lat})
    table.to_csv(tmp_path / "gcj.csv", index=False)
    plain, moved = read_vector(tmp_path / "gcj.csv"), read_vector(tmp_path / "gcj.csv", datum="gcj02")
    assert np.hypot(plain.geometry.x - 119.2, plain.geometry.y - 34.6).iloc[0] > 0.003
    assert shapely.equals_exact(moved.geometry.to_numpy(), truth.to_numpy(), tolerance=1e-6).all()


def test_without_reference_system_degrees_are_believed_and_metres_are_not(tmp_path):
    def save(name, x):
        frame = gpd.GeoDataFrame({"a": [1]}, geometry=shapely.points([[x, 34.0]]), crs=4326)
        pyogrio.write_dataframe(frame, tmp_path / f"{name}.shp")
        (tmp_path / f"{name}.prj").unlink()
        return tmp_path / f"{name}.shp"

    assert read_vector(save("degrees", 119.0)).geometry.x.tolist() == [119.0]
    with pytest.raises(InvalidInput, match=r"no coordinate reference system.*not degrees.*add the .prj"):
        read_vector(save("metres", 500000.0))


def test_lines_are_those_of_the_sheet(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('name,lon,lat\n"two\nlines",119,34\n\nx,34,119\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"a.csv, line 5, column lat: latitude 119 .*looks swapped"):
        read_vector(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.gpkg", b"not a package", "is not a GeoPackage"),
        ("a.gpkg", b"SQLite format 3\x00" + b"x" * 200, "is not a GeoPackage or is damaged"),
        ("a.shp", b"<html>", "is not a Shapefile"),
        ("a.zip", b"PKxx", "is not a ZIP archive or is cut off"),
        ("a.xlsx", b"lon,lat\n1,2\n", "is not an Excel .xlsx file"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1", "save it as .xlsx without a password"),
        ("a.xlsx", b"PK\x03\x04junk", "is not an Excel .xlsx file or is damaged"),
        ("a.fgb", b"PK", "is not a FlatGeobuf"),
        ("a.parquet", b"PAR1junk", "is not GeoParquet"),
        ("a.geojson", b'{"type": "FeatureCollection", "features": [', "is not GeoJSON or is cut off"),
        ("a.geojson", b'{"a": 1}', "is JSON but not GeoJSON"),
        ("a.geojson", b"[1]", "is JSON but not GeoJSON"),
        ("a.csv", b"PK\x03\x04\x00\x00\x00", "is not a text file"),
        ("a.csv", b"name,value\na,1\n", "has no coordinates.*the columns are name, value"),
        ("a.csv", b"lon,lat,lon\n1,2,3\n", "two columns called 'lon'"),
        ("a.csv", b"lon,lat\n1,2,3\n", "line 2 has 3 cells, the header 2"),
        ("a.csv", b"\n\n", "is empty; it needs a header"),
        ("a.csv", b"", r"is empty \(0 bytes\)"),
        ("a.csv", b"lon,lat\nx,2\n", "line 2, column lon: longitude is not a number"),
        ("a.dwg", b"AC1027", "unknown extension '.dwg'; readable are .geojson"),
    ],
)
def test_a_file_that_is_not_what_it_says_gets_one_clear_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_vector(path)
    assert "\n" not in str(caught.value)


def test_missing_files_unknown_datums_and_extensions(tmp_path, sites):
    with pytest.raises(SourceUnavailable, match="there is no file"):
        read_vector(tmp_path / "no.csv")
    with pytest.raises(InvalidInput, match="gcj2"):
        read_vector(tmp_path / "no.csv", datum="gcj2")
    with pytest.raises(InvalidInput, match="unknown extension '.docx'; writable are .geojson"):
        write_vector(sites, tmp_path / "a.docx")
    with pytest.raises(SourceUnavailable, match="cannot write"):
        write_vector(sites, tmp_path / "no" / "a.csv")


def test_a_geopackage_with_several_layers_asks_which(tmp_path, sites):
    for layer in ("one", "two"):
        pyogrio.write_dataframe(sites, tmp_path / "a.gpkg", layer=layer)
    with pytest.raises(InvalidInput, match="several layers; name one; .* one, two"):
        read_vector(tmp_path / "a.gpkg")
    assert len(read_vector(tmp_path / "a.gpkg", layer="two")) == 3


def test_excel_with_a_title_row_dates_and_gaps(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["连云港市锅炉清单"])
    book.active.append([])
    book.active.append(["名称", "经度", "纬度", "日期"])
    book.active.append(["甲", 119.25, 34.5, pd.Timestamp("2024-05-01").to_pydatetime()])
    book.save(tmp_path / "a.xlsx")
    frame = read_vector(tmp_path / "a.xlsx")
    assert frame.drop(columns="geometry").to_dict("records") == [{"名称": "甲", "日期": "2024-05-01"}]


def test_an_empty_collection_is_empty_and_the_shared_file_is_read(tmp_path, shared_data):
    (tmp_path / "a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    assert len(read_vector(tmp_path / "a.geojson")) == 0
    assert len(read_vector(shared_data / "hotspots/bos-ecometric.geojson")) == 168
