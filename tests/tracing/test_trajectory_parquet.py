"""GeoParquet by parts: the parts do not show, and a run that fails leaves nothing."""

import json
import resource
import signal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from geo.errors import SourceUnavailable
from tracing import trajectory_parquet
from tracing.exchange import read_trajectories
from tracing.trajectory import trajectories
from tracing.trajectory_parquet import ParquetSink
from tracing.trajectory_sink import TableSink, Tally, with_member


@pytest.fixture(scope="module")
def points(eastward, tools):
    starts = [tools.start("2020-02-28T12:00Z", lon, lat) for lon in (5.0, 8.0, 19.5) for lat in (38.0, 40.0)]
    return trajectories(eastward, pd.concat(starts, ignore_index=True), hours=6)


def in_parts(points, size):
    numbers = points["trajectory"].unique()
    for i in range(0, numbers.size, size):
        yield points[points["trajectory"].isin(numbers[i : i + size])].reset_index(drop=True)


@pytest.mark.parametrize("size", [1, 4, 6])
def test_parts_do_not_show_in_the_bytes(points, tmp_path, monkeypatch, size):
    monkeypatch.setattr(trajectory_parquet, "ROW_GROUP", 10)
    for name, parts in (("whole", [points]), ("parts", in_parts(points, size))):
        with ParquetSink(tmp_path / name) as sink:
            for part in parts:
                sink.add(part)
            sink.finish({"met": "a"})
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()
    assert pq.read_metadata(tmp_path / "whole").num_row_groups == -(-len(points) // 10)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["parts", "whole"]


def test_it_is_geoparquet(points, tmp_path):
    path = tmp_path / "a.parquet"
    with ParquetSink(path) as sink:
        sink.add(points)
        assert not path.exists()
        sink.finish({"met": "站"})
    frame = gpd.read_parquet(path)
    want = shapely.points(points["lon"], points["lat"])
    assert shapely.equals_exact(frame.geometry.to_numpy(), want, 0.0).all()
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    np.testing.assert_allclose(geo["columns"]["geometry"]["bbox"], frame.total_bounds)
    back = read_trajectories(path)
    assert back.attrs["provenance"] == {"met": "站"}
    pd.testing.assert_frame_equal(back, points, check_exact=True)


def test_a_run_that_fails_leaves_nothing(points, tmp_path, monkeypatch):
    monkeypatch.setattr(trajectory_parquet, "ROW_GROUP", 10)

    def broken(sink):
        with sink:
            sink.add(points)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken(ParquetSink(tmp_path / "a.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finished_is_removed(points, tmp_path, monkeypatch):
    monkeypatch.setattr(trajectory_parquet, "ROW_GROUP", 10)
    path = tmp_path / "a.parquet"
    with ParquetSink(path) as sink:
        sink.add(points)
        assert [p.name for p in tmp_path.iterdir()] == ["a.parquet.part"]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(points, tmp_path, monkeypatch):
    monkeypatch.setattr(trajectory_parquet, "ROW_GROUP", 10)

    def fill(sink):
        with sink:
            for _ in range(5):
                sink.add(points)
            sink.finish({})

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        with pytest.raises(SourceUnavailable, match=r"a\.parquet: cannot be written .*check folder and disk"):
            fill(ParquetSink(tmp_path / "a.parquet"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_the_table_in_memory_is_sorted_and_the_tally_counts_paths(points):
    sink, tally = TableSink(), Tally("omega")
    for part in reversed(list(in_parts(points, 2))):
        sink.add(part)
        tally.add(part)
    pd.testing.assert_frame_equal(sink.points(), points, check_exact=True)
    assert tally.paths == 6
    assert dict(tally.ends) == points.groupby("trajectory")["end_reason"].last().astype("str").value_counts().to_dict()
    assert set(tally.ends) == {"completed", "left_domain"}
    assert tally.ground_contact() == []


def test_members_of_the_starts_go_to_the_points(points):
    starts = pd.DataFrame({"member": [1, 2, 3, 1, 2, 3]})
    member = with_member(points, starts)["member"]
    assert (member == (points["trajectory"] - 1) % 3 + 1).all()
    assert "member" not in with_member(points, starts.drop(columns="member"))
