from datetime import datetime, timedelta, timezone

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr
from pyproj import CRS

from geo.errors import InvalidInput, SourceUnavailable
from geo.rasters import Raster, pixel_centres_lonlat, read_raster, write_cog

NOON = pd.Timestamp("2024-06-12T05:30:00Z")
KELVIN = np.array([[300.0, 301.5, 299.0], [298.0, 340.25, np.nan]], dtype=np.float32)


def grid_at(west, north, step):
    return rasterio.Affine(step, 0.0, west, 0.0, -step, north)


def write_tif(path, values=KELVIN, *, tags=None, band_tags=None, **profile):
    stack = values if values.ndim == 3 else values[None]
    settings = {
        "driver": "GTiff",
        "count": stack.shape[0],
        "height": stack.shape[1],
        "width": stack.shape[2],
        "dtype": stack.dtype,
        "crs": "EPSG:4326",
        "transform": grid_at(119.0, 35.0, 0.01),
    } | profile
    with rasterio.open(path, "w", **settings) as out:
        out.write(stack)
        out.update_tags(**({"time": "2024-06-12T05:30:00Z"} if tags is None else tags))
        if band_tags:
            out.update_tags(1, **band_tags)
    return path


def cf_dataset(values=KELVIN, lat=(34.995, 34.985), lon=(119.005, 119.015, 119.025), **attrs):
    field = xr.DataArray(values, dims=("lat", "lon"), attrs={"units": "K"} | attrs)
    dataset = xr.Dataset({"bt4": field}, coords={"lat": list(lat), "lon": list(lon)})
    dataset["lat"].attrs["units"] = "degrees_north"
    dataset["lon"].attrs["units"] = "degrees_east"
    return dataset.assign_coords(time=pd.Timestamp("2024-06-12T05:30:00"))


@pytest.fixture(params=["scipy", "h5netcdf"], ids=["netcdf3", "netcdf4"])
def write_nc(request, tmp_path):
    def write(dataset, **options):
        path = tmp_path / "scene.nc"
        dataset.to_netcdf(path, engine=request.param, **options)
        return path

    return write


def test_geotiff_with_its_time_and_units(tmp_path):
    raster = read_raster(write_tif(tmp_path / "a.tif", tags={"time": "2024-06-12T13:30:00+08:00", "Satellite": "NPP"}))
    assert raster.time == NOON
    assert str(raster.time.tz) == "UTC"
    assert raster.kind == "brightness_temperature"
    assert raster.values.dtype == np.float32
    assert np.array_equal(raster.values, KELVIN, equal_nan=True)
    assert raster.attrs["satellite"] == "NPP"
    assert raster.attrs["units"] == "K"
    assert (raster.attrs["time_from"], raster.attrs["kind_from"]) == ("file", "values")


def test_geotiff_scale_offset_nodata(tmp_path):
    packed = np.array([[0, 100, 65535], [65535, 7000, 10]], dtype=np.uint16)
    path = write_tif(tmp_path / "a.tif", packed, nodata=65535)
    with rasterio.open(path, "r+") as out:
        out.scales, out.offsets = (0.01,), (270.0,)
    expected = [[270.0, 271.0, np.nan], [np.nan, 340.0, 270.1]]
    assert np.allclose(read_raster(path).values, expected, equal_nan=True, rtol=0.0, atol=1e-4)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"TIFFTAG_DATETIME": "2024:06:12 05:30:00"}, NOON),
        ({"acquisition_time": "2024-06-12 05:30"}, NOON),
        ({"TIFFTAG_DATETIME": "2020:01:01 00:00:00", "time": "2024-06-12T05:30:00Z"}, NOON),
    ],
)
def test_geotiff_time_tags_in_order(tmp_path, tags, expected):
    assert read_raster(write_tif(tmp_path / "a.tif", tags=tags)).time == expected


@pytest.mark.parametrize(
    "given", ["2024-06-12T05:30", datetime(2024, 6, 12, 13, 30, tzinfo=timezone(timedelta(hours=8))), NOON]
)
def test_the_time_argument_wins_and_is_utc(tmp_path, given):
    raster = read_raster(write_tif(tmp_path / "a.tif", tags={"time": "1999-01-01"}), time=given)
    assert raster.time == NOON
    assert raster.attrs["time_from"] == "argument"


def test_missing_or_wrong_times_are_said(tmp_path):
    with pytest.raises(InvalidInput, match=r"a\.tif does not say when it was acquired: give the time"):
        read_raster(write_tif(tmp_path / "a.tif", tags={}))
    with pytest.raises(InvalidInput, match=r"a\.tif, metadata item time: 'noonish' is no time"):
        read_raster(write_tif(tmp_path / "a.tif", tags={"time": "noonish"}))
    with pytest.raises(InvalidInput, match="time: 'NaT' is no time"):
        read_raster(tmp_path / "a.tif", time="NaT")


def test_the_band_is_chosen_by_description_or_number(tmp_path):
    path = write_tif(tmp_path / "a.tif", np.stack([KELVIN, KELVIN + 10]))
    with rasterio.open(path, "r+") as out:
        out.descriptions = ("I4", "I5")
    with pytest.raises(InvalidInput, match="2 bands: name one of I4, I5"):
        read_raster(path)
    for name in ("I5", "2"):
        assert read_raster(path, variable=name).values[0, 0] == 310.0
    with pytest.raises(InvalidInput, match="no band 'I6'"):
        read_raster(path, variable="I6")


@pytest.mark.parametrize(
    ("values", "band_tags", "kind", "reason"),
    [
        (np.array([[0, 5, 9], [3, 3, 7]], dtype=np.uint8), None, "fire_mask", "values"),
        (np.array([[0, 5, 9], [3, 3, 7]], dtype=np.uint8), {"long_name": "fire mask"}, "fire_mask", "name"),
        (KELVIN, {"units": "Kelvin"}, "brightness_temperature", "units"),
        (KELVIN, {"standard_name": "toa_brightness_temperature"}, "brightness_temperature", "name"),
    ],
)
def test_the_kind_is_told_by_metadata_first(tmp_path, values, band_tags, kind, reason):
    raster = read_raster(write_tif(tmp_path / "a.tif", values, band_tags=band_tags))
    assert raster.kind == kind
    assert raster.attrs["kind_from"] == reason


def test_celsius_becomes_kelvin(tmp_path):
    path = write_tif(tmp_path / "a.tif", KELVIN - np.float32(273.15), band_tags={"units": "degC"})
    raster = read_raster(path)
    assert np.allclose(raster.values, KELVIN, equal_nan=True, rtol=0.0, atol=1e-3)
    assert raster.attrs["converted"].startswith("degrees Celsius")


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        (np.array([[20.5, 31.0], [25.0, -3.0]]), None, r"\(-3 to 31\) are neither a fire mask .* nor brightness"),
        (np.array([[3.0, 400.0], [3.0, 3.0]]), "fire_mask", r"1 pixels .* do not fit the kind fire_mask"),
        (np.array([[300.0, -999.0], [0.0, 300.0]]), "brightness_temperature", r"2 pixels \(-999 to 300\) do not fit"),
        (np.array([[300.0, np.inf], [300.0, 300.0]]), "brightness_temperature", "1 pixels"),
        (np.full((2, 2), np.nan), None, "all missing"),
    ],
)
def test_values_of_no_kind_are_refused(tmp_path, values, kind, text):
    with pytest.raises(InvalidInput, match=text) as caught:
        read_raster(write_tif(tmp_path / "a.tif", values), kind=kind)
    assert "\n" not in str(caught.value)


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="fire_mask, brightness_temperature"):
        read_raster(tmp_path / "a.tif", kind="ndvi")


def test_files_that_are_not_what_they_say(tmp_path):
    for name, content, text in (
        ("text.tif", b"just some words", "neither GeoTIFF nor NetCDF"),
        ("empty.nc", b"", "neither GeoTIFF nor NetCDF"),
        ("broken.tif", b"II*\x00" + b"\x00" * 40, "cannot be read as GeoTIFF"),
        ("broken.nc", b"CDF\x01" + b"\xff" * 60, "cannot be read as NetCDF"),
        ("broken4.nc", b"\x89HDF\r\n\x1a\n" + b"\x00" * 60, "cannot be read as NetCDF"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidInput, match=text) as caught:
            read_raster(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(SourceUnavailable, match="no file"):
        read_raster(tmp_path / "absent.tif")
    with pytest.raises(SourceUnavailable, match="no file"):
        read_raster(tmp_path)


def test_a_truncated_geotiff_is_refused(tmp_path):
    path = write_tif(tmp_path / "a.tif", np.full((200, 200), 300.0))
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InvalidInput, match="is the file complete"):
        read_raster(path)


def test_hdf4_is_named(shared_data):
    with pytest.raises(InvalidInput, match="is HDF4"):
        read_raster(shared_data / "fire" / "MOD14.A2018312.1950.061.2021344091856.hdf")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_no_georeference_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no georeference"):
        read_raster(write_tif(tmp_path / "a.tif", crs=None))
    with pytest.raises(InvalidInput, match="no georeference"):
        read_raster(write_tif(tmp_path / "b.tif", transform=rasterio.Affine.identity()))
    local = 'LOCAL_CS["works grid",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    with pytest.raises(InvalidInput, match="local CRS"):
        read_raster(write_tif(tmp_path / "c.tif", crs=local))


def test_too_small_and_too_large(tmp_path, monkeypatch):
    with pytest.raises(InvalidInput, match="1 x 3 pixels"):
        read_raster(write_tif(tmp_path / "a.tif", KELVIN[:1]))
    monkeypatch.setattr("geo.raster_grid.MAX_PIXELS", 5)
    with pytest.raises(InvalidInput, match="2 x 3 pixels are more than 5"):
        read_raster(write_tif(tmp_path / "a.tif"))


@pytest.mark.parametrize("south_first", [False, True])
@pytest.mark.parametrize("east_first", [False, True])
def test_netcdf_is_turned_north_up_and_west_first(write_nc, south_first, east_first):
    dataset = cf_dataset()
    if south_first:
        dataset = dataset.isel(lat=slice(None, None, -1))
    if east_first:
        dataset = dataset.isel(lon=slice(None, None, -1))
    raster = read_raster(write_nc(dataset))
    assert np.array_equal(raster.values, KELVIN, equal_nan=True)
    assert raster.time == NOON
    assert raster.crs.to_epsg() == 4326
    lon, lat = pixel_centres_lonlat(raster, 1, 1)
    assert (lon, lat) == (pytest.approx(119.015), pytest.approx(34.985))
    assert raster.kind == "brightness_temperature"


def test_netcdf_packing_fill_and_valid_range(write_nc):
    dataset = cf_dataset(np.array([[300.0, 320.0, np.nan], [265.0, 366.99, 500.0]]))
    packing = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 300.0, "_FillValue": -32768}
    # In packed units: 270 K to 367 K.
    dataset["bt4"].attrs["valid_range"] = np.array([-3000, 6700], dtype=np.int16)
    raster = read_raster(write_nc(dataset, encoding={"bt4": packing}))
    expected = [[300.0, 320.0, np.nan], [np.nan, 366.99, np.nan]]
    assert np.allclose(raster.values, expected, equal_nan=True, rtol=0.0, atol=1e-3)


def test_netcdf_steps_are_chosen_by_time(write_nc):
    times = pd.date_range("2024-06-12", periods=3, freq="h")
    steps = xr.concat([cf_dataset(KELVIN + i).drop_vars("time") for i in range(3)], dim=pd.Index(times, name="time"))
    path = write_nc(steps)
    assert read_raster(path, time="2024-06-12T01:00Z").values[0, 0] == 301.0
    with pytest.raises(InvalidInput, match="3 times from 2024-06-12T00:00:00Z to 2024-06-12T02:00:00Z: say which"):
        read_raster(path)
    with pytest.raises(InvalidInput, match="none at 2024-06-12T01:30:00Z"):
        read_raster(path, time="2024-06-12T01:30Z")
    assert read_raster(write_nc(steps.isel(time=[2]))).time == pd.Timestamp("2024-06-12T02:00Z")


def test_netcdf_time_from_metadata_or_none(write_nc):
    bare = cf_dataset().drop_vars("time")
    with pytest.raises(InvalidInput, match="does not say when"):
        read_raster(write_nc(bare))
    bare.attrs["time_coverage_start"] = "2024-06-12T05:30:00Z"
    assert read_raster(write_nc(bare)).time == NOON


def test_netcdf_with_several_grids_asks_which(write_nc):
    dataset = cf_dataset()
    dataset["fire_mask"] = (("lat", "lon"), np.array([[3, 9, 5], [0, 3, 3]], dtype=np.int8))
    path = write_nc(dataset)
    with pytest.raises(InvalidInput, match="name one of bt4, fire_mask"):
        read_raster(path)
    mask = read_raster(path, variable="fire_mask")
    assert (mask.kind, mask.values[0, 1]) == ("fire_mask", 9.0)
    with pytest.raises(InvalidInput, match="no variable 'frp': its grids are bt4, fire_mask"):
        read_raster(path, variable="frp")


def test_netcdf_longitudes_beyond_180(write_nc):
    world = xr.DataArray(np.tile(np.arange(36.0) + 250.0, (18, 1)), dims=("lat", "lon"), attrs={"units": "K"})
    lat, lon = np.arange(-85.0, 90.0, 10.0), np.arange(5.0, 360.0, 10.0)
    path = write_nc(xr.Dataset({"bt": world}, coords={"lat": lat, "lon": lon}), encoding={})
    raster = read_raster(path, time=NOON)
    assert raster.transform.c == pytest.approx(-180.0)
    lons, _ = pixel_centres_lonlat(raster, 0, np.arange(36))
    assert np.allclose(raster.values[0], 250.0 + (lons % 360.0 - 5.0) / 10.0)


def test_netcdf_across_the_dateline_keeps_its_order(write_nc):
    raster = read_raster(write_nc(cf_dataset(lon=(179.0, 180.0, 181.0))))
    lons, _ = pixel_centres_lonlat(raster, 0, [0, 1, 2])
    assert np.allclose(lons, [179.0, 180.0, -179.0])


def test_netcdf_projected_grid(write_nc):
    crs = CRS.from_epsg(32650)
    field = xr.DataArray(KELVIN, dims=("y", "x"), attrs={"units": "K", "grid_mapping": "crs"})
    dataset = xr.Dataset({"bt": field, "crs": xr.DataArray(0, attrs=crs.to_cf())})
    dataset = dataset.assign_coords(x=[700.0, 701.0, 702.0], y=[3830.0, 3829.0])
    for name in ("x", "y"):
        dataset[name].attrs |= {"units": "km", "standard_name": f"projection_{name}_coordinate"}
    raster = read_raster(write_nc(dataset), time=NOON)
    lon, lat = pixel_centres_lonlat(raster, 1, 2)
    truth = gpd.GeoSeries([shapely.Point(702_000, 3_829_000)], crs=32650).to_crs(4326)[0]
    assert (lon, lat) == (pytest.approx(truth.x, abs=1e-9), pytest.approx(truth.y, abs=1e-9))
    with pytest.raises(InvalidInput, match="no grid mapping"):
        read_raster(write_nc(dataset.drop_vars("crs")), time=NOON)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.assign_coords(lat=[95.0, 94.0]), "latitudes run from 94 to 95"),
        (lambda d: d.assign_coords(lon=[119.0, 119.1, 119.5]), "column coordinates are not evenly spaced"),
        (lambda d: d.drop_vars(["lat", "lon"]), "no variable on a regular grid"),
        (lambda d: d.expand_dims(band=2), r"also by band"),
        (lambda d: d.isel(lat=[0]), "1 x 3 pixels"),
    ],
)
def test_netcdf_grids_that_cannot_be_used(write_nc, change, text):
    with pytest.raises(InvalidInput, match=text) as caught:
        read_raster(write_nc(change(cf_dataset())))
    assert "\n" not in str(caught.value)


def test_a_swath_is_named(write_nc):
    lat = xr.DataArray(np.array([[35.0, 35.1], [34.9, 35.0]]), dims=("line", "pixel"), attrs={"units": "degrees_north"})
    lon = xr.DataArray(lat.values + 84, dims=("line", "pixel"), attrs={"units": "degrees_east"})
    bt = xr.DataArray(np.full((2, 2), 300.0), dims=("line", "pixel"))
    with pytest.raises(InvalidInput, match="swath"):
        read_raster(write_nc(xr.Dataset({"bt": bt, "latitude": lat, "longitude": lon})))


def test_cog_round_trip(tmp_path):
    values = np.full((700, 600), 290.0, dtype=np.float32)
    values[3, 4] = np.nan
    original = Raster(
        values,
        grid_at(119.0, 35.0, 0.01),
        rasterio.CRS.from_epsg(4326),
        NOON,
        "brightness_temperature",
        {"satellite": "NPP", "note_zh": "合成数据", "synthetic": "true", "variable": "I4"},
    )
    path = write_cog(original, tmp_path / "a.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    back = read_raster(path)
    assert np.array_equal(back.values, values, equal_nan=True)
    assert (back.time, back.kind, back.crs, back.transform) == (NOON, original.kind, original.crs, original.transform)
    assert back.attrs["note_zh"] == "合成数据"
    assert back.attrs["variable"] == "I4"
    with rasterio.open(path) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.overviews(1)
        assert np.isnan(source.nodata)


def test_cog_bytes_are_reproducible(tmp_path):
    grid = grid_at(119.0, 35.0, 0.01)
    raster = Raster(np.full((9, 9), 3.0), grid, rasterio.CRS.from_epsg(4326), NOON, "fire_mask")
    first = write_cog(raster, tmp_path / "a.tif").read_bytes()
    assert write_cog(raster, tmp_path / "b.tif").read_bytes() == first


def test_a_failed_write_leaves_no_rest(tmp_path):
    good = Raster(np.full((9, 9), 3.0), grid_at(119.0, 35.0, 1.0), rasterio.CRS.from_epsg(4326), NOON, "fire_mask")
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(SourceUnavailable, match=r"cannot write .*a\.tif"):
        write_cog(good, tmp_path / "a.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    with pytest.raises(SourceUnavailable, match="is not there, create it first"):
        write_cog(good, tmp_path / "absent" / "a.tif")


def test_pixel_centres_in_a_gauss_kruger_zone(tmp_path):
    truth = gpd.GeoSeries([shapely.Point(119.2, 34.6)], crs=4326).to_crs(4527)[0]
    grid = grid_at(truth.x - 1500.0, truth.y + 500.0, 1000.0)
    raster = read_raster(write_tif(tmp_path / "a.tif", crs="EPSG:4527", transform=grid))
    lon, lat = pixel_centres_lonlat(raster, [0], [1])
    assert np.allclose([lon[0], lat[0]], [119.2, 34.6], rtol=0.0, atol=1e-8)
    with pytest.raises(InvalidInput, match="outside the grid of 2 rows and 3 columns"):
        pixel_centres_lonlat(raster, [2], [0])
    assert pixel_centres_lonlat(raster, np.array([], dtype=int), np.array([], dtype=int))[0].size == 0


def test_pixel_centres_of_a_rotated_grid():
    turn = (
        rasterio.Affine.translation(119.0, 35.0) @ rasterio.Affine.rotation(30.0) @ rasterio.Affine.scale(0.01, -0.01)
    )
    raster = Raster(KELVIN, turn, rasterio.CRS.from_epsg(4326), NOON, "brightness_temperature")
    lon, lat = pixel_centres_lonlat(raster, 1, 2)
    angle = np.radians(30.0)
    assert lon == pytest.approx(119.0 + 0.025 * np.cos(angle) + 0.015 * np.sin(angle))
    assert lat == pytest.approx(35.0 + 0.025 * np.sin(angle) - 0.015 * np.cos(angle))


def test_a_raster_has_two_dimensions_and_a_known_kind():
    grid, crs = grid_at(119.0, 35.0, 1.0), rasterio.CRS.from_epsg(4326)
    with pytest.raises(InvalidInput, match="shape .1, 2, 3."):
        Raster(np.zeros((1, 2, 3)), grid, crs, NOON, "fire_mask")
    with pytest.raises(InvalidInput, match="shape .0, 3."):
        Raster(np.zeros((0, 3)), grid, crs, NOON, "fire_mask")
    with pytest.raises(InvalidInput, match="unknown kind"):
        Raster(np.zeros((2, 3)), grid, crs, NOON, "mask")


def test_real_grids_that_are_no_fire_scenes_are_refused(shared_data):
    with pytest.raises(InvalidInput, match="neither a fire mask"):
        read_raster(shared_data / "layers" / "gebco_2025_CN.tif", time=NOON)
    with pytest.raises(InvalidInput, match="not evenly spaced"):
        read_raster(shared_data / "layers" / "pop_density_china.nc", time=NOON)
