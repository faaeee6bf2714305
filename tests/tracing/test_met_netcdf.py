"""NetCDF as the Climate Data Store and others write it: every dialect gives the same labelled fields."""

import numpy as np
import pytest
import xarray as xr

from geo.errors import InvalidInput, MissingData
from tracing.met import heights, open_met
from tracing.met.cf_names import GRAVITY
from tracing.trajectory import trajectories
from tracing.vertical_columns import R_DRY

STANDARD = ("u", "v", "t", "omega", "z", "zs", "sp", "u10", "v10", "t2m")


def cds(met: xr.Dataset, *, new: bool) -> xr.Dataset:
    """Return labelled meteorology as the Climate Data Store names it, old or new; north first, top first."""
    level, time = ("pressure_level", "valid_time") if new else ("level", "time")
    lat = {"latitude": ("latitude", met.lat.values, {"units": "degrees_north"})}
    lon = {"longitude": ("longitude", met.lon.values, {"units": "degrees_east"})}
    levels = {level: (level, met.level.values / 100.0, {"units": "hPa" if new else "millibars"})}
    dims = {"time": time, "level": level, "y": "latitude", "x": "longitude"}
    data = {}
    for name, units in {"u": "m s**-1", "v": "m s**-1", "t": "K", "omega": "Pa s**-1", "z": "m**2 s**-2"}.items():
        if name in met:
            scale = GRAVITY if name == "z" else 1.0
            values = met[name].values.astype(np.float64) * scale
            data["w" if name == "omega" else name] = ([dims[d] for d in met[name].dims], values, {"units": units})
    for name, units in {"sp": "Pa", "u10": "m s**-1", "v10": "m s**-1", "t2m": "K"}.items():
        if name in met:
            data[name] = ([dims[d] for d in met[name].dims], met[name].values.astype(np.float64), {"units": units})
    ds = xr.Dataset(data, {time: met.time.values, **levels, **lat, **lon}, {"history": "ECMWF grib_to_netcdf"})
    return ds.isel(latitude=slice(None, None, -1), **({} if new else {level: slice(None, None, -1)}))


def ground(met: xr.Dataset, *, new: bool) -> xr.Dataset:
    """Return the surface geopotential as a file of one time, of another day."""
    time = np.array(["1979-01-01T00"], "datetime64[ns]")
    values = met.zs.isel(time=[0]).values.astype(np.float64)[:, ::-1] * GRAVITY
    dims = ("valid_time" if new else "time", "latitude", "longitude")
    coords = {dims[0]: time, "latitude": met.lat.values[::-1], "longitude": met.lon.values}
    return xr.Dataset({"z": (dims, values, {"units": "m**2 s**-2"})}, coords)


def assert_same(met: xr.Dataset, want: xr.Dataset, names=STANDARD, **tolerance) -> None:
    np.testing.assert_array_equal(met.time.values, want.time.values)
    np.testing.assert_allclose(met.level.values, want.level.values)
    for name in names:
        assert met[name].dims == want[name].dims
        assert met[name].dtype == np.float32
        np.testing.assert_allclose(met[name].values, want[name].values, **{"rtol": 1e-5, "atol": 1e-4, **tolerance})


@pytest.fixture(scope="module")
def varied(tools) -> xr.Dataset:
    """A wind that differs everywhere and at every time, over hills, so that no axis can be swapped unseen."""
    rng = np.random.default_rng(3)
    grid = tools.latlon(110.0, 30.0, 0.5, 9, 7)
    met = tools.make(grid, lambda lon, lat: (lon - 112, lat - 31), hours=5, terrain=rng.uniform(0, 400, (7, 9)))
    noise = rng.normal(0, 3, met.u.shape).astype(np.float32)
    return met.assign(u=met.u + noise, omega=met.omega + 0.1 * noise, t=met.t + noise)


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_both_dialects_of_the_climate_data_store(varied, tmp_path, new, engine):
    fmt = {"format": "NETCDF3_64BIT"} if engine == "scipy" else {}
    ds = cds(varied, new=new)
    if new:
        ds = ds.assign_coords(number=0, expver=("valid_time", np.array(["0001"] * 6, dtype="S4")))
    ds.to_netcdf(tmp_path / "no-name-says-it", engine=engine, **fmt)
    ground(varied, new=new).to_netcdf(tmp_path / "zs", engine=engine, **fmt)
    met = open_met([tmp_path / "no-name-says-it", tmp_path / "zs"])
    assert_same(met, varied)
    assert met.attrs["vertical"] == "pressure"
    assert met.attrs["source"] == "ERA5"
    assert "assumed" not in met.attrs


def test_packed_pascal_other_order_and_members(varied, tmp_path):
    ds = cds(varied, new=False).transpose("longitude", "latitude", "level", "time")
    ds = ds.assign_coords(level=("level", ds.level.values * 100.0, {"units": "Pa"})).expand_dims(number=1)
    packing = {"dtype": "i2", "scale_factor": 1e-3, "add_offset": 5.0, "_FillValue": np.int16(-32767)}
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"u": packing, "v": packing})
    assert_same(open_met(tmp_path / "a.nc"), varied, ("u", "v", "t", "omega", "z"), atol=6e-4)
    two = xr.concat([ds, ds], "number", data_vars="all")
    two.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match=r"b\.nc: \w+ has 2 values along 'number'; cut out one"):
        open_met(tmp_path / "b.nc")


def test_preliminary_era5_fills_where_final_ends(varied, tmp_path):
    ds = cds(varied, new=False)
    late = xr.where(ds.time >= ds.time[4], True, False)
    both = xr.concat([ds.where(~late), ds.where(late)], xr.Variable("expver", [1, 5]), data_vars="all")
    both.transpose("time", "expver", ...).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    assert_same(open_met(tmp_path / "a.nc"), varied, ("u", "v", "t", "omega", "z", "sp"))


def test_variables_in_files_of_their_own_any_order(varied, tmp_path):
    ds = cds(varied, new=True)
    paths = []
    for name in ds.data_vars:
        for k, part in enumerate((slice(3, 6), slice(0, 4))):
            paths.append(tmp_path / f"{name}{k}.nc")
            ds[[name]].isel(valid_time=part).to_netcdf(paths[-1], engine="h5netcdf")
    ground(varied, new=True).to_netcdf(tmp_path / "zs.nc", engine="h5netcdf")
    met = open_met([*paths, tmp_path / "zs.nc"])
    assert_same(met, varied)
    xr.testing.assert_identical(open_met([tmp_path / "zs.nc", *paths[::-1]]), met)


def test_a_missing_wind_component_names_file_and_time(varied, tmp_path):
    ds = cds(varied, new=True)
    ds[["u", "z"]].to_netcdf(tmp_path / "u.nc", engine="h5netcdf")
    ds[["v"]].isel(valid_time=slice(0, 4)).to_netcdf(tmp_path / "v.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match=r"u\.nc: v is missing at 2020-02-28T16:00Z"):
        open_met([tmp_path / "u.nc", tmp_path / "v.nc"])


def test_a_gap_over_the_leap_day_and_a_year_end(varied, tmp_path):
    for k, day in enumerate(("2020-02-28T21", "2019-12-31T21")):
        moved = varied.assign_coords(time=np.datetime64(day, "ns") + np.arange(6) * np.timedelta64(1, "h"))
        ds = cds(moved, new=True)
        parts = [tmp_path / f"{k}{n}.nc" for n in range(2)]
        for path, rows in zip(parts, (slice(0, 3), slice(3, 6)), strict=True):
            ds.isel(valid_time=rows).to_netcdf(path, engine="h5netcdf")
        assert_same(open_met(parts[::-1]), moved, ("u", "t"))
        ds.isel(valid_time=slice(4, 6)).to_netcdf(parts[1], engine="h5netcdf")
        with pytest.raises(InvalidInput, match=r"T23:00Z .*0\.nc.*T01:00Z .*1\.nc.*own step is 1 h"):
            open_met(parts)


def test_what_is_left_out_is_said(varied, tmp_path):
    ds = cds(varied, new=True)
    ds.isel(valid_time=slice(0, 3)).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    ds.drop_vars("w").isel(valid_time=slice(3, 6)).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    met = open_met([tmp_path / "a.nc", tmp_path / "b.nc"])
    assert "omega" not in met
    assert any("omega left out: it is missing at 2020-02-28T15:00Z in" in said for said in met.attrs["assumed"])


def test_bad_files_are_named(varied, tmp_path):
    cds(varied, new=True).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    whole = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match=r"cut\.nc: damaged or cut short"):
        open_met(tmp_path / "cut.nc")
    (tmp_path / "download.nc").write_bytes(b"PK\x03\x04" + bytes(200))
    with pytest.raises(InvalidInput, match="zip archive.*unpack"):
        open_met(tmp_path / "download.nc")
    wrong = cds(varied, new=True)
    wrong["u"].attrs["units"] = "furlong"
    wrong.to_netcdf(tmp_path / "wrong.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match=r"wrong\.nc: u has unit 'furlong'"):
        open_met(tmp_path / "wrong.nc")
    xr.Dataset({"precip": (("latitude", "longitude"), np.zeros((2, 2)))}).to_netcdf(
        tmp_path / "p.nc", engine="h5netcdf"
    )
    with pytest.raises(InvalidInput, match=r"p\.nc: no latitude and longitude"):
        open_met(tmp_path / "p.nc")


def test_longitudes_over_the_dateline_and_round_the_earth(tools, tmp_path):
    met = tools.make(tools.latlon(175.0, 30.0, 2.5, 6, 4), lambda lon, lat: (lon, lat), hours=2)
    ds = cds(met, new=True)
    ds.assign_coords(longitude=(ds.longitude + 180.0) % 360.0 - 180.0).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    np.testing.assert_allclose(open_met(tmp_path / "a.nc").lon.values, met.lon.values)
    globe = tools.make(tools.latlon(0.0, 30.0, 30.0, 13, 3), lambda lon, lat: (lon, lat), hours=2)
    cds(globe, new=True).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    assert open_met(tmp_path / "b.nc").sizes["x"] == 12


# ICAO Doc 7488/3: 850, 500, 200 and 50 hPa lie at these geopotential heights.
@pytest.mark.parametrize(("hpa", "metres"), [(1013.25, 0.0), (850, 1457), (500, 5574), (200, 11784), (50, 20576)])
def test_standard_atmosphere(hpa, metres):
    assert heights.icao_height(hpa * 100.0) == pytest.approx(metres, abs=1.0)


def test_heights_from_temperature_and_surface_pressure(varied, tools, tmp_path):
    flat = varied.assign(t=xr.full_like(varied.t, 280.0))
    cds(flat, new=True).drop_vars("z").to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    ground(flat, new=True).to_netcdf(tmp_path / "zs.nc", engine="h5netcdf")
    met = open_met([tmp_path / "a.nc", tmp_path / "zs.nc"])
    # Isothermal: z = H ln(p0 / p) exactly, over whatever hill.
    np.testing.assert_allclose(met.z.values, flat.z.values * 287.05287 / R_DRY, atol=2.0)
    assert "hypsometric equation, from the ground" in met.attrs["assumed"][0]
    alone = open_met(tmp_path / "a.nc")
    thickness = (alone.z.isel(level=-1) - alone.z.isel(level=0)).values
    np.testing.assert_allclose(thickness, (met.z.isel(level=-1) - met.z.isel(level=0)).values, rtol=1e-5)
    assert "surface pressure in the ICAO" in alone.attrs["assumed"][0]


def test_no_temperature_no_heights_is_the_standard_atmosphere(varied, tmp_path):
    cds(varied, new=True)[["u", "v", "sp"]].to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    met = open_met(tmp_path / "a.nc")
    np.testing.assert_allclose(met.z.values[0, :, 0, 0], heights.icao_height(met.level.values), rtol=1e-6)
    assert "ICAO standard atmosphere" in met.attrs["assumed"][0]


def test_fields_are_read_one_time_at_a_time(varied, tmp_path):
    cds(varied, new=True).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    met = open_met(tmp_path / "a.nc")
    assert not met["u"].variable._in_memory
    np.testing.assert_array_equal(met.u.isel(time=slice(4, 1, -2)).values, met.u.values[4:1:-2])
    np.testing.assert_array_equal(met.u.isel(time=2, level=1).values, met.u.values[2, 1])
    assert met.u.isel(time=slice(0, 0)).values.shape == (0, *met.u.shape[1:])


def test_real_era5_in_six_files(shared_data, tools):
    files = sorted((shared_data / "met" / "era5_20200101").glob("*.nc"))
    met = open_met(files)
    with xr.open_dataset(files[1], engine="h5netcdf") as raw:
        want = raw.u.sel(latitude=50.0, longitude=5.0, level=850).values
    np.testing.assert_allclose(met.u.sel(level=85_000.0).isel(y=20, x=20).values, want, rtol=1e-6)
    start = tools.start("2020-01-01T12:00Z", 5.0, 50.0, 500.0)
    for vertical in ("isobaric", "divergence", "constant-height"):
        points = trajectories(met, start, hours=-10, vertical=vertical)
        assert list(points.end_reason.unique()) == ["completed"]
    with pytest.raises(MissingData, match=r"no vertical motion \(omega\).*choose vertical isobaric or divergence"):
        trajectories(met, start, hours=-10)


@pytest.mark.parametrize(("name", "source"), [("met-era5-cocip1.nc", "ERA5"), ("met-gfs.nc", "GFS")])
def test_real_upper_air(shared_data, name, source):
    met = open_met(shared_data / "met" / "era5_gfs_upper" / name)
    assert {"u", "v", "omega", "t", "q", "z"} <= set(met)
    assert met.attrs["source"] == source
    # The heights that the file holds are within 7 % of the standard atmosphere's.
    np.testing.assert_allclose(
        met.z.values, np.broadcast_to(heights.icao_height(met.level.values)[:, None, None], met.z.shape), rtol=0.07
    )
