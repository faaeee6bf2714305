"""FIRMS tables of every kind, and rasters into fire points."""

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from geo.errors import InvalidInput
from geo.rasters import Raster, read_raster, write_cog
from layers.catalogue import get_schema
from layers.fires import add_raster, fire_pixels, read_firms
from layers.ingest import ingest
from layers.store import Workspace

WHEN = pd.Timestamp("2024-06-12T05:30:00Z")


def raster(values, kind, time=WHEN, crs=4326, transform=None) -> Raster:
    grid = transform or Affine(0.01, 0, 119.0, 0, -0.01, 35.0)
    return Raster(np.asarray(values, "float32"), grid, CRS.from_epsg(crs), time, kind, {})


def test_modis_of_one_day(shared_data):
    frame = read_firms(shared_data / "fire/firms_MODIS_C6_Russia_Asia_24h_20181021.csv")
    assert len(frame) == 1725
    assert frame["satellite"].value_counts().to_dict() == {"Aqua": 892, "Terra": 833}
    assert set(frame["instrument"]) == {"MODIS"}
    first = frame.iloc[0]
    assert first["time"] == pd.Timestamp("2018-10-20T00:05Z")
    assert (first["brightness_k"], first["frp_mw"], first["confidence_pct"]) == (304.7, 7.3, 61.0)
    assert (first["confidence"], first["day_night"]) == ("nominal", "night")
    assert first.geometry == shapely.Point(26.077, 30.535)
    assert frame["day_night"].value_counts().to_dict() == {"day": 1486, "night": 239}


def test_viirs_archive(shared_data):
    frame = read_firms(shared_data / "fire/firms_viirs_format_sample.csv")
    assert len(frame) == 399
    assert set(frame["satellite"]) == {"NOAA-20"}
    assert set(frame["confidence"]) == {"nominal"}
    assert frame["confidence_pct"].isna().all()
    assert sorted(set(frame["time"].dt.strftime("%H%M"))) == ["0700", "0706", "0842"]


def test_the_mixed_table_loses_no_row(shared_data):
    path = shared_data / "fire/firms_eastchina_2018_2024_combined.csv"
    frame = read_firms(path)
    raw = pd.read_csv(path)
    assert len(frame) == len(raw) == 4717
    assert frame["satellite"].value_counts().to_dict() == {"Terra": 2693, "Aqua": 2014, "Suomi NPP": 9, "NOAA-20": 1}
    assert frame["brightness_k"].notna().all()
    viirs = raw["bright_ti4"].notna().to_numpy()
    np.testing.assert_array_equal(frame.loc[viirs, "brightness_k"], raw.loc[viirs, "bright_ti4"])
    minutes = frame["time"].dt.hour * 100 + frame["time"].dt.minute
    np.testing.assert_array_equal(minutes, raw["acq_time"])
    box = frame.cx[118.4:119.9, 33.9:35.2]
    assert 40 < len(box) < 110  # the README counts 69 in the city's box


HEADER = "latitude,longitude,brightness,acq_date,acq_time,satellite,confidence,frp,daynight,type\n"


def test_times_confidence_and_static_sources(tmp_path):
    rows = (
        "34,119,300,2024-05-01,5,A,29,1,D,0\n34,119,300,2024-05-01,545,N21,h,1,N,2\n"
        "34,119,300,2024-05-01,00:05,T,80,1,D,3\n34,119,300,2024-05-01,2359,GOES,low,1,D,0\n"
    )
    path = tmp_path / "f.csv"
    path.write_text(HEADER + rows)
    frame = read_firms(path)
    assert frame["time"].dt.strftime("%H:%M").tolist() == ["00:05", "05:45", "00:05", "23:59"]
    assert frame["satellite"].tolist() == ["Aqua", "NOAA-21", "Terra", "GOES"]
    assert frame["confidence"].tolist() == ["low", "high", "high", "low"]
    assert frame["suspected_type"].fillna("").tolist() == ["", "fixed_heat_source", "", ""]
    assert ingest(path, get_schema("fire_points")).notes[0] == "recognised as NASA FIRMS; times are UTC"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("34,119,300,2024-05-01,2567,A,29,1,D,0", "line 2, time '2024-05-01T25:67Z' is not a time"),
        ("34,119,300,2024-05-01,1200,A,29,-1,D,0", "line 2, frp_mw '-1' is below 0 MW"),
        ("119,34,300,2024-05-01,1200,A,29,1,D,0", "looks swapped"),
        ("34,119,300,2024-05-01,1200,A,maybe,1,D,0", "confidence 'maybe' is not one of low, nominal, high"),
    ],
)
def test_a_bad_detection_is_named(tmp_path, row, message):
    path = tmp_path / "f.csv"
    path.write_text(HEADER + row + "\n")
    with pytest.raises(InvalidInput, match=message):
        read_firms(path)


def test_a_table_that_is_not_firms(shared_data):
    with pytest.raises(InvalidInput, match="is not a NASA FIRMS table"):
        read_firms(shared_data / "layers/lianyungang_stations.csv")


def test_pixels_of_masks():
    modis = np.full((3, 4), 5)
    modis[0, 0], modis[1, 2], modis[2, 3] = 7, 8, 9
    found = fire_pixels(raster(modis, "fire_mask"))
    assert found["confidence"].tolist() == ["low", "nominal", "high"]
    np.testing.assert_allclose(found.geometry.x, [119.005, 119.025, 119.035])
    np.testing.assert_allclose(found.geometry.y, [34.995, 34.985, 34.975])
    assert (found["time"] == WHEN).all()
    assert found["brightness_k"].isna().all()
    simple = np.zeros((2, 2))
    simple[1, 1] = 1
    assert fire_pixels(raster(simple, "fire_mask"))["confidence"].tolist() == ["nominal"]
    assert len(fire_pixels(raster(np.zeros((2, 2)), "fire_mask"))) == 0


def test_pixels_of_brightness_temperatures():
    warm = np.array([[300.0, 330.0], [330.1, np.nan]])
    found = fire_pixels(raster(warm, "brightness_temperature"))
    assert found["brightness_k"].round(1).tolist() == [330.1]
    assert found["confidence"].tolist() == ["low"]
    assert found["grounds"].tolist() == ["brightness temperature 330.1 K > 330 K"]
    assert len(fire_pixels(raster(warm, "brightness_temperature"), threshold_k=299)) == 3


def test_a_raster_must_say_its_time_and_a_threshold_must_make_sense():
    with pytest.raises(InvalidInput, match="when it was acquired"):
        fire_pixels(raster(np.ones((2, 2)), "fire_mask", time=None))
    with pytest.raises(InvalidInput, match="this raster is a fire mask"):
        fire_pixels(raster(np.ones((2, 2)), "fire_mask"), threshold_k=330)
    with pytest.raises(InvalidInput, match="threshold 57 K makes no sense"):
        fire_pixels(raster(np.ones((2, 2)), "brightness_temperature"), threshold_k=57)


def test_a_scene_becomes_a_raster_layer_and_fire_points_once(tmp_path, workspace, state):
    values = np.full((40, 30), 290.0)
    values[5, 6] = values[20, 10] = 350.0
    grid = Affine(1000, 0, 450000, 0, -1000, 3850000)
    write_cog(raster(values, "brightness_temperature", crs=32650, transform=grid), tmp_path / "scene.tif")
    done = add_raster(workspace, tmp_path / "scene.tif", satellite="N20", synthetic=True)
    assert (done.fire_pixels, done.new_points, done.time, done.kind) == (2, 2, WHEN, "brightness_temperature")
    scenes, fires = workspace.read("fire_rasters"), workspace.read("fire_points")
    assert scenes["path"].tolist() == [done.path]
    assert (scenes["satellite"].tolist(), scenes["unit"].tolist()) == (["NOAA-20"], ["K"])
    lower_right = pyproj.Transformer.from_crs(32650, 4326, always_xy=True).transform(480000, 3810000)
    assert scenes.geometry.iloc[0].buffer(1e-9).contains(shapely.Point(lower_right))
    assert scenes.geometry.iloc[0].contains(fires.geometry.union_all())
    assert fires["synthetic"].tolist() == [True, True]
    assert workspace.record("fire_rasters").kind == "raster"
    back = read_raster(workspace.rasters.path(done.path))
    np.testing.assert_array_equal(back.values, values.astype("float32"))
    before = state(workspace)
    again = add_raster(workspace, tmp_path / "scene.tif", satellite="N20", synthetic=True)
    assert (again.path, again.new_points) == (done.path, 0)
    assert state(workspace) == before
    assert len(workspace.backend.files.names("rasters")) == 1


@pytest.mark.parametrize("path", ["../layers.gpkg", "rasters/../x.tif", "/etc/passwd", "rasters/.hidden", "rasters"])
def test_a_raster_path_cannot_lead_elsewhere(tmp_path, path):
    with pytest.raises(InvalidInput, match="is not a raster of this workspace"):
        Workspace(tmp_path).rasters.path(path)
