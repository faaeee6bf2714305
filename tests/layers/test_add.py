"""A file into the workspace and out again: merged, versioned by content, all or nothing."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from layers.add import add_file
from layers.export import export_layer, export_observations
from layers.files import read_vector
from layers.observations import read_observations
from layers.store import UnknownLayer


def save(folder, text, name="s.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_without_number_does_not_double_those_that_have_one(tmp_path, workspace):
    head = "id,name,fuel,capacity_tph,lon,lat\n"
    rows = "B1,甲,coal,35,119.2,34.6\n,乙,coal,20,119.2,34.61\nB3,丙,gas,2,119.2,34.62\n"
    add_file(workspace, "boilers", save(tmp_path, head + rows))
    again = add_file(workspace, "boilers", save(tmp_path, head + rows.replace("35", "36")))
    assert (again.added, again.updated, again.unchanged) == (0, 1, 2)
    moved = add_file(workspace, "boilers", save(tmp_path, head + rows.replace("20", "21").replace("B3", "B4")))
    assert (moved.added, moved.updated, moved.unchanged) == (2, 1, 0)
    frame = workspace.read("boilers")
    assert frame["id"].fillna("").tolist() == ["B1", "", "B3", "", "B4"]
    assert frame["capacity_tph"].tolist() == [35.0, 20.0, 2.0, 21.0, 2.0]


def test_an_empty_column_of_shapes_is_told_row_by_row(tmp_path, workspace):
    done = add_file(workspace, "townships", save(tmp_path, "name,wkt\n甲镇,\n乙镇,\n"))
    assert done.report is not None
    assert done.report.refused
    assert done.report.rejected["reason_en"].tolist() == ["has no geometry"] * 2


def test_a_mobile_run_is_added_once_and_looked_at_like_a_ledger(tmp_path, workspace):
    head = "走航编号,时间,污染物,浓度,单位,经度,纬度\n"
    rows = "R1,2021/7/1 8:00:01,TVOC,120,ppb,119.2,34.6\nR1,2021/7/1 8:00:02,TVOC,118,ppb,119.201,34.6\n"
    add_file(workspace, "mobile_tracks", save(tmp_path, head + rows))
    again = add_file(workspace, "mobile_tracks", save(tmp_path, head + rows.replace("118", "117")))
    assert (again.added, again.updated, again.unchanged) == (0, 1, 1)
    record = workspace.record("mobile_tracks")
    assert (str(record.time_start), str(record.time_end)) == ("2021-07-01 00:00:01+00:00", "2021-07-01 00:00:02+00:00")
    assert workspace.read("mobile_tracks")["value"].tolist() == [120.0, 117.0]


def test_the_same_station_is_corrected_and_others_are_kept(tmp_path, workspace, state):
    first = add_file(workspace, "stations", save(tmp_path, "id,name,lon,lat\n1,甲,119,34\n2,乙,119.1,34\n"))
    assert (first.added, first.updated, first.unchanged) == (2, 0, 0)
    text = "id,name,level,lon,lat\n1,甲新,国控,119,34\n2,乙,,119.1,34\n3,丙,,119.2,34\n"
    second = add_file(workspace, "stations", save(tmp_path, text))
    assert (second.added, second.updated, second.unchanged) == (1, 1, 1)
    frame = workspace.read("stations")
    assert frame["id"].tolist() == ["1", "2", "3"]
    assert frame["name"].tolist() == ["甲新", "乙", "丙"]
    assert frame["level"].fillna("").tolist() == ["national", "", ""]
    assert second.record is not None
    inputs = second.record.provenance["inputs"]
    assert [i["id"] for i in inputs] == ["s.csv", "stations"]
    assert inputs[1]["sha256"] == first.record.content_hash
    before = state(workspace)
    assert add_file(workspace, "stations", save(tmp_path, text)).unchanged == 3
    assert state(workspace) == before
    add_file(workspace, "stations", save(tmp_path, "id,name,lon,lat\n9,新,119,34\n"), replace=True)
    assert workspace.read("stations")["id"].tolist() == ["9"]


def test_without_identity_only_exact_repeats_are_left_out(tmp_path, workspace):
    text = "name,fuel,capacity_tph,lon,lat\n1号,coal,10,119,34\n1号,coal,20,119,34\n"
    add_file(workspace, "boilers", save(tmp_path, text))
    again = add_file(workspace, "boilers", save(tmp_path, text + "1号,gas,20,119,34\n"))
    assert (again.added, again.unchanged) == (1, 2)
    assert workspace.read("boilers")["capacity_tph"].tolist() == [10.0, 20.0, 20.0]


BAD = {
    "column": ("boilers", "b.csv", "name,lon,lat\na,119,34\n", InvalidInput, "no column for fuel"),
    "not a csv": ("boilers", "b.csv", "PK\x03\x04\x00\x00", InvalidInput, "is not a text file"),
    "not a gpkg": ("boilers", "b.gpkg", "hello", InvalidInput, "is not a GeoPackage"),
    "layer": ("boiler", "b.csv", "name,lon,lat\na,119,34\n", UnknownLayer, "unknown layer 'boiler'"),
    "scene": ("fire_rasters", "b.tif", "II*", InvalidInput, "b.tif"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_leaves_the_store_as_it_was(tmp_path, workspace, case, state):
    add_file(workspace, "stations", save(tmp_path, "id,name,lon,lat\n1,甲,119,34\n"))
    before = state(workspace)
    layer, name, text, error, message = BAD[case]
    with pytest.raises(error, match=message) as caught:
        add_file(workspace, layer, save(tmp_path, text, name))
    assert "\n" not in str(caught.value)
    assert state(workspace) == before


@pytest.mark.parametrize(
    "row", ["a,coal,-1,119,34", "a,coal,1,34,119", "a,wood?,1,119,34", "a,coal,1,nan,34", "a,coal,x,119,34"]
)
def test_refused_rows_leave_the_store_as_it_was_unless_the_good_ones_are_asked_for(tmp_path, workspace, row, state):
    add_file(workspace, "stations", save(tmp_path, "id,name,lon,lat\n1,甲,119,34\n"))
    before = state(workspace)
    path = save(tmp_path, f"name,fuel,capacity_tph,lon,lat\ngood,gas,1,119,34\n{row}\n")
    done = add_file(workspace, "boilers", path)
    assert done.report.refused
    assert done.record is None
    assert state(workspace) == before
    assert add_file(workspace, "boilers", path, accept_good=True).added == 1
    assert workspace.read("boilers")["name"].tolist() == ["good"]


def test_a_wrong_datum_or_a_missing_file_leaves_no_workspace_behind(tmp_path, workspace):
    with pytest.raises(InvalidInput, match="gcj"):
        add_file(workspace, "stations", save(tmp_path, "id,name,lon,lat\n1,甲,119,34\n"), datum="gcj")
    with pytest.raises(SourceUnavailable, match="there is no file"):
        add_file(workspace, "stations", tmp_path / "no.csv")
    assert not workspace.exists()


def test_export_carries_where_it_comes_from(tmp_path, workspace):
    add_file(workspace, "stations", save(tmp_path, "id,name,lon,lat\n1,甲,119,34\n"), set_values={"synthetic": True})
    (path,) = export_layer(workspace, "stations", tmp_path / "out.geojson")
    record = json.loads(path.read_text("utf-8"))["provenance"]
    assert (record["layer"], record["title_zh"], record["synthetic"]) == ("stations", "监测站点", True)
    assert record["inputs"][0]["id"] == "s.csv"
    assert read_vector(path)["name"].tolist() == ["甲"]
    with pytest.raises(UnknownLayer, match="layers here: stations"):
        export_layer(workspace, "parks", tmp_path / "out.csv")


def test_observations_go_out_and_come_back(tmp_path, workspace):
    with pytest.raises(InvalidInput, match="no workspace at"):
        export_observations(workspace, tmp_path / "o.csv")
    assert not workspace.exists()
    add_file(workspace, "stations", save(tmp_path, "id,name,lon,lat\n1,甲,119,34\n"))
    with pytest.raises(MissingData, match="suyuan observations add FILE"):
        export_observations(workspace, tmp_path / "o.csv")
    first = read_observations(save(tmp_path, "station_id,time,pm25,co\n1,2024-05-01T08:00,5.5,0.4\n=1,2024-05-01,7,\n"))
    workspace.observations.add(first.accepted)
    assert export_observations(workspace, tmp_path / "o.csv") == 3
    text = (tmp_path / "o.csv").read_text("utf-8").splitlines()
    assert text[:2] == ["station_id,time,pollutant,value,unit,flag", "1,2024-05-01T00:00:00Z,co,0.4,mg/m3,"]
    again = read_observations(tmp_path / "o.csv").accepted
    assert workspace.observations.add(again) == {"added": 0, "corrected": 0, "unchanged": 3}
    with pytest.raises(InvalidInput, match="a table is written as .csv or .xlsx"):
        export_observations(workspace, tmp_path / "o.gpkg")


def test_a_scene_is_added_through_the_same_door(tmp_path, workspace):
    mask = np.zeros((4, 5), dtype="uint8")
    mask[1, 2] = 9
    profile = {"driver": "GTiff", "height": 4, "width": 5, "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "m.tif", "w", **profile, transform=Affine(0.01, 0, 119, 0, -0.01, 35)) as out:
        out.write(mask, 1)
    values = {"time": "2024-06-12T05:30:00Z", "kind": "fire_mask", "satellite": "N20", "synthetic": "true"}
    done = add_file(workspace, "fire_rasters", tmp_path / "m.tif", set_values=values)
    assert done.raster.fire_pixels == done.raster.new_points == 1
    assert workspace.record("fire_points").synthetic
    assert workspace.read("fire_points")["satellite"].tolist() == ["NOAA-20"]
    with pytest.raises(InvalidInput, match="a scene takes kind, satellite.*not level"):
        add_file(workspace, "fire_rasters", tmp_path / "m.tif", set_values={"level": "x"})
