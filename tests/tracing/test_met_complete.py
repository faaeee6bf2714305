"""What is added to meteorology where the files are silent: precipitation rate, omega, the ground."""

import numpy as np
import pytest
import xarray as xr

from tracing.met.complete import complete
from tracing.met.precipitation import ACCUMULATED, with_rate
from tracing.trajectory import Integration, trajectories
from tracing.vertical import prepare

NOON = "2020-02-28T12:00Z"


def amounts(mm, hours, *, over=None, forecast=None) -> xr.Dataset:
    """Return precipitation amounts (mm) at hours of a day as files hold them (m)."""
    time = np.datetime64("2020-02-28T00", "ns") + np.array(hours) * np.timedelta64(1, "h")
    attrs = {} if over is None else {ACCUMULATED: over}
    values = np.array(mm, np.float32)[:, None, None] / 1000.0 * np.ones((1, 2, 2), np.float32)
    coords = {"time": time}
    if forecast is not None:
        coords["forecast_h"] = ("time", np.array(forecast))
    return xr.Dataset({"tp": (("time", "y", "x"), values, attrs)}, coords)


def rate_mm_h(met: xr.Dataset) -> list[float]:
    return [round(float(v), 4) for v in 3600.0 * with_rate(met)["prate"].values[:, 1, 1]]


def test_an_hour_s_amount_is_the_rate_of_that_hour():
    assert rate_mm_h(amounts([0.5, 2.0, 0.0], [1, 2, 3], over=1.0)) == [0.5, 2.0, 0.0]


def test_amounts_since_a_full_sixth_hour_are_cut_into_their_intervals():
    # TPP6 of ARL every 3 h: 4 mm since 00, 10 since 00, then 3 since 06, 3 since 06.
    met = amounts([4, 10, 3, 3], [3, 6, 9, 12], over=6.0)
    assert rate_mm_h(met) == pytest.approx([4 / 3, 2.0, 1.0, 0.0], abs=1e-3)


def test_amounts_since_the_run_began_know_a_new_run():
    met = amounts([1, 3, 6, 0.5, 2.5], [1, 2, 3, 4, 5], over=np.inf, forecast=[1, 2, 3, 1, 2])
    assert rate_mm_h(met) == pytest.approx([1.0, 2.0, 3.0, 0.5, 2.0], abs=1e-3)


def test_without_forecast_hours_a_fall_is_a_new_beginning():
    met = amounts([1, 3, 0.5, 2.5], [1, 2, 3, 4], over=np.inf)
    assert rate_mm_h(met) == pytest.approx([2.0, 2.0, 0.5, 2.0], abs=1e-3)


def test_an_unknown_period_is_the_data_s_interval_and_said():
    met = with_rate(amounts([3, 6, 0], [0, 3, 6]))
    assert 3600.0 * met["prate"].values[:, 0, 0] == pytest.approx([1.0, 2.0, 0.0], abs=1e-3)
    assert any("the interval" in said for said in met.attrs["assumed"])


def test_omega_is_the_hydrostatic_one_of_the_upward_velocity(tools):
    met = tools.make(tools.latlon(0.0, 30.0, 0.5, 21, 21), lambda lon, lat: (0 * lon, 0 * lat), w=0.05)
    upward = met.drop_vars("omega").assign(w=met["omega"].copy(data=np.full(met["omega"].shape, 0.05, np.float32)))
    done = complete(upward)
    np.testing.assert_allclose(done["omega"].values, met["omega"].values, rtol=2e-3)
    assert any("upward velocity" in said for said in done.attrs["assumed"])
    # 5 cm/s for 6 h are 1080 m.
    path = trajectories(done, tools.start(NOON, 5.0, 35.0, 500.0), hours=6)
    assert path["height_m_agl"].iloc[-1] - 500.0 == pytest.approx(1080.0, rel=0.02)


def test_without_terrain_and_surface_pressure_the_ground_is_the_sea(eastward, tools):
    bare = complete(eastward.drop_vars(["zs", "sp"]))
    assert any("sea level" in said for said in bare.attrs["assumed"])
    assert float(np.abs(bare["zs"]).max()) == 0.0
    start = tools.start(NOON, 5.0, 40.0)
    path, whole = (trajectories(met, start, hours=6, vertical="isosigma") for met in (bare, eastward))
    np.testing.assert_allclose(path[["lon", "lat"]], whole[["lon", "lat"]], atol=1e-3)


def test_rain_along_the_path_is_in_millimetres_an_hour(eastward, tools):
    rain = np.full((eastward.sizes["time"], 41, 41), 0.003, np.float32)
    met = complete(eastward.assign(tp=(("time", "y", "x"), rain, {ACCUMULATED: 1.0})))
    points = trajectories(met, tools.start(NOON, 5.0, 40.0), hours=3, options=Integration(along=("precipitation",)))
    np.testing.assert_allclose(points["precipitation_mm_h"], 3.0, rtol=1e-5)
    assert "precipitation_mm_h" in prepare(met, along=("precipitation",)).along
