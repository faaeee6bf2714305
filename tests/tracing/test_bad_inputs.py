"""The bad inputs that people bring, through every hot-spot analysis: a clear error or an honest answer each."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput, MissingData
from tracing.alarms import AlarmRule, find_alarms
from tracing.density import kernel_density
from tracing.emerging import CubeRule, emerging
from tracing.hot_grid import GridRule, hot_grid
from tracing.hotspots import gi_star
from tracing.moran import local_moran
from tracing.point_clusters import point_clusters
from tracing.scan import Options, scan
from tracing.scan_tables import Tables, make_study

N, STEPS = 40, 12
BEGIN = pd.Timestamp("2024-02-25T00:00Z")
LOCAL = [gi_star, local_moran]


def places(n=N, seed=1):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform([[119.0], [34.4]], [[119.6], [34.9]], (2, n))
    return gpd.GeoDataFrame({"x": rng.normal(40, 9, n)}, geometry=gpd.points_from_xy(lon, lat), crs=4326)


def months(values=None, n=N, steps=STEPS):
    """Return one row for each place and month."""
    rng, frame = np.random.default_rng(2), places(n)
    values = rng.normal(40, 9, (n, steps)) if values is None else values
    times = pd.date_range("2023-01-15", periods=steps, freq="30D")
    rows = [frame[["geometry"]].assign(id=np.arange(n), time=when, x=values[:, k]) for k, when in enumerate(times)]
    return gpd.GeoDataFrame(pd.concat(rows, ignore_index=True), crs=4326)


def hourly(values=None, days=6, n=10):
    rng = np.random.default_rng(3)
    values = rng.gamma(20, 2, (24 * days, n)) if values is None else values
    times = pd.date_range(BEGIN, periods=len(values), freq="h")
    wide = pd.DataFrame(values, index=times, columns=[f"s{k}" for k in range(n)]).rename_axis("time").reset_index()
    return wide.melt("time", var_name="station_id", value_name="value")


def stations(n=10):
    return places(n).assign(id=[f"s{k}" for k in range(n)]).drop(columns="x")


def study(cases, xy, times=None):
    table = pd.DataFrame({"id": [str(k) for k in range(len(cases))], "cases": cases})
    where = pd.DataFrame({"id": table["id"], "x": xy[:, 0], "y": xy[:, 1]})
    if times is not None:
        table["time"] = pd.to_datetime(times)
    return make_study(Tables(table, where, table[["id"]].assign(population=100), step=None if times is None else "day"),
                      "poisson" if times is None else "space-time-permutation")  # fmt: skip


RULE = AlarmRule(days=5, min_days=2)
MONTHLY = CubeRule("as given")


# All values equal.


@pytest.mark.parametrize("statistic", LOCAL)
def test_equal_values_have_no_spot(statistic) -> None:
    found = statistic(places().assign(x=7.0), "x")
    assert found["class"].isna().all()
    assert any("values are equal" in text for text in found.attrs["warnings"])


def test_equal_values_elsewhere() -> None:
    found = emerging(months(np.full((N, STEPS), 7.0)), "x", time="time", place="id", rule=MONTHLY)
    assert any("are equal" in text for text in found.attrs["warnings"])
    assert len(find_alarms(hourly(np.full((144, 10), 7.0)), stations(), rule=RULE).alarms) == 0
    one = hot_grid(grid_rows(np.full((24, 10), 7.0)))
    assert not one.cells["bubble"].fillna(False).any()
    equal = scan(study(np.full(9, 5), np.random.default_rng(0).uniform(size=(9, 2))), Options(replications=19))
    assert len(equal) == 0
    assert equal.attrs["warnings"] == ["No zone has more cases than expected: there is no cluster."]


def grid_rows(values):
    table = hourly(values, n=values.shape[1])
    where = stations(values.shape[1]).set_index("id").geometry
    at = where.loc[table["station_id"]]
    return table.assign(source="station", lon=at.x.to_numpy(), lat=at.y.to_numpy())


# One point.


@pytest.mark.parametrize("statistic", LOCAL)
def test_one_point_has_no_statistic(statistic) -> None:
    with pytest.raises(MissingData, match="needs at least 3"):
        statistic(places(1), "x")


def test_one_point_elsewhere() -> None:
    with pytest.raises(MissingData, match="at least 3 are needed"):
        emerging(months(n=1), "x", time="time", place="id", rule=MONTHLY)
    with pytest.raises(MissingData, match="at least 5 are needed"):
        find_alarms(hourly(n=1), stations(1), rule=RULE)
    with pytest.raises(MissingData, match="give --bandwidth-m"):
        kernel_density(places(1))
    assert point_clusters(places(1), distance_m=500.0, least=2).points["role"].tolist() == ["noise"]
    with pytest.raises(MissingData, match="needs at least 3"):
        hot_grid(grid_rows(np.ones((5, 1))))
    with pytest.raises(MissingData, match="a scan needs at least 2"):
        study(np.array([3]), np.array([[119.0, 34.0]]))


# NaN.


@pytest.mark.parametrize("statistic", LOCAL)
def test_nan_is_left_out_and_infinity_refused(statistic) -> None:
    frame = places()
    frame.loc[3, "x"] = np.nan
    found = statistic(frame, "x", permutations=19)
    assert found["p"].isna().tolist() == (np.arange(N) == 3).tolist()
    assert "1 places have no value and were left out." in found.attrs["warnings"]
    with pytest.raises(InvalidInput, match="infinite"):
        statistic(frame.assign(x=np.inf), "x")
    with pytest.raises(MissingData, match="0 places with data"):
        statistic(frame.assign(x=np.nan), "x")


def test_nan_elsewhere() -> None:
    frame = months()
    frame.loc[5, "x"] = np.nan
    found = emerging(frame, "x", time="time", place="id", rule=MONTHLY)
    assert any("1 of 480 bins have no value: they are missing, not zero." in text for text in found.attrs["warnings"])
    values = hourly()
    values.loc[::7, "value"] = np.nan
    assert np.isfinite(find_alarms(values, stations(), rule=RULE).alarms["z"]).all()
    with pytest.raises(InvalidInput, match="whole numbers"):
        study(np.array([3.0, np.nan, 2.0]), np.random.default_rng(0).uniform(size=(3, 2)))
    assert "no place or no weight" in kernel_density(
        places().assign(x=[np.nan] + [1.0] * (N - 1)), weight="x", bandwidth_m=5000.0
    ).warnings[0]  # fmt: skip


# Degrees with a distance in metres, and metres without a CRS.


@pytest.mark.parametrize("statistic", LOCAL)
def test_a_distance_in_degrees(statistic) -> None:
    with pytest.raises(InvalidInput, match="distances are metres, and the nearest are"):
        statistic(places(), "x", neighbours="distance:0.05")
    with pytest.raises(InvalidInput, match="no CRS"):
        statistic(places().set_crs(None, allow_override=True), "x", neighbours="distance:3000")
    metres = places().to_crs(32650)
    same = statistic(metres, "x", neighbours="distance:9000")
    assert same["z"].to_numpy() == pytest.approx(
        statistic(places(), "x", neighbours="distance:9000")["z"].to_numpy(), rel=1e-6, nan_ok=True
    )
    mistaken = metres.set_crs(4326, allow_override=True)
    with pytest.raises(InvalidInput, match="90"):
        statistic(mistaken, "x", neighbours="distance:9000")


def test_degrees_and_metres_elsewhere() -> None:
    mistaken = places().to_crs(32650).set_crs(4326, allow_override=True)
    with pytest.raises(InvalidInput, match="check the coordinates|out of range|swapped"):
        kernel_density(mistaken, bandwidth_m=3000.0)
    with pytest.raises(InvalidInput, match="swapped"):
        point_clusters(mistaken, distance_m=3000.0)
    assert len(point_clusters(places(), distance_m=0.05, least=2).clusters) == 0
    with pytest.raises(InvalidInput, match="--cartesian"):
        study(np.array([3, 2]), np.array([[690_000.0, 3.8e6], [691_000.0, 3.8e6]]))


# Duplicate places.


@pytest.mark.parametrize("statistic", LOCAL)
def test_places_at_one_position_are_kept_and_said(statistic) -> None:
    frame = places()
    frame.loc[1, "geometry"] = frame.geometry[0]
    found = statistic(frame, "x")
    assert found["z"].notna().all()
    assert "2 places share their position with another place." in found.attrs["warnings"]


def test_duplicates_elsewhere() -> None:
    frame = places()
    twice = pd.concat([frame, frame])
    one, two = (kernel_density(f, bandwidth_m=6000.0).cells["density_per_km2"].max() for f in (frame, twice))
    assert two == pytest.approx(2 * one)
    assert point_clusters(twice, distance_m=10.0, least=2).points["cluster"].notna().all()
    with pytest.raises(InvalidInput, match="two positions"):
        make_study(
            Tables(
                pd.DataFrame({"id": ["a"], "cases": [2]}),
                pd.DataFrame({"id": ["a", "a"], "x": [119.0, 119.1], "y": [34.0, 34.0]}),
                pd.DataFrame({"id": ["a"], "population": [9]}),
            ),
            "poisson",
        )
    at_one = pd.DataFrame({"id": list("abc"), "x": [119.0, 119.0, 119.2], "y": [34.0, 34.0, 34.1]})
    found = scan(
        make_study(
            Tables(
                pd.DataFrame({"id": list("abc"), "cases": [5, 4, 1]}),
                at_one,
                pd.DataFrame({"id": list("abc"), "population": [10, 10, 40]}),
            ),
            "poisson",
        ),
        Options(replications=0),
    )
    assert found.iloc[0]["members"] == "a,b"


# Times out of order, and too few of them.


def test_times_out_of_order_change_nothing() -> None:
    frame = months()
    one = emerging(frame, "x", time="time", place="id", rule=MONTHLY)
    two = emerging(frame.sample(frac=1.0, random_state=1), "x", time="time", place="id", rule=MONTHLY)
    assert two["trend_z"].to_numpy() == pytest.approx(one["trend_z"].to_numpy())
    assert two["pattern"].tolist() == one["pattern"].tolist()
    values = hourly()
    values.loc[500:506, "value"] += 400.0
    straight, mixed = (find_alarms(v, stations(), rule=RULE) for v in (values, values.sample(frac=1.0, random_state=2)))
    pd.testing.assert_frame_equal(pd.DataFrame(straight.alarms), pd.DataFrame(mixed.alarms))
    days = pd.date_range("2024-01-01", periods=9)
    xy, cases = np.random.default_rng(0).uniform(size=(9, 2)) * 0.1 + [119.0, 34.0], np.arange(1, 10)
    one, two = (scan(study(c, x, t), Options(replications=0)) for c, x, t in (
        (cases, xy, days), (cases[::-1], xy[::-1], days[::-1])))  # fmt: skip
    assert two.iloc[0]["llr"] == pytest.approx(one.iloc[0]["llr"])


def test_fewer_than_ten_steps() -> None:
    with pytest.raises(MissingData, match="9 time steps: emerging hot spots need 10"):
        emerging(months(steps=9), "x", time="time", place="id", rule=MONTHLY)
    with pytest.raises(MissingData, match="span 24 hours"):
        find_alarms(hourly(days=1), stations(), rule=RULE)
    with pytest.raises(InvalidInput, match="cannot be read"):
        emerging(months().assign(time="soon"), "x", time="time", place="id", rule=MONTHLY)
    few = hot_grid(grid_rows(np.random.default_rng(0).gamma(20, 2, (3, 10))), rule=GridRule(min_share=0.5))
    assert (few.cells["n_hours"] == 3).all()
