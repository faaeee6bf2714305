"""`suyuan hotspots gi` and `moran` on rasters, and the options of the neighbourhoods."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine

from tracing.hotspots import gi_star


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).normal(40.0, 5.0, (12, 15)).astype("float32")
    values[3:6, 4:8] += 30.0
    values[:, 12:] = np.nan
    profile = {"driver": "GTiff", "width": 15, "height": 12, "count": 1, "dtype": "float32", "crs": "EPSG:32650"}
    path = tmp_path / "no2.tif"
    with rasterio.open(
        path, "w", transform=Affine(3000, 0, 690_000, 0, -3000, 3_860_000), nodata=np.nan, **profile
    ) as out:
        out.write(values, 1)
    return path


def test_a_raster_in_and_a_raster_out(suyuan, raster, tmp_path) -> None:
    out, cells = tmp_path / "z.tif", tmp_path / "z.geojson"
    options = ("hotspots", "gi", raster, "--value", "value", "--neighbours", "contiguity")
    code, said, _ = suyuan(*options, "--output", out)
    assert code == 0
    assert "of 144 places" in said
    with rasterio.open(out) as made, rasterio.open(raster) as source:
        assert made.descriptions == ("z", "p", "p_fdr", "class")
        assert (made.transform, made.crs, made.shape) == (source.transform, source.crs, source.shape)
        z, kind = made.read(1), made.read(4)
        assert np.isnan(z[:, 12:]).all()
        assert (kind[4, 5:7] == 3).all()
        values = source.read(1)
    assert suyuan(*options, "--output", cells)[0] == 0
    frame = gpd.read_file(cells)
    assert frame["z"].to_numpy() == pytest.approx(z[:, :12].ravel())
    # Queen contiguity of pixels: an inner one has eight neighbours, the sea none.
    assert frame["n_neighbours"].max() == 8
    assert frame["value"].to_numpy() == pytest.approx(values[:, :12].ravel())
    direct = gi_star(frame[["value", "geometry"]], "value", neighbours="contiguity")
    assert direct["z"].to_numpy() == pytest.approx(frame["z"].to_numpy())


def test_moran_of_a_raster_with_the_chosen_scale(suyuan, raster, tmp_path) -> None:
    out = tmp_path / "m.tif"
    code, _, notes = suyuan("hotspots", "moran", raster, "--value", "1", "--neighbours", "auto", "--output", out)
    assert code == 0, notes
    assert "Moran's I" in notes
    with rasterio.open(out) as made:
        assert made.descriptions[0] == "local_i"


BAD = {
    "points into tif": ("{points}", ("--value", "capacity_tph"), ".tif", "only what comes from a raster"),
    "no band": ("{raster}", ("--value", "3"), ".tif", "no band '3'"),
    "degrees": (
        "{points}",
        ("--value", "capacity_tph", "--neighbours", "distance:0.05"),
        ".csv",
        "distances are metres",
    ),
    "islands": ("{points}", ("--value", "capacity_tph", "--islands", "gone"), ".csv", "--islands gone"),
    "inverse": ("{points}", ("--value", "capacity_tph", "--neighbours", "inverse:x"), ".csv", "not understood"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_2_and_one_line(suyuan, raster, root, tmp_path, name) -> None:
    source, options, suffix, told = BAD[name]
    file = source.format(points=root / "data_samples" / "boilers.csv", raster=raster)
    out = tmp_path / f"o{suffix}"
    code, _, said = suyuan("hotspots", "gi", file, *options, "--output", out)
    assert code == 2
    assert told in said
    assert not out.exists()


def test_an_empty_raster(suyuan, tmp_path) -> None:
    profile = {"driver": "GTiff", "width": 3, "height": 3, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "e.tif", "w", transform=Affine(1, 0, 118, 0, -1, 36), nodata=-1, **profile) as out:
        out.write(np.full((3, 3), -1, dtype="float32"), 1)
    code, _, said = suyuan("hotspots", "gi", tmp_path / "e.tif", "--value", "value")
    assert (code, "no pixel has a value" in said) == (2, True)
