"""ERA5 model levels and a wind at 10 m only."""

import numpy as np
import pytest
import xarray as xr

from geo.errors import MissingData
from tracing.met import open_met
from tracing.met.heights import GRAVITY, R_DRY
from tracing.met.model_levels import half_level_heights
from tracing.trajectory import trajectories

T_KELVIN, N = 280.0, 30
SCALE = R_DRY * T_KELVIN / GRAVITY
# Half levels from the top (0 Pa) to the ground: pressure above, sigma below, as at ECMWF.
_ETA = np.linspace(0.0, 1.0, N + 1)
HALF_B = _ETA**2
HALF_A = 100_000.0 * (_ETA - _ETA**2)


def model_levels(*, lnsp: bool = True, hours: int = 4) -> xr.Dataset:
    """Return an isothermal atmosphere on model levels over surface pressure that slopes, 10 m/s from the west."""
    lat, lon = np.arange(36.0, 29.5, -1.0), np.arange(110.0, 122.5, 1.0)
    sp = 95_000.0 + 500.0 * np.arange(lon.size) * np.ones((lat.size, 1))
    n = hours + 1
    shape = (n, N, lat.size, lon.size)
    dims = ("time", "level", "latitude", "longitude")
    data = {
        "u": (dims, np.full(shape, 10.0), {"units": "m s**-1"}),
        "v": (dims, np.zeros(shape), {"units": "m s**-1"}),
        "t": (dims, np.full(shape, T_KELVIN), {"units": "K"}),
        "w": (dims, np.zeros(shape), {"units": "Pa s**-1"}),
        "z": (("time", *dims[2:]), GRAVITY * SCALE * np.log(101_325.0 / sp) * np.ones((n, 1, 1)), {"units": "m2 s-2"}),
    }
    surface = np.log(sp) if lnsp else sp
    name, unit = ("lnsp", "~") if lnsp else ("sp", "Pa")
    data[name] = (("time", *dims[2:]), surface * np.ones((n, 1, 1)), {"units": unit})
    coords = {
        "time": np.datetime64("2020-02-29", "ns") + np.arange(n) * np.timedelta64(1, "h"),
        "level": ("level", np.arange(1, N + 1), {"long_name": "model_level_number"}),
        "latitude": lat,
        "longitude": lon,
    }
    return xr.Dataset(data, coords)


def coefficients() -> xr.Dataset:
    return xr.Dataset({"hyai": ("nhyi", HALF_A), "hybi": ("nhyi", HALF_B)})


def test_heights_between_half_levels():
    # One layer from 1000 to 500 hPa at 250 K, by hand: alpha = 1 - 1/(2-1) ln 2 = 0.306853.
    half = np.array([100_000.0, 50_000.0])[:, None, None]
    p, z = half_level_heights(half, np.full((1, 1, 1), 250.0))
    assert p.item() == 75_000.0
    assert z.item() == pytest.approx(287.05287 * 250.0 / 9.80665 * 0.306853, rel=1e-6)


@pytest.mark.parametrize("lnsp", [True, False])
def test_model_levels_become_heights_above_ground(lnsp, tmp_path, tools):
    xr.merge([model_levels(lnsp=lnsp), coefficients()]).to_netcdf(tmp_path / "ml", engine="h5netcdf")
    met = open_met(tmp_path / "ml")
    assert met.attrs["vertical"] == "terrain"
    assert np.all(np.diff(met.level.values) > 0)
    low = met.level.values < 10_000.0
    want = met.sp.values[0] * np.exp(-met.level.values[:, None, None] / SCALE)
    # 30 levels are coarse: layers of 5 % of the pressure.
    np.testing.assert_allclose(met.p.values[0][low], want[low], rtol=5e-3)
    np.testing.assert_allclose(met.zs.values[0, 0], SCALE * np.log(101_325.0 / met.sp.values[0, 0]), rtol=1e-4)
    path = trajectories(met, tools.start("2020-02-29T00:00Z", 112.0, 33.0, 1000.0), hours=3)
    assert path.end_reason.iloc[-1] == "completed"
    assert tools.separation_km(112.0, 33.0, path.lon.iloc[-1], path.lat.iloc[-1]) == pytest.approx(108.0, abs=0.1)


def test_coefficients_in_a_file_of_their_own(tmp_path):
    model_levels().to_netcdf(tmp_path / "ml", engine="h5netcdf")
    coefficients().to_netcdf(tmp_path / "ab", engine="h5netcdf")
    xr.merge([model_levels(), coefficients()]).to_netcdf(tmp_path / "both", engine="h5netcdf")
    apart, both = open_met([tmp_path / "ab", tmp_path / "ml"]), open_met(tmp_path / "both")
    xr.testing.assert_equal(apart.drop_vars("file"), both.drop_vars("file"))


def test_what_is_missing_is_said(tmp_path):
    model_levels().to_netcdf(tmp_path / "ml", engine="h5netcdf")
    coefficients().to_netcdf(tmp_path / "ab", engine="h5netcdf")
    with pytest.raises(MissingData, match="30 model levels up to number 30 without.*file with hyai"):
        open_met(tmp_path / "ml")
    model_levels().isel(level=slice(5, 20)).to_netcdf(tmp_path / "part", engine="h5netcdf")
    with pytest.raises(MissingData, match=r"model levels 6 to 20 of 30; levels from the ground \(30\) up"):
        open_met([tmp_path / "part", tmp_path / "ab"])
    model_levels().drop_vars("lnsp").to_netcdf(tmp_path / "no", engine="h5netcdf")
    coefficients().to_netcdf(tmp_path / "ab", engine="h5netcdf")
    with pytest.raises(MissingData, match=r"surface pressure \(sp or lnsp\); only"):
        open_met([tmp_path / "no", tmp_path / "ab"])


def test_a_wind_at_ten_metres_only(eastward, tools, tmp_path):
    names = {"time": "valid_time", "lat": "latitude", "lon": "longitude"}
    ds = eastward[["u10", "v10"]].swap_dims(x="lon", y="lat").rename(names)
    for name in ("u10", "v10"):
        ds[name].attrs["units"] = "m s-1"
        ds[[name]].to_netcdf(tmp_path / name, engine="h5netcdf")
    met = open_met([tmp_path / "u10", tmp_path / "v10"])
    assert met.attrs["only_vertical"] == "constant-height"
    assert "nothing but constant-height at 10 m" in met.attrs["assumed"][-1]
    path = trajectories(met, tools.start("2020-02-28T12:00Z", 2.0, 40.0, 10.0), hours=10, vertical="constant-height")
    assert path.end_reason.iloc[-1] == "completed"
    np.testing.assert_allclose(path.height_m_agl, 10.0, atol=0.01)
    assert tools.separation_km(2.0, 40.0, path.lon.iloc[-1], path.lat.iloc[-1]) == pytest.approx(360.0, abs=0.2)
