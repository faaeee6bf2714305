"""Events counted in cells and steps against a count by hand, and what the cube of them says."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geo.cell_grid import CellGrid
from geo.errors import InvalidInput, MissingData
from tracing.emerging import CubeRule, emerging, space_time_cube
from tracing.event_cube import CELL, COUNT, TIME, counted


def fires(n=400, seed=1):
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2021-01-01T00:00+08:00") + pd.to_timedelta(rng.uniform(0, 365, n), unit="D")
    points = gpd.points_from_xy(rng.uniform(118.9, 119.4, n), rng.uniform(34.4, 34.8, n))
    return gpd.GeoDataFrame({"when": times.tz_convert("UTC"), "frp": rng.gamma(2, 5, n)}, geometry=points, crs=4326)


def test_counts_and_sums_are_those_of_a_pivot_table():
    events = fires()
    grid = CellGrid.over(tuple(events.total_bounds), 10_000)
    hand = pd.DataFrame(
        {
            "cell": grid.names(grid.cell_of(events.geometry.x, events.geometry.y)),
            "month": events["when"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m"),
            "frp": events["frp"],
        }
    )
    for weight, how in ((None, "size"), ("frp", "sum")):
        out = counted(events, time="when", step="month", cell_m=10_000, weight=weight)
        got = out.assign(month=out[TIME].dt.strftime("%Y-%m")).set_index([CELL, "month"])[COUNT].sort_index()
        wanted = hand.groupby(["cell", "month"])["frp"].agg(how).sort_index()
        assert got.index.tolist() == wanted.index.tolist()
        assert got.to_numpy() == pytest.approx(wanted.to_numpy(dtype=float))
    assert out.geometry.iloc[0].contains(events.geometry).any()
    cube = space_time_cube(out, COUNT, time=TIME, place=CELL, rule=CubeRule(step="month", zero=True))
    assert cube.values.shape == (hand["cell"].nunique(), 12)
    assert cube.values.sum() == pytest.approx(events["frp"].sum())


def test_a_place_that_burns_more_and_more_is_found_and_order_does_not_matter():
    events = fires(2000)
    months = np.repeat(np.arange(12), np.arange(12) * 12 + 20)
    at = pd.Timestamp("2021-01-15T12:00+08:00").tz_convert("UTC") + pd.to_timedelta(months * 30.4, unit="D")
    spot = gpd.GeoDataFrame({"when": at}, geometry=gpd.points_from_xy(*np.tile([[119.1], [34.6]], len(at))), crs=4326)
    whole = pd.concat([events, spot], ignore_index=True)
    found = []
    for table in (whole, whole.sample(frac=1.0, random_state=3)):
        cube = counted(table, time="when", step="month", cell_m=10_000)
        out = emerging(cube, COUNT, time=TIME, place=CELL, rule=CubeRule(step="month", neighbours="knn:4", zero=True))
        found.append(out)
    pattern = found[0].set_index("cell")["pattern"]
    here = found[0]["cell"][found[0].covers(spot.geometry[0])].iloc[0]
    # Twenty in its first month, 152 in its last: hot from when it stands out among all bins.
    assert pattern[here] in ("intensifying_hot", "consecutive_hot")
    assert found[1].set_index("cell")["pattern"].equals(pattern)
    assert not any("events on average" in text for text in found[0].attrs["warnings"])
    few = counted(events.head(60), time="when", step="month", cell_m=5_000)
    sparse = emerging(few, COUNT, time=TIME, place=CELL, rule=CubeRule(step="month", zero=True))
    assert any("fewer than 5" in text for text in sparse.attrs["warnings"])


def test_what_cannot_be_counted():
    events = fires(50)
    with pytest.raises(InvalidInput, match="--step hour, day, month, year"):
        counted(events, time="when", step="as given", cell_m=5000)
    with pytest.raises(InvalidInput, match="no column 'time'"):
        counted(events, time="time", step="month", cell_m=5000)
    with pytest.raises(InvalidInput, match="negative"):
        counted(events.assign(frp=-1.0), time="when", step="month", cell_m=5000, weight="frp")
    with pytest.raises(InvalidInput, match="give a positive number"):
        counted(events, time="when", step="month", cell_m=0.0)
    with pytest.raises(MissingData, match="nothing to count"):
        counted(events.assign(when=pd.NaT), time="when", step="month", cell_m=5000)
    lost = events.assign(when=events["when"].where(events.index > 2))
    assert "3 events have no place" in counted(lost, time="when", step="month", cell_m=5000).attrs["warnings"][1]
