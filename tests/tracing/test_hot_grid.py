"""The hot grid: cells, months and bubbles by hand, the promise on false bubbles, laws and bad input."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.cell_grid import CellGrid
from geo.errors import InvalidInput, MissingData
from tracing.bubble_kernel import bubble_z
from tracing.hot_grid import GridRule, hot_grid
from tracing.hot_grid_months import Months, months_of
from tracing.neighbours import neighbour_matrix

BEGIN = pd.Timestamp("2021-09-30T16:00Z")  # 2021-10-01 00:00 in the city
GRID = CellGrid.over((119.0, 34.4, 119.6, 34.9), 3000.0)


def centres(n):
    """Return the centres of n cells of a square of cells."""
    side = int(np.ceil(np.sqrt(n)))
    i, j = np.divmod(np.arange(n), side)
    return GRID.unproject((i + 0.5) * 3000.0 - 15_000.0, (j + 0.5) * 3000.0 - 15_000.0)


def rows(values, *, begin=BEGIN, source="station"):
    """Return a table of values, shape (hour, cell); NaN is left out."""
    hours, n = values.shape
    lon, lat = centres(n)
    times = pd.date_range(begin, periods=hours, freq="h")
    table = pd.DataFrame(
        {
            "source": source,
            "time": np.repeat(times, n),
            "lon": np.tile(lon, hours),
            "lat": np.tile(lat, hours),
            "value": values.ravel(),
        }
    )
    return table.dropna(subset=["value"])


def noise(hours=48, n=36, seed=0):
    rng = np.random.default_rng(seed)
    city = rng.normal(0.0, 0.3, (hours, 1))
    return np.exp(4.2 + city + 0.15 * rng.normal(size=(hours, n))) - 20.0


def test_bubbles_by_hand():
    # Five cells in a row, each with all others as neighbours: medians of the other four.
    values = np.array([[1.0, 2.0, 3.0, 4.0, 9.0], [1.0, np.nan, np.nan, 4.0, 9.0]])
    indptr = np.arange(0, 21, 4)
    indices = np.array([[j for j in range(5) if j != i] for i in range(5)]).ravel()
    z, median, count = bubble_z(values, indptr, indices, least=3, fewest=5, floor=0.05)
    assert median[0].tolist() == [3.5, 3.5, 3.0, 2.5, 2.5]
    # Apart: -2.5, -1.5, 0, 1.5, 6.5; the median of the absolute values is 1.5.
    assert z[0] == pytest.approx(np.array([-2.5, -1.5, 0.0, 1.5, 6.5]) * 0.6744897501960817 / 1.5)
    assert np.isnan(z[1]).all()
    assert count[1].tolist() == [2, 3, 3, 2, 2]


def test_a_planted_bubble_and_what_is_told_of_it():
    values = noise()
    values[30, 14] = 250.0
    found = hot_grid(rows(values), rule=GridRule(hour=BEGIN + pd.Timedelta(hours=30, minutes=20)))
    top = found.cells[found.cells["bubble"].fillna(False)]
    lon, lat = centres(36)
    assert top["cell"].tolist() == found.grid.names(found.grid.cell_of(lon[[14]], lat[[14]]))
    one = top.iloc[0]
    assert (one["state"], one["value"], one["n_neighbours"]) == ("bubbling", 250.0, 8)
    assert one["bubbles"] >= 1
    assert one.geometry.contains(shapely.Point(lon[14], lat[14]))
    assert found.hour == BEGIN + pd.Timedelta(hours=30)
    assert found.false_alarms.alarms >= 1
    assert found.false_alarms.judged == 48 * 36


def test_sources_go_before_one_another_and_are_counted():
    values = noise(48, 9)
    micro, mobile = rows(values + 100.0, source="micro"), rows(values[:6] + 500.0, source="mobile")
    stations = rows(np.where(np.arange(9) < 3, values, np.nan))
    satellite = rows(values[3:4, :1] * 0 + 1.0, begin=BEGIN + pd.Timedelta(hours=60), source="satellite")
    found = hot_grid(pd.concat([mobile, micro, satellite, stations]), rule=GridRule(min_share=0.01)).cells
    own = found[found["source"] == "station"]
    assert len(own) == 3
    assert (own["n_micro"] == 48).all()
    assert (own["n_mobile"] == 6).all()
    assert found["n_satellite"].sum() == 1
    lon, lat = centres(9)
    first = found.set_index("cell").loc[name_at(lon[1], lat[1])]
    assert first["mean"] == pytest.approx(values[:, 1].mean())
    assert found["age_h"].max() == 13.0
    others = found[found["source"] == "micro"]
    assert others["mean"].min() > 100.0


def name_at(lon, lat):
    grid = CellGrid.over((lon, lat, lon, lat), 3000.0)
    return grid.names(grid.cell_of([lon], [lat]))[0]


def test_months_ranks_and_changes_by_hand():
    hours, n = 31 * 24, 4
    now = np.tile([10.0, 20.0, 30.0, 40.0], (hours, 1))
    now[:500, 3] = np.nan
    before = np.tile([20.0, 10.0, 30.0, 40.0], (30 * 24, 1))
    year = np.tile([5.0, 40.0, 30.0, 40.0], (hours, 1))
    table = pd.concat(
        [
            rows(now),
            rows(before, begin=BEGIN - pd.Timedelta(days=30)),
            rows(year, begin=pd.Timestamp("2020-09-30T16:00Z")),
            rows(year * 9, begin=pd.Timestamp("2021-02-28T16:00Z")),
        ]
    )
    found = hot_grid(table, rule=GridRule(month="2021-10", worst=1)).cells
    lon, lat = centres(n)
    cells = found.set_index("cell").loc[[name_at(x, y) for x, y in zip(lon, lat, strict=True)]]
    assert cells["rank"].tolist() == [3, 2, 1, pd.NA]
    assert cells["mean"].tolist() == [10.0, 20.0, 30.0, 40.0]
    assert cells["change_pct"].tolist()[:3] == pytest.approx([-50.0, 100.0, 0.0])
    assert cells["rank_change"].tolist()[:3] == [0, 2, 1]
    assert cells["change_year_pct"].tolist()[:3] == pytest.approx([100.0, -50.0, 0.0])
    assert cells["share_pct"].tolist() == pytest.approx([100, 100, 100, 100 * 244 / 744])
    assert cells["state"].tolist() == ["ordinary", "rising", "worst", "few_hours"]
    assert np.isnan(cells["change_pct"].iloc[3])


def test_a_month_is_the_citys_and_january_compares_with_december():
    assert months_of(pd.Series([BEGIN]), None).name == "2021-10"
    months = Months(pd.Period("2021-01", "M"))
    hours = months.hours()
    assert len(hours) == 24 * (31 + 31 + 31)
    assert hours.is_monotonic_increasing
    assert months.now(hours).sum() == 31 * 24
    assert str(months.end) == "2021-01-31 16:00:00+00:00"


def test_where_there_is_nothing_bubbles_and_mirror_bubbles_agree():
    lon, lat = centres(36)
    around = neighbour_matrix(gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs=4326), "knn:8")
    indptr, indices = around.indptr.astype(np.int64), around.indices.astype(np.int64)
    high = low = judged = 0
    for seed in range(100):
        logs = np.log(noise(24, 36, seed) + 20.0)
        z, _, _ = bubble_z(logs, indptr, indices, least=4, fewest=8, floor=0.05)
        high, low, judged = high + (z >= 3.0).sum(), low + (z <= -3.0).sum(), judged + z.size
    assert high > 100
    assert abs(high - low) < 3.0 * np.sqrt(high + low)
    # The nominal rate of a normal z of 3 is 0.13 %; the spread of an hour makes it somewhat larger, never ten times.
    assert high / judged < 0.013


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_of_rows_and_repeated_sensors_change_nothing(seed):
    table = rows(noise(12, 16, seed))
    one = hot_grid(table, rule=GridRule(min_share=0.01)).cells
    two = hot_grid(table.sample(frac=1.0, random_state=seed), rule=GridRule(min_share=0.01)).cells
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(two), rtol=1e-12)
    twice = hot_grid(pd.concat([table, table]), rule=GridRule(min_share=0.01)).cells
    assert twice["mean"].to_numpy() == pytest.approx(one["mean"].to_numpy())
    assert (twice["n_station"] == 2 * one["n_station"]).all()


def test_cells_outside_the_city_are_left_out_and_said():
    table = rows(noise(12, 36))
    lon, lat = centres(36)
    city = shapely.box(lon.min() - 0.1, lat.min() - 0.1, lon.mean(), lat.max() + 0.1)
    found = hot_grid(table, inside=city, rule=GridRule(min_share=0.01))
    assert len(found.cells) < 36
    assert "lie outside the area" in found.warnings[0]
    assert found.cells.geometry.centroid.within(city).all() if found.cells.crs.is_projected else True


def test_equal_values_and_too_few_neighbours():
    equal = hot_grid(rows(np.full((30, 16), 50.0)))
    assert not equal.cells["bubble"].any()
    assert (equal.cells["rank"] == 1).all()
    few = hot_grid(rows(noise(30, 4)))
    assert few.cells["bubble"].isna().all()
    assert "were not compared" in few.warnings[0]
    assert few.false_alarms.judged == 0


BAD = {
    "no column lon": lambda t: (t.drop(columns="lon"), {}),
    "no zone": lambda t: (t.assign(time=t["time"].dt.tz_localize(None)), {}),
    "unknown source": lambda t: (t.assign(source="drone"), {}),
    "infinite": lambda t: (t.assign(value=np.inf), {}),
    "out of range|no area": lambda t: (t.assign(lat=t["lat"] * 3), {}),
    "is no month": lambda t: (t, {"month": "October"}),
    "does not lie in": lambda t: (t, {"hour": pd.Timestamp("2031-01-01T00:00Z")}),
    "--min-share": lambda t: (t, {"min_share": 2.0}),
    "--threshold": lambda t: (t, {"threshold": -1.0}),
    "--ratio": lambda t: (t, {"ratio": 0.1}),
    "--min-neighbours": lambda t: (t, {"min_neighbours": 0}),
    "--worst": lambda t: (t, {"worst": 0}),
    "not understood": lambda t: (t, {"neighbours": "near"}),
    "positive number of metres": lambda t: (t, {"cell_m": -5.0}),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_input(told):
    table, rule = BAD[told](rows(noise(12, 9)))
    with pytest.raises(InvalidInput, match=told):
        hot_grid(table, rule=GridRule(**rule))


def test_no_values_in_the_month_one_cell_and_nothing_at_all():
    table = rows(noise(12, 9))
    with pytest.raises(MissingData, match="choose another --month"):
        hot_grid(table, rule=GridRule(month="2020-01"))
    with pytest.raises(MissingData, match="1 cells"):
        hot_grid(rows(noise(12, 1)))
    with pytest.raises(MissingData, match="no value"):
        hot_grid(table.assign(value=np.nan))
    with pytest.raises(MissingData, match="inside"):
        hot_grid(table, inside=shapely.box(0, 0, 1, 1))
    assert isinstance(hot_grid(table, rule=GridRule(min_share=0.01)).cells, gpd.GeoDataFrame)
