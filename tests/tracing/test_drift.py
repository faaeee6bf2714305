"""Puffs in changing winds: in a steady wind they are the plume, their mass stays, they go where the wind goes."""

import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InvalidInput, MissingData
from tracing.drift import Paths, drift_zone, drifting_puffs, followed_paths, puff_times, table_paths
from tracing.local_field import to_lonlat
from tracing.plume import release_plume
from tracing.plume_zone import zone
from tracing.release import Air, Release

AIR = Air(3.0, 270.0, stability="D")
HOUR = np.array([0.0, 3_600.0])


def release(**changes: float | None) -> Release:
    return Release(**({"lon": 119.2, "lat": 34.6, "rate_g_s": 500.0, "height_m": 2.0} | changes))


def puffs(source: Release, paths: Paths):
    return drifting_puffs(source, "D", paths, air=AIR, source_zh="风表", source_en="a table of winds")


def steady(source: Release, seconds: float = 3_600.0) -> Paths:
    return table_paths(source, HOUR, np.array([3.0, 3.0]), np.array([0.0, 0.0]), followed_s=seconds)


@pytest.fixture(scope="module")
def westerly():
    return puffs(release(), steady(release()))


def test_in_a_steady_wind_they_are_the_plume(westerly) -> None:
    x, y = np.array([150.0, 500.0, 2_000.0, 6_000.0]), np.array([0.0, 20.0, 60.0, 0.0])
    plume = release_plume(release(), AIR)
    np.testing.assert_allclose(westerly.concentration(x, y, 1.5), plume.concentration(x, y, 1.5), rtol=0.02)


def test_their_zone_is_the_plumes(westerly) -> None:
    found, expected = drift_zone(westerly, 58.0, 1.5), zone(release_plume(release(), AIR), 58.0)
    assert found.shape.is_valid
    assert found.shape.area / 1e6 == pytest.approx(expected.area_km2, rel=0.03)
    assert found.shape.bounds[2] / 1e3 == pytest.approx(expected.reach_km, rel=0.02)
    assert drift_zone(westerly, 1e9, 1.5).shape.is_empty


def test_what_is_reached_grows(westerly) -> None:
    found = drift_zone(westerly, 5.8, 1.5)
    early, late = found.arrivals(5.0), found.arrivals(10.0)
    assert 0.0 < early.area < late.area <= found.shape.area
    # After five minutes the front is about 900 m away.
    assert early.bounds[2] == pytest.approx(900.0, rel=0.2)


@pytest.mark.parametrize("source", [release(duration_s=600.0), release(rate_g_s=None, mass_g=3e5)])
def test_the_mass_stays(source: Release) -> None:
    paths = steady(source, 900.0)
    model = puffs(source, paths)
    x, y = np.linspace(0.0, 4_000.0, 400), np.linspace(-500.0, 500.0, 200)
    z = np.linspace(0.0, 500.0, 120)
    last = len(paths.times) - 1
    column = np.trapezoid([model._grid_at(last, x, y, height) for height in z], z, axis=0)
    mass = np.trapezoid(np.trapezoid(column, x, axis=1), y)
    assert mass / 1e3 == pytest.approx(3e5, rel=0.01)


def test_they_turn_with_the_wind() -> None:
    # Half an hour to the east, then half an hour to the north, at 2 m/s.
    seconds = np.array([0.0, 1_799.0, 1_801.0, 3_600.0])
    paths = table_paths(release(), seconds, np.array([2.0, 2, 0, 0]), np.array([0.0, 0, 2, 2]), followed_s=3_600.0)
    first_east, first_north = paths.east[0, -1], paths.north[0, -1]
    assert first_east == pytest.approx(3_600.0, rel=0.01)
    assert first_north == pytest.approx(3_600.0, rel=0.01)
    assert paths.travelled[0, -1] == pytest.approx(7_200.0, rel=0.01)
    shape = drift_zone(puffs(release(), paths), 5.8, 1.5).shape
    assert shape.contains(shapely.Point(0.0, 500.0))  # let go late
    assert shape.contains(shapely.Point(1_500.0, 0.0))  # let go early


def test_a_mirrored_wind_mirrors_the_cloud() -> None:
    seconds = np.array([0.0, 1_800.0, 3_600.0])
    east, north = np.array([2.0, 3.0, 1.0]), np.array([1.0, -1.0, 2.0])
    x, y = np.array([800.0, 2_000.0]), np.array([100.0, 300.0])
    straight = puffs(release(), table_paths(release(), seconds, east, north, followed_s=1_800.0))
    mirrored = puffs(release(), table_paths(release(), seconds, -east, north, followed_s=1_800.0))
    np.testing.assert_allclose(mirrored.concentration(-x, y, 1.5), straight.concentration(x, y, 1.5), rtol=1e-9)


def test_no_wind_at_all_is_an_answer() -> None:
    paths = table_paths(release(), HOUR, np.zeros(2), np.zeros(2), followed_s=1_800.0)
    found = puffs(release(), paths).concentration(np.array([100.0, 0.0]), np.array([0.0, 100.0]), 1.5)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(found[1])
    assert found[0] > 0.0


def trajectories_of(started: np.ndarray, hours: float, speed: float) -> pd.DataFrame:
    ages = np.arange(0.0, hours + 1e-9, 1.0 / 12.0)
    rows = []
    for number in range(len(started)):
        lon, lat = to_lonlat(speed * ages * 3_600.0, np.zeros_like(ages), 119.2, 34.6)
        rows.append(
            pd.DataFrame({"trajectory": number + 1, "age_h": ages, "lon": lon, "lat": lat, "end_reason": "completed"})
        )
    return pd.concat(rows)


def test_puffs_along_trajectories_are_those_of_the_same_wind() -> None:
    started = np.arange(0.0, 3_601.0, 600.0)
    released, mass = puff_times(release(), 3.0, 3_600.0)
    points = trajectories_of(started, 1.0, 3.0)
    paths = followed_paths(release(), points, started, released, mass, followed_s=3_600.0)
    table = steady(release())
    np.testing.assert_allclose(paths.east, table.east, atol=1.0)
    np.testing.assert_allclose(paths.travelled, table.travelled, atol=1.0)
    assert mass.sum() == pytest.approx(500.0 * 3_600.0)


def test_meteorology_that_ends_too_early_is_said() -> None:
    with pytest.raises(MissingData, match="carries the gas for 30 min only"):
        followed_paths(
            release(), trajectories_of(np.zeros(1), 0.5, 3.0), np.zeros(1), np.zeros(1), np.ones(1), followed_s=3_600.0
        )


def test_nonsense_is_refused(westerly) -> None:
    with pytest.raises(InvalidInput, match="threshold 0"):
        drift_zone(westerly, 0.0, 1.5)
    with pytest.raises(InvalidInput, match="time followed"):
        steady(release(), 1e6)
