"""Trajectory files: what goes out comes back, the same bytes each time, whole or not at all."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from geo.errors import InvalidInput, SourceUnavailable
from tracing.exchange import read_trajectories, write_trajectories
from tracing.trajectory import POINT_COLUMNS, trajectories

PROVENANCE = {"met": ["a.arl"], "sha256": "0f", "站": "连云港"}
LOSSLESS = (".nc", ".parquet", ".geojson", ".csv")


@pytest.fixture(scope="module")
def points(eastward, tools):
    first = tools.start("2020-02-28T12:00Z", 5.0, 40.0, 10.0)
    second = tools.start("2020-02-29T01:37Z", 19.0, 41.0).assign(receptor="德源药业")
    return trajectories(eastward, pd.concat([first, second], ignore_index=True), hours=6)


@pytest.mark.parametrize("extension", LOSSLESS)
def test_round_trip_loses_nothing(points, tmp_path, extension):
    path = tmp_path / f"a{extension}"
    write_trajectories(points, path, PROVENANCE)
    pd.testing.assert_frame_equal(read_trajectories(path), points, check_exact=True, check_dtype=True)


@pytest.mark.parametrize("extension", [*LOSSLESS, ".tdump"])
def test_same_table_same_bytes(points, tmp_path, extension):
    paths = [tmp_path / f"{name}{extension}" for name in "ab"]
    for path in paths:
        write_trajectories(points.copy(), path, PROVENANCE)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("extension", [".nc", ".parquet", ".geojson"])
def test_provenance_travels_with_the_file(points, tmp_path, extension):
    path = tmp_path / f"a{extension}"
    write_trajectories(points, path, PROVENANCE)
    assert read_trajectories(path).attrs["provenance"] == PROVENANCE


def test_netcdf_is_a_cf_trajectory(points, tmp_path):
    path = tmp_path / "a.nc"
    write_trajectories(points, path, PROVENANCE)
    with xr.open_dataset(path, engine="scipy") as data:
        assert data.attrs["featureType"] == "trajectory"
        assert data["row_size"].attrs["sample_dimension"] == "obs"
        assert int(data["row_size"].sum()) == data.sizes["obs"] == len(points)
        assert data["trajectory"].attrs["cf_role"] == "trajectory_id"
        assert data["lat"].attrs["units"] == "degrees_north"
        np.testing.assert_array_equal(
            data["time"].values.astype("datetime64[s]"), points["time"].dt.tz_localize(None).to_numpy()
        )


def test_geopandas_reads_parquet_and_geojson(points, tmp_path):
    for extension, read in ((".parquet", gpd.read_parquet), (".geojson", gpd.read_file)):
        path = tmp_path / f"a{extension}"
        write_trajectories(points, path, PROVENANCE)
        frame = read(path)
        assert frame.crs.to_epsg() == 4326
        assert set(POINT_COLUMNS) <= set(frame.columns)
        np.testing.assert_array_equal(frame.geometry.x, points["lon"])


def test_csv_is_utf8_with_iso_times(points, tmp_path):
    path = tmp_path / "a.csv"
    write_trajectories(points, path, PROVENANCE)
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(POINT_COLUMNS)
    assert "2020-02-29T01:37:00Z" in text
    assert "德源药业" in text
    path.write_bytes(text.encode("gb18030"))
    assert read_trajectories(path)["receptor"].iloc[-1] == "德源药业"


def test_tdump_is_known_by_content(points, tmp_path):
    path = tmp_path / "whatever"
    write_trajectories(points, tmp_path / "a.tdump", PROVENANCE, met_id="TEST")
    (tmp_path / "a.tdump").rename(path)
    back = read_trajectories(path)
    assert len(back) == len(points)


def test_extra_columns_are_kept(points, tmp_path):
    more = points.assign(theta=np.linspace(280, 300, len(points)), grid=1)
    for extension in LOSSLESS:
        write_trajectories(more, tmp_path / f"a{extension}", {})
        back = read_trajectories(tmp_path / f"a{extension}")
        np.testing.assert_array_equal(back["theta"], more["theta"])
        assert (back["grid"] == 1).all()


def test_openair_tables_are_read_as_they_are(shared_data):
    path = shared_data / "trajectories" / "london_2010_hysplit_with_pollutants.csv"
    points = read_trajectories(path)
    raw = pd.read_csv(path)
    assert points["trajectory"].nunique() == raw.groupby(["receptor", "date"]).ngroups == 56
    assert points["age_h"].min() == -96.0
    np.testing.assert_array_equal(points["lat"], raw["lat"])
    np.testing.assert_array_equal(points["nox"], raw["nox"])
    assert points["start_time"].iloc[0] == pd.Timestamp("2010-04-15T00:00Z")


def test_unknown_extension_and_missing_columns(points, tmp_path):
    with pytest.raises(InvalidInput, match=r"extension '.xls' is not known .* use .tdump, .nc"):
        write_trajectories(points, tmp_path / "a.xls", {})
    with pytest.raises(InvalidInput, match=r"columns \['lat'\] are missing"):
        write_trajectories(points.drop(columns="lat"), tmp_path / "a.csv", {})
    with pytest.raises(SourceUnavailable, match="cannot be written"):
        write_trajectories(points, tmp_path / "no" / "a.csv", {})
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        read_trajectories(tmp_path / "absent.csv")
    (tmp_path / "a.xls").write_text("x")
    with pytest.raises(InvalidInput, match="is not known for trajectories"):
        read_trajectories(tmp_path / "a.xls")
    assert [p.name for p in tmp_path.iterdir()] == ["a.xls"]


@pytest.mark.parametrize("extension", LOSSLESS)
def test_a_file_that_is_not_what_it_says(tmp_path, extension):
    path = tmp_path / f"a{extension}"
    for content in (b"nothing of the kind\n", json.dumps({"type": "FeatureCollection", "features": []}).encode()):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="a\\.") as caught:
            read_trajectories(path)
        assert "\n" not in str(caught.value)
