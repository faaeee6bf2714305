"""The puff model against what a uniform wind must give."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from data_samples import episode, plume

DEPTH_M, WIND_M_S = 300.0, 4.0


def uniform_met(u: float = WIND_M_S, v: float = 0.0, blh: float = DEPTH_M) -> xr.Dataset:
    times = pd.date_range("2021-10-17T15:00", "2021-10-22T18:00", freq="3h")
    lon, lat = np.arange(115.0, 124.1, 0.25), np.arange(31.5, 38.1, 0.25)
    shape = (times.size, 3, lat.size, lon.size)
    heights = np.broadcast_to(np.array([150.0, 800.0, 5500.0])[:, None, None], shape)
    four, three = ("time", "level", "y", "x"), ("time", "y", "x")
    flat = np.zeros((shape[0], *shape[2:]))
    return xr.Dataset(
        {
            **{"z": (four, heights), "u": (four, np.full(shape, u)), "v": (four, np.full(shape, v))},
            **{"zs": (three, flat), "blh": (three, flat + blh), "u10": (three, flat + u), "v10": (three, flat + v)},
        },
        {"time": times, "lon": ("x", lon), "lat": ("y", lat)},
    )


def steady_source(rate: dict[str, float]) -> plume.Source:
    return plume.Source("steady", ((119.0, 34.5),), (("2021-10-18 00:00", 1.0), ("2021-10-19 12:00", 0.0)), rate, 300.0)


def test_a_steady_plume_carries_its_rate_through_every_cross_section() -> None:
    """Crosswind integral of the concentration times wind times depth is the emission rate."""
    source = steady_source({"co": 500.0})
    north = np.arange(34.3, 34.7001, 0.002)
    added = plume.contributions(source, uniform_met(), (np.full(north.size, 119.4), north), episode.hours())
    hour = added[10, :, 0]
    width_m = 0.002 * plume.METRES_PER_DEGREE
    assert hour.sum() * width_m * WIND_M_S * DEPTH_M / 1e6 == pytest.approx(500.0, rel=0.02)
    assert north[hour.argmax()] == pytest.approx(34.5, abs=0.003)


def test_the_plume_arrives_when_the_wind_has_carried_it() -> None:
    source = steady_source({"co": 500.0})
    places = (np.array([119.4, 118.8]), np.array([34.5, 34.5]))
    added = plume.contributions(source, uniform_met(), places, episode.hours())[:, :, 0]
    travel_h = 0.4 * plume.METRES_PER_DEGREE * np.cos(np.radians(34.5)) / WIND_M_S / 3600
    assert np.flatnonzero(added[:, 0] > 1)[0] == int(travel_h)
    assert (added[:, 1] == 0).all()
    assert added[36 + int(travel_h) + 2 :, 0].max() == 0


def test_deposition_takes_what_its_velocity_says() -> None:
    source = steady_source({"co": 100.0, "so2": 100.0})
    places = (np.array([119.4]), np.array([34.5]))
    added = plume.contributions(source, uniform_met(), places, episode.hours())[10, 0]
    seconds = 0.4 * plume.METRES_PER_DEGREE * np.cos(np.radians(34.5)) / WIND_M_S
    assert added[1] / added[0] == pytest.approx(np.exp(-0.005 * seconds / DEPTH_M), rel=0.01)


def test_rates_follow_their_history() -> None:
    source = episode.SOURCES[0]
    zone = "Asia/Shanghai"
    assert source.share(pd.Timestamp("2021-10-18 20:59", tz=zone)) == 0.0
    assert source.share(pd.Timestamp("2021-10-18 22:30", tz=zone)) == 1.0
    assert source.share(pd.Timestamp("2021-10-19 04:00", tz=zone)) == 0.0


def test_the_layer_mean_of_a_sheared_wind_is_its_mean() -> None:
    met = uniform_met()
    sheared = met["z"] / 100.0
    met["u"], met["u10"] = sheared, met["u10"] * 0 + 0.1
    winds = plume.Winds(met)
    time = pd.Timestamp("2021-10-18T05:30", tz="UTC")
    height, u, v, mixing = winds.columns(time, np.array([119.3]), np.array([34.4]))
    mean_u, mean_v = winds.layer_mean((height, u, v), np.array([600.0]))
    assert mean_u[0] == pytest.approx(3.0, rel=1e-6)
    assert mean_v[0] == 0
    assert mixing[0] == pytest.approx(DEPTH_M)
