"""Quantities along the path: known fields come back, in the unit that the column's name says."""

import numpy as np
import pytest

from geo.errors import InvalidInput, MissingData
from tracing.trajectory import Integration, trajectories
from tracing.vertical_along import ALONG

NOON = "2020-02-28T12:00Z"
NAMES = ("pressure", "temperature", "humidity", "mixing-height", "precipitation", "terrain")


@pytest.fixture(scope="module")
def rich(tools):
    """Temperature falls by 6.5 K/km, specific humidity by 1 g/kg per km; mixing height grows by 50 m per hour."""
    ground = np.broadcast_to(np.linspace(0.0, 400.0, 41), (41, 41))
    met = tools.make(tools.latlon(0.0, 30.0, 0.5, 41, 41), lambda lon, lat: (10.0 + 0 * lon, 0 * lat), terrain=ground)
    hour = np.arange(met.sizes["time"], dtype=np.float32)[:, None, None]
    surface = np.ones((1, 41, 41), np.float32)
    met["blh"] = (("time", "y", "x"), 500.0 + 50.0 * hour * surface)
    met["prate"] = (("time", "y", "x"), (2.0 / 3600.0 * surface + 0 * hour).astype(np.float32))
    met["q"] = met["t"].copy(data=(0.010 - 1e-6 * met["z"].values).astype(np.float32))
    met["t"] = met["t"].copy(data=(288.0 - 0.0065 * met["z"].values).astype(np.float32))
    return met


@pytest.mark.parametrize("step", [None, 10.0])
def test_each_quantity_is_the_air_s_own(rich, tools, step):
    options = Integration(step_minutes=step, along=NAMES)
    points = trajectories(rich, tools.start(NOON, 5.0, 40.0, 1000.0), hours=12, vertical="isosigma", options=options)
    altitude = points["height_m_agl"] + points["terrain_m"]
    np.testing.assert_allclose(points["terrain_m"], 20.0 * points["lon"], atol=0.05)
    np.testing.assert_allclose(points["mixing_height_m"], 500.0 + 50.0 * points["age_h"], rtol=1e-5)
    np.testing.assert_allclose(points["precipitation_mm_h"], 2.0, rtol=1e-5)
    np.testing.assert_allclose(points["temperature_k"], 288.0 - 0.0065 * altitude, atol=0.1)
    np.testing.assert_allclose(points["specific_humidity_g_kg"], 10.0 - 1e-3 * altitude, atol=0.02)


def test_what_is_told_does_not_change_the_path(rich, tools):
    start = tools.start(NOON, 5.0, 40.0, 1000.0)
    plain = trajectories(rich, start, hours=6)
    told = trajectories(rich, start, hours=6, options=Integration(along=NAMES))
    assert [c for c in told.columns if c not in plain.columns] == [a.column for a in ALONG.values() if a is not None]
    assert told[plain.columns].equals(plain)


def test_what_is_not_there_is_said(eastward, tools):
    start = tools.start(NOON, 5.0, 40.0)
    with pytest.raises(MissingData, match="no mixing-height .blh. in the meteorology .*; it holds"):
        trajectories(eastward, start, hours=2, options=Integration(along=("mixing-height",)))
    with pytest.raises(InvalidInput, match="'ozone' is not known; use some of pressure"):
        trajectories(eastward, start, hours=2, options=Integration(along=("ozone",)))
