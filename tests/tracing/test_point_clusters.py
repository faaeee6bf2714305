"""ST-DBSCAN beside scikit-learn's DBSCAN, by hand, laws, and bad input."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from geo.errors import InvalidInput, MissingData
from geo.geodesic import distance_matrix_m
from tracing.cluster_kernel import dbscan
from tracing.point_clusters import point_clusters

BEGIN = pd.Timestamp("2021-10-18T00:00Z")


def events(n=300, seed=0):
    rng = np.random.default_rng(seed)
    centre = rng.integers(0, 5, n)
    lon = 119.0 + 0.1 * centre + rng.normal(0, 0.02, n)
    lat = 34.5 + 0.05 * (centre % 2) + rng.normal(0, 0.02, n)
    hours = 24.0 * centre + rng.exponential(20.0, n)
    time = BEGIN + pd.to_timedelta(hours, unit="h")
    return gpd.GeoDataFrame(
        {"time": time, "frp_mw": rng.gamma(2, 3, n)}, geometry=gpd.points_from_xy(lon, lat), crs=4326
    )


def combined(frame, metres, hours):
    """Return the larger of distance and time apart, each over its limit."""
    x, y = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    apart = distance_matrix_m(x, y, x, y) / metres
    if hours is None:
        return apart
    when = ((frame["time"] - BEGIN) / pd.Timedelta(hours=1)).to_numpy()
    return np.maximum(apart, np.abs(when[:, None] - when[None, :]) / hours)


@pytest.mark.parametrize("least", [3, 5, 7])
@pytest.mark.parametrize("hours", [None, 6.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_scikit_learn_gives_the_same_labels(least, hours, seed):
    sklearn = pytest.importorskip("sklearn.cluster")
    frame = events(500, seed=seed)
    expected = sklearn.DBSCAN(eps=1.0, min_samples=least, metric="precomputed").fit(combined(frame, 1500.0, hours))
    found = point_clusters(frame, distance_m=1500.0, hours=hours, least=least, time="time" if hours else None)
    assert len(set(expected.labels_)) > 3
    theirs, ours = expected.labels_, found.points["cluster"].fillna(0).to_numpy(dtype=int)
    pairs = {(a, b) for a, b in zip(theirs, ours, strict=True)}
    # The same partition, border points included; ours is numbered by start where there are times.
    assert len(pairs) == len(set(theirs)) == len(set(ours))
    assert (-1, 0) in pairs
    assert set(np.flatnonzero(found.points["role"] == "core")) == set(expected.core_sample_indices_)
    if hours is None:
        assert (ours - 1 == theirs).all()


def test_clusters_by_hand():
    # On a line: 0-1-2 within reach of the next, 3 within reach of 2 alone, 4 far away.
    chain = np.array([[0, 1], [1, 2], [2, 3]])
    pairs = np.concatenate([chain, chain[:, ::-1]])
    label, core = dbscan(csr_array((np.ones(6), pairs.T), shape=(5, 5)), 3)
    assert label.tolist() == [0, 0, 0, 0, -1]
    assert core.tolist() == [False, True, True, False, False]
    label, core = dbscan(csr_array((5, 5)), 1)
    assert label.tolist() == [0, 1, 2, 3, 4]
    assert core.all()


def test_what_is_told_of_a_cluster():
    frame = events()
    found = point_clusters(frame, distance_m=2000.0, hours=12.0, least=5, time="time", weight="frp_mw")
    clusters = found.clusters
    assert clusters["start"].is_monotonic_increasing
    for row in clusters.itertuples():
        part = found.points[found.points["cluster"] == row.cluster]
        assert (len(part), part["time"].min(), part["time"].max()) == (row.n_points, row.start, row.end)
        assert part["frp_mw"].sum() == pytest.approx(row.weight)
        assert row.geometry.covers(part.geometry.union_all())
    assert found.points["cluster"].dropna().max() == len(clusters)
    assert set(found.points.columns) == {*frame.columns, "cluster", "role"}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_another_order_gives_the_same_cores(seed):
    frame = events(120, seed)
    turned = frame.sample(frac=1.0, random_state=seed)
    one = point_clusters(frame, distance_m=1500.0, hours=12.0, least=4, time="time")
    two = point_clusters(turned, distance_m=1500.0, hours=12.0, least=4, time="time")
    assert (two.points["role"].sort_index() == one.points["role"]).all()
    core = one.points["role"] == "core"
    a, b = one.points["cluster"][core], two.points["cluster"].sort_index()[core]
    assert len(set(zip(a, b, strict=True))) == a.nunique()


def test_missing_times_places_and_repeated_places():
    frame = events(60)
    frame.index = pd.Index([7] * 60)
    frame.iloc[0, frame.columns.get_loc("time")] = pd.NaT
    frame.iloc[1, frame.columns.get_loc("geometry")] = None
    found = point_clusters(pd.concat([frame, frame]), distance_m=1500.0, hours=12.0, time="time")
    assert found.warnings == ("4 points have no place or no time and were left out.",)
    assert found.points["role"].isna().sum() == 4
    text = frame.assign(time=frame["time"].astype("str").where(frame["time"].notna()))
    again = point_clusters(text, distance_m=1500.0, hours=12.0, time="time")
    assert again.points["role"].isna().sum() == 2
    alone = point_clusters(events(4), distance_m=10.0, least=3)
    assert len(alone.clusters) == 0
    assert alone.points["cluster"].isna().all()


BAD = {
    "--distance-m": dict(distance_m=-1.0),
    "--hours": dict(hours=-1.0, time="time"),
    "needs times": dict(hours=1.0),
    "--least": dict(least=0),
    "no column 'when'": dict(time="when"),
    "holds numbers": dict(time="frp_mw"),
    "cannot be read": dict(time="word"),
    "no column 'x'": dict(weight="x"),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_input(told):
    with pytest.raises(InvalidInput, match=told):
        point_clusters(events(20).assign(word="soon"), **{"distance_m": 1000.0, **BAD[told]})


def test_taken_names_no_points_and_no_crs():
    with pytest.raises(InvalidInput, match="rename them"):
        point_clusters(events(5).assign(cluster=1), distance_m=100.0)
    with pytest.raises(MissingData, match="nothing to join"):
        point_clusters(events(5).assign(time=pd.NaT), distance_m=100.0, time="time")
    with pytest.raises(InvalidInput, match="no CRS"):
        point_clusters(events(5).set_crs(None, allow_override=True), distance_m=100.0)
