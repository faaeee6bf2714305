"""Starts: places x times x heights, and those spread around a place."""

from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InvalidInput
from geo.geodesic import distance_m
from tracing.starts import make_starts, spread, start_times, step_of

NOON = datetime(2021, 3, 31, 12, tzinfo=UTC)


def test_places_vary_slowest_and_heights_fastest():
    stations = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=shapely.points([[119, 34], [120, 35]]), crs="EPSG:4326")
    times = start_times(NOON, datetime(2021, 3, 31, 14, tzinfo=UTC), "90min")
    starts = make_starts(stations, times=times, heights=(10.0, 500.0))
    assert starts["receptor"].tolist() == ["a"] * 4 + ["b"] * 4
    assert starts["height_m_agl"].tolist() == [10.0, 500.0] * 4
    assert starts["time"].dt.strftime("%H:%M").tolist() == ["12:00", "12:00", "13:30", "13:30"] * 2
    assert starts["lon"].tolist() == [119.0] * 4 + [120.0] * 4
    one = make_starts((119.5, 34.25), times=times[:1], heights=(10,))
    assert one["receptor"].tolist() == ["34.25,119.5"]


def test_a_spread_is_even_within_its_circle_and_keeps_the_start_itself():
    starts = make_starts((119.2, 34.6), times=start_times(NOON), heights=(100.0, 500.0))
    more = spread(starts, radius_km=20.0, members=2000, seed=7)
    assert len(more) == 4000
    assert more["member"].tolist() == [*range(1, 2001)] * 2
    own = more[more["member"] == 1].drop(columns="member").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, starts, check_exact=True)
    km = distance_m(119.2, 34.6, more["lon"].to_numpy(), more["lat"].to_numpy()) / 1000.0
    assert km.max() <= 20.0 + 1e-6
    # Even over the area: a quarter lies within half the radius, and the mean place is the start.
    assert np.mean(km < 10.0) == pytest.approx(0.25, abs=0.025)
    assert more["lon"].mean() == pytest.approx(119.2, abs=0.006)
    again = spread(starts, radius_km=20.0, members=2000, seed=7)
    pd.testing.assert_frame_equal(again, more, check_exact=True)
    assert not spread(starts, radius_km=20.0, members=2000, seed=8).equals(more)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: step_of("10"), "'10' is not a duration"),
        (lambda: step_of("soon"), "'soon' is not a duration"),
        (lambda: step_of("-1h"), "'-1h' is not a duration"),
        (lambda: start_times(NOON, datetime(2021, 3, 30, tzinfo=UTC), "1h"), "lies before start"),
        (lambda: start_times(NOON, datetime(2051, 3, 30, tzinfo=UTC), "1s"), "start times; choose a longer step"),
        (lambda: spread(pd.DataFrame(), radius_km=-1.0, members=5, seed=1), "-1 km is not a distance"),
        (lambda: spread(pd.DataFrame(), radius_km=5.0, members=1, seed=1), "1 member is no spread"),
        (
            lambda: make_starts(gpd.GeoDataFrame(geometry=[], crs="EPSG:4326"), times=start_times(NOON), heights=(1,)),
            "no place to start from",
        ),
        (
            lambda: make_starts(
                gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:4326"),
                times=start_times(NOON),
                heights=(1,),
            ),
            "row 1: Polygon is not a point",
        ),
    ],
)
def test_what_cannot_be_is_said(wrong, message):
    with pytest.raises(InvalidInput, match=message):
        wrong()
