"""WRF output with known answers: a wind that turns with the Earth's axis keeps its latitude on every projection."""

import numpy as np
import pytest
import xarray as xr
from pyproj import Proj

from geo.errors import InvalidInput
from tracing.met import open_met
from tracing.met.grid import grid_of
from tracing.trajectory import trajectories

WRF_RADIUS, WRF_GRAVITY, T_KELVIN = 6_370_000.0, 9.81, 280.0
SCALE = 287.0 * T_KELVIN / WRF_GRAVITY
DEGREES_PER_HOUR = 0.4
DX = 40_000.0
PROJECTIONS = {
    "lambert": (1, f"+proj=lcc +lat_1=30 +lat_2=60 +lat_0=36 +lon_0=118 +R={WRF_RADIUS}", 30.0, 60.0),
    "polar": (2, f"+proj=stere +lat_0=90 +lat_ts=60 +lon_0=118 +R={WRF_RADIUS}", 60.0, 60.0),
    "mercator": (3, f"+proj=merc +lat_ts=30 +lon_0=118 +R={WRF_RADIUS}", 30.0, 30.0),
    "latlon": (6, "", 0.0, 0.0),
}
CENTRE = (119.2, 34.6)
NX, NY, N_ETA = 41, 37, 25


def points(name: str, dx: float, dy: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lon, lat of the grid's points, moved by parts of a cell."""
    col, row = np.meshgrid(np.arange(NX) + dx - NX // 2, np.arange(NY) + dy - NY // 2)
    if name == "latlon":
        return CENTRE[0] + 0.4 * col, CENTRE[1] + 0.4 * row
    projection = Proj(PROJECTIONS[name][1])
    x0, y0 = projection(*CENTRE)
    return projection(x0 + DX * col, y0 + DX * row, inverse=True)


def along(name: str, axis: int, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Return the component along a grid axis (0: x, 1: y) of the wind that turns with the Earth's axis, m/s."""
    east = np.radians(DEGREES_PER_HOUR) * 6_371_200.0 * np.cos(np.radians(lat)) / 3600.0
    if name == "latlon":
        return east if axis == 0 else 0.0 * east
    projection = Proj(PROJECTIONS[name][1])
    here, beside = (np.stack(projection(lon + d, lat)) for d in (0.0, 1e-4))
    step = beside - here
    return east * (step / np.hypot(*step))[axis]


def wrf(name: str, *, hours: int = 12, w: float = 0.0, start: str = "2019-12-31T18") -> xr.Dataset:
    """Return isothermal WRF output over a hill."""
    lon, lat = points(name, 0.0, 0.0)
    hill = 500.0 * np.exp(-((lon - CENTRE[0]) ** 2) - (lat - CENTRE[1]) ** 2)
    faces = np.linspace(0.0, 1.0, N_ETA + 1) ** 1.5 * 16_000.0
    z_faces = hill + faces[:, None, None] * (1.0 - hill / 16_000.0)
    z_mass = 0.5 * (z_faces[:-1] + z_faces[1:])
    p = 101_325.0 * np.exp(-z_mass / SCALE)
    n = hours + 1

    def field(values: np.ndarray, x: str = "west_east", y: str = "south_north", k: str = "bottom_top"):
        dims = ("Time", k, y, x) if values.ndim == 3 else ("Time", y, x)
        return dims, np.broadcast_to(values.astype(np.float32), (n, *values.shape)).copy()

    def staggered(axis: int) -> np.ndarray:
        sides = [along(name, axis, *points(name, *((d, 0.0) if axis == 0 else (0.0, d)))) for d in (-0.5, 0.5)]
        whole = np.concatenate([sides[0], sides[1][:, -1:] if axis == 0 else sides[1][-1:]], 1 - axis)
        return np.broadcast_to(whole, (N_ETA, *whole.shape))

    times = np.datetime64(start, "s") + np.arange(n) * np.timedelta64(3600, "s")
    data = {
        "Times": ("Time", np.array([str(t).replace("T", "_") for t in times], "S19")),
        "XLAT": field(lat),
        "XLONG": field(lon),
        "U": field(staggered(0), x="west_east_stag"),
        "V": field(staggered(1), y="south_north_stag"),
        "W": field(np.full(z_faces.shape, w), k="bottom_top_stag"),
        "PH": field(0.1 * WRF_GRAVITY * z_faces, k="bottom_top_stag"),
        "PHB": field(0.9 * WRF_GRAVITY * z_faces, k="bottom_top_stag"),
        "P": field(0.2 * p),
        "PB": field(0.8 * p),
        "T": field(T_KELVIN * (100_000.0 / p) ** (2.0 / 7.0) - 300.0),
        "HGT": field(hill),
        "PSFC": field(101_325.0 * np.exp(-hill / SCALE)),
        "U10": field(along(name, 0, lon, lat)),
        "V10": field(along(name, 1, lon, lat)),
    }
    kind, _, first, second = PROJECTIONS[name]
    attrs = {"MAP_PROJ": kind, "TRUELAT1": first, "TRUELAT2": second, "STAND_LON": 118.0, "DX": DX, "POLE_LAT": 90.0}
    return xr.Dataset(data, attrs={"TITLE": "OUTPUT FROM WRF", **attrs})


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_wind_round_the_axis_keeps_its_latitude(name, tools, tmp_path):
    wrf(name).to_netcdf(tmp_path / "out", engine="h5netcdf")
    met = open_met(tmp_path / "out")
    lon, lat = points(name, 0.0, 0.0)
    np.testing.assert_allclose(met.lat.values, lat if name != "latlon" else lat[:, 0], atol=2e-4)
    np.testing.assert_allclose(met.lon.values, lon if name != "latlon" else lon[0], atol=3e-4)
    start = tools.start("2019-12-31T20:00Z", 117.0, 36.0, 1500.0)
    path = trajectories(met, start, hours=8, vertical="constant-height")
    assert path.end_reason.iloc[-1] == "completed"
    # 290 km in 8 h: a kilometre is the error of interpolating the wind between points 40 km apart.
    gone = tools.separation_km(117.0 + DEGREES_PER_HOUR * path.age_h, 36.0, path.lon, path.lat)
    assert gone.max() < 1.0


def test_levels_pressure_and_temperature_are_the_atmosphere(tmp_path):
    wrf("lambert", w=0.2).to_netcdf(tmp_path / "out", engine="h5netcdf")
    met = open_met(tmp_path / "out")
    assert met.attrs["vertical"] == "terrain"
    assert met.attrs["source"] == "WRF"
    height = met.level.values[:, None, None] + met.zs.values[0]
    inside = ~np.isnan(met.t.values[0])
    assert inside[:-1].all()
    np.testing.assert_allclose(met.t.values[0][inside], T_KELVIN, rtol=1e-5)
    want = 101_325.0 * np.exp(-height / SCALE)
    np.testing.assert_allclose(met.p.values[0, 1:-1], want[1:-1], rtol=1e-4)
    rise = -met.omega.values[0, 3] * 287.05287 * T_KELVIN / (9.80665 * met.p.values[0, 3])
    np.testing.assert_allclose(rise, 0.2, rtol=1e-3)
    assert met.u.attrs["standard_name"] == "x_wind"
    assert "model levels" in met.attrs["assumed"][0]


def test_files_join_over_the_year_end(tmp_path):
    whole = wrf("mercator", hours=11)
    for k, rows in enumerate((slice(0, 6), slice(6, 12))):
        whole.isel(Time=rows).to_netcdf(tmp_path / f"{k}", engine="h5netcdf")
    whole.to_netcdf(tmp_path / "whole", engine="h5netcdf")
    met, want = open_met([tmp_path / "1", tmp_path / "0"]), open_met(tmp_path / "whole")
    xr.testing.assert_equal(met.drop_vars("file"), want.drop_vars("file"))
    assert met.time.values[6] == np.datetime64("2020-01-01T00")


def test_what_does_not_fit_is_named(tmp_path):
    ds = wrf("lambert", hours=2)
    for attrs, said in (
        ({"TRUELAT2": 35.0}, "XLAT and XLONG lie up to .* cells"),
        ({"MAP_PROJ": 203}, "MAP_PROJ=203 .rotated or unknown"),
    ):
        ds.assign_attrs(attrs).to_netcdf(tmp_path / "out", engine="h5netcdf")
        with pytest.raises(InvalidInput, match=said):
            open_met(tmp_path / "out")
    ds.drop_vars(["PHB", "PSFC"]).to_netcdf(tmp_path / "out", engine="h5netcdf")
    with pytest.raises(InvalidInput, match="out: WRF output without PHB, PSFC"):
        open_met(tmp_path / "out")
    moving = ds.assign(XLAT=ds.XLAT + 0.1 * xr.DataArray(np.arange(3), dims="Time"))
    moving.transpose("Time", ...).to_netcdf(tmp_path / "out", engine="h5netcdf")
    with pytest.raises(InvalidInput, match="the nest moves"):
        open_met(tmp_path / "out")


def test_the_cone_of_two_parallels(tmp_path):
    wrf("lambert", hours=1).to_netcdf(tmp_path / "out", engine="h5netcdf")
    lon, lat = points("lambert", 0.0, 0.0)
    column, row = grid_of(open_met(tmp_path / "out")).to_index(lon, lat)
    np.testing.assert_allclose(column, np.broadcast_to(np.arange(NX), lon.shape), atol=1e-3)
    np.testing.assert_allclose(row, np.broadcast_to(np.arange(NY)[:, None], lon.shape), atol=1e-3)
