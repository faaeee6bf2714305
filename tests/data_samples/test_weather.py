"""The practice weather as it is shipped: physics that any plausible field obeys."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from data_samples import folder
from tracing.met.arl import read_arl

CITY = (119.2, 34.6)
RADIUS_M = 6_371_200.0


@pytest.fixture(scope="module")
def met() -> xr.Dataset:
    return read_arl(folder() / "practice_met.arl").assign_coords(
        local=("time", read_arl(folder() / "practice_met.arl")["time"].values + np.timedelta64(8, "h"))
    )


def at(met: xr.Dataset, lon: float, lat: float) -> xr.Dataset:
    return met.isel(x=int(np.abs(met.lon.values - lon).argmin()), y=int(np.abs(met.lat.values - lat).argmin()))


def blows_from(u: float, v: float) -> float:
    return float(np.degrees(np.arctan2(-u, -v)) % 360)


def local(met: xr.Dataset, text: str) -> xr.Dataset:
    return met.isel(time=int(np.flatnonzero(met["local"].values == np.datetime64(text))[0]))


def divergence(met: xr.Dataset, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Divergence by the flux through each grid cell's faces, independent of the maker's differences."""
    lat, lon = np.radians(met.lat.values), np.radians(met.lon.values)
    cosine = np.cos(lat)[:, None]
    east = (u[..., 1:-1, 2:] - u[..., 1:-1, :-2]) / (2 * (lon[1] - lon[0]) * RADIUS_M * cosine[1:-1])
    flux = v * cosine
    return east + (flux[..., 2:, 1:-1] - flux[..., :-2, 1:-1]) / (2 * (lat[1] - lat[0]) * RADIUS_M * cosine[1:-1])


def test_it_covers_the_episode_and_two_days_before(met: xr.Dataset) -> None:
    times = pd.DatetimeIndex(met.time.values)
    assert times[0] <= pd.Timestamp("2021-10-17T16:00") - pd.Timedelta(hours=48)
    assert times[-1] >= pd.Timestamp("2021-10-22T16:00")
    assert set(np.diff(times) / pd.Timedelta(hours=1)) == {3.0}
    assert (met.lon.values[0], met.lon.values[-1], met.lat.values[0], met.lat.values[-1]) == (115, 124, 31.5, 38)
    assert met.level.values.tolist() == [1e5, 97500, 95000, 92500, 9e4, 85000, 7e4, 5e4]
    assert set(met.data_vars) == {*("z", "t", "u", "v", "omega", "rh"), *("sp", "zs", "blh", "u10", "v10", "t2m")}
    assert all(np.isfinite(met[name].values).all() for name in met.data_vars)


def test_values_are_of_this_world(met: xr.Dataset) -> None:
    limits = {
        **{"t": (240, 305), "t2m": (270, 305), "rh": (5, 100), "sp": (95_000, 104_000), "zs": (0, 500)},
        **{
            "omega": (-1.5, 1.5),
            "blh": (150, 1500),
            "u10": (-15, 15),
            "v10": (-15, 15),
            "u": (-45, 45),
            "v": (-45, 45),
        },
    }
    for name, (low, high) in limits.items():
        assert low <= float(met[name].min())
        assert float(met[name].max()) <= high


def test_heights_are_hydrostatic(met: xr.Dataset) -> None:
    """Thickness of each layer against its mean virtual temperature (dry air here), R / g = 29.27 m/K."""
    p, t, z = met.level.values, met["t"].values, met["z"].values
    for k in range(5):  # thin layers: the mean of two levels is the layer's mean within a kelvin
        thickness = z[:, k + 1] - z[:, k]
        expected = 29.27 * 0.5 * (t[:, k] + t[:, k + 1]) * np.log(p[k] / p[k + 1])
        np.testing.assert_allclose(thickness, expected, rtol=0.006)
    whole = z[:, 7] - z[:, 5]
    bounds = [29.27 * t[:, k] * np.log(p[5] / p[7]) for k in (7, 5)]
    assert (whole > bounds[0]).all()
    assert (whole < bounds[1]).all()


def test_surface_pressure_fits_the_heights(met: xr.Dataset) -> None:
    """The pressure at the ground lies on the profile of pressure and height, where the ground is above 1000 hPa."""
    z0, t0 = met["z"].values[:, 0], met["t"].values[:, 0]
    expected = 1e5 * np.exp((z0 - met["zs"].values) / (29.27 * t0))
    np.testing.assert_allclose(met["sp"].values, expected, rtol=5e-4)


def test_mass_is_conserved_in_three_dimensions(met: xr.Dataset) -> None:
    """Between levels d(omega)/dp cancels the divergence, up to the packing of three fields."""
    levels = slice(1, 8)
    d = divergence(met, met["u"].values.astype(float), met["v"].values.astype(float))[:, levels]
    omega, p = met["omega"].values[:, levels, 1:-1, 1:-1].astype(float), met.level.values[levels]
    above = (met["sp"].values[:, None, 1:-1, 1:-1] > p[0] + 500) & np.ones_like(d[:, 1:], bool)
    stretch = np.diff(omega, axis=1) / np.diff(p)[:, None, None]
    residual = (stretch + 0.5 * (d[:, 1:] + d[:, :-1]))[above]
    assert np.std(d[:, 1:][above]) > 3e-6
    assert np.sqrt(np.mean(residual**2)) < 0.15 * np.std(d[:, 1:][above])


def test_vertical_motion_vanishes_at_the_ground(met: xr.Dataset) -> None:
    """Omega at 1000 hPa is no more than the air below it can gather, and 0 where 1000 hPa lies below ground."""
    inner = (slice(None), slice(1, -1), slice(1, -1))
    omega, depth = met["omega"].values[:, 0][inner], (met["sp"].values - 1e5)[inner]
    packing = 0.01
    assert np.abs(omega[depth < -200]).max() < packing
    ground = divergence(met, met["u10"].values.astype(float), met["v10"].values.astype(float))
    level = divergence(met, met["u"].values[:, 0].astype(float), met["v"].values[:, 0].astype(float))
    most = np.maximum(np.abs(ground), np.abs(level)) * np.clip(depth, 0, None)
    assert (np.abs(omega) <= 1.1 * most + packing)[depth > 0].all()


def test_sea_breeze_by_day_land_breeze_by_night(met: xr.Dataset) -> None:
    """On the calm 19 October, on the coast north of the city: the day's wind less the 24-h mean points to the land."""
    coast = at(met, 119.25, 35.0)
    day = coast.isel(
        time=np.flatnonzero(pd.DatetimeIndex(met["local"].values).strftime("%m-%d").isin(["10-19", "10-20"]))
    )
    inland = np.array([-0.87, -0.5])  # the shore faces east-north-east
    onshore = (day["u10"].values * inland[0] + day["v10"].values * inland[1]).astype(float)
    hour = pd.DatetimeIndex(day["local"].values).hour
    anomaly = onshore - onshore.mean()
    assert anomaly[hour == 14].mean() > 1.0
    assert anomaly[hour == 17].mean() > 0.5
    assert anomaly[np.isin(hour, [2, 5])].mean() < -0.3


def test_the_breeze_fades_inland_and_turns_back_aloft(met: xr.Dataset) -> None:
    def cycle(lon: float, level: int) -> float:
        here = at(met, lon, 35.0)
        afternoon, night = (local(here, f"2021-10-19T{h}") for h in ("14:00", "02:00"))
        regional = at(met, 117.0, 35.0)
        far = local(regional, "2021-10-19T14:00")["u"] - local(regional, "2021-10-19T02:00")["u"]
        change = afternoon["u"].isel(level=level) - night["u"].isel(level=level) - far.isel(level=level)
        return -float(change)

    assert cycle(119.25, 0) > 2.0
    assert cycle(119.25, 0) > 2 * abs(cycle(118.5, 0))
    aloft = 4  # 900 hPa, about 1000 m
    assert cycle(119.25, aloft) < cycle(119.25, 0) - 2.5


def test_the_front_turns_the_wind_and_cools(met: xr.Dataset) -> None:
    city = at(met, *CITY)
    before, after = local(city, "2021-10-21T08:00"), local(city, "2021-10-21T20:00")
    low = 1  # 975 hPa
    assert 200 <= blows_from(float(before["u"][low]), float(before["v"][low])) <= 260
    shifted = blows_from(float(after["u"][low]), float(after["v"][low]))
    assert shifted >= 320 or shifted <= 40
    assert float(after["t"][low]) < float(before["t"][low]) - 3
    assert float(after["sp"]) > float(before["sp"]) + 150
    speeds = [
        float(np.hypot(*(local(city, t)[n][low] for n in ("u", "v")))) for t in ("2021-10-20T08:00", "2021-10-21T20:00")
    ]
    assert speeds[1] > 2 * speeds[0]
    # It comes from the north-west: Shandong's interior turns before the coast of northern Jiangsu.
    turned = [
        np.flatnonzero(at(met, *place)["v"].values[40:, low] < -2)[0] for place in ((117.0, 36.5), CITY, (121.5, 33.0))
    ]
    assert turned[0] < turned[1] < turned[2]


def test_the_mixing_height_breathes(met: xr.Dataset) -> None:
    inland, sea = at(met, 118.5, 34.5), at(met, 122.5, 34.0)
    clock = pd.DatetimeIndex(met["local"].values)
    noon, night = clock.hour == 14, clock.hour == 2
    assert inland["blh"].values[night].min() < 260
    assert inland["blh"].values[noon].max() > 1250
    stagnant = noon & clock.strftime("%d").isin(["19", "20"])
    assert inland["blh"].values[stagnant].max() < 0.8 * inland["blh"].values[noon & ~stagnant].mean()
    assert (sea["blh"].values[noon] < 0.75 * inland["blh"].values[noon]).all()
    assert np.ptp(sea["blh"].values[stagnant]) < 100


def test_wind_grows_with_height_and_turns_right_in_the_mixed_layer(met: xr.Dataset) -> None:
    inland = local(at(met, 118.0, 34.5), "2021-10-20T02:00")
    u = np.append(inland["u10"].values, inland["u"].values[:2])
    v = np.append(inland["v10"].values, inland["v"].values[:2])
    speed = np.hypot(u, v)
    assert speed[0] < 0.6 * speed[2]
    assert (np.diff(speed) > 0).all()
    veer = (blows_from(u[2], v[2]) - blows_from(u[0], v[0]) + 180) % 360 - 180
    assert 10 < veer < 60


def test_stagnant_days_are_calm(met: xr.Dataset) -> None:
    city = at(met, *CITY)
    day = pd.DatetimeIndex(met["local"].values).strftime("%m-%d")
    speed = np.hypot(city["u10"].values, city["v10"].values)
    assert speed[np.isin(day, ["10-19", "10-20"])].mean() < 1.8
    assert speed[day == "10-21"].mean() > 2.2
