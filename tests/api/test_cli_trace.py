"""``suyuan trace``: its formats, the dry run, what a broken run leaves, starts from a layer."""

import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from data_samples import folder
from geo.errors import SourceUnavailable
from layers.store import Workspace

SAMPLES = folder()


def test_trace_writes_each_format(suyuan, tmp_path: Path) -> None:
    asked = ["trace", "--met", SAMPLES / "practice_met.arl", "--start", "2021-10-20T22:00+08:00", "--lat", "34.59"]
    asked += ["--lon", "119.18", "--height", "100", "500", "--height", "1000", "--hours", "-12"]
    for name in ("back.tdump", "back.nc", "back.parquet", "back.geojson", "back.csv"):
        code, out, err = suyuan(*asked, "--output", tmp_path / name)
        assert code == 0, err
        assert "3 trajectories of 12 h" in out
    points = pd.read_csv(tmp_path / "back.csv")
    assert points.groupby("trajectory").size().tolist() == [13, 13, 13]
    assert points["start_time"].unique().tolist() == ["2021-10-20T14:00:00Z"]
    assert points["age_h"].min() == -12


TRACE = ["trace", "--met", SAMPLES / "practice_met.arl", "--start", "2021-10-20T22:00+08:00", "--hours", "-12"]
TRACE += ["--lat", "34.59", "--lon", "119.18", "--height", "100"]


def test_a_dry_run_says_the_cost_and_writes_nothing(suyuan, tmp_path: Path) -> None:
    many = ["--every", "1s", "--until", "2021-10-20T23:59+08:00"]
    code, out, err = suyuan(*TRACE, *many, "--dry-run", "--output", tmp_path / "a.parquet")
    assert code == 0, err
    assert "7141 trajectories" in out
    assert "Nothing was computed or written" in out
    assert list(tmp_path.iterdir()) == []
    code, out, err = suyuan(*TRACE, *many, "--dry-run", "--max-starts", "1000")
    assert code == 0
    assert "more than --max-starts 1000: raise it to run" in err
    code, _, err = suyuan(*TRACE, *many, "--max-starts", "1000", "--output", tmp_path / "a.parquet")
    assert code == 2
    assert "7141 trajectories asked for, more than --max-starts 1000: --dry-run says" in err
    assert list(tmp_path.iterdir()) == []
    code, _, err = suyuan(*TRACE[:4], "2031-01-01T00:00", *TRACE[5:], "--dry-run")
    assert code == 2
    assert "the meteorology covers" in err


BAD_STARTS = {
    "place": ([], "starts row 82: 12 N 119.2 E lies outside the meteorology"),
    "height": (["--height", "15000"], "starts row 2: 15000 m lies above the top"),
    "below ground": (["--height", "-3"], "starts row 2: height_m_agl -3 is below ground"),
    "time": (["--until", "2021-12-20T23:00+08:00"], "lies outside; the meteorology covers"),
    "no omega": (["--vertical", "omega", "--along", "precipitation"], "along the path: no precipitation"),
}


@pytest.mark.parametrize("most", [2_000_000, 10])
@pytest.mark.parametrize("case", BAD_STARTS)
def test_a_dry_run_names_the_start_that_the_run_would(
    suyuan, tmp_path: Path, monkeypatch, case: str, most: int
) -> None:
    monkeypatch.setattr("api.processes.trace_plan._MOST_CHECKED", most)
    lat = [34.5, 34.6, 34.7, 12.0 if case == "place" else 34.8]
    frame = gpd.GeoDataFrame({"id": list("abcd")}, geometry=gpd.points_from_xy([119.2] * 4, lat), crs=4326)
    frame.to_file(tmp_path / "places.geojson")
    asked = ["trace", "--met", SAMPLES / "practice_met.arl", "--receptors", tmp_path / "places.geojson"]
    asked += ["--hours", "-3"]
    asked += ["--start", "2021-10-20T21:00+08:00", "--every", "5min", "--height", "100"]
    more, named = BAD_STARTS[case]
    asked += more if case == "time" else [*more, "--until", "2021-10-20T23:15+08:00"]
    if case == "place":
        asked[-1] = "2021-10-20T23:10+08:00"
    told = [suyuan(*asked, *last) for last in (["--dry-run"], ["--output", tmp_path / "a.csv"])]
    assert named in told[0][2]
    assert told[0] == told[1]
    assert told[0][0] == 2


def test_a_dry_run_says_when_it_has_not_looked_at_all_times(suyuan, monkeypatch) -> None:
    two = [*TRACE, "--every", "1h", "--until", "2021-10-20T23:59+08:00", "--dry-run"]
    code, _, err = suyuan(*two)
    assert (code, "start times" in err) == (0, False)
    monkeypatch.setattr("tracing.trajectory_cost._CHECK_SECONDS", 0.0)
    code, _, err = suyuan(*two)
    assert (code, "at 1 of 2 start times" in err) == (0, True)


def test_more_points_than_memory_holds_go_to_parquet_only(suyuan, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("api.processes.trace_plan.MOST_POINTS", 20)
    two = [*TRACE, "500", "--error", "none"]
    code, _, err = suyuan(*two, "--output", tmp_path / "a.csv")
    assert code == 2
    assert "2 trajectories have up to 26 points" in err
    assert suyuan(*two, "--output", tmp_path / "a.parquet")[0] == 0
    points = pd.read_parquet(tmp_path / "a.parquet")
    assert len(points) == 26
    assert "error_km" not in points


@pytest.mark.parametrize(
    "broken", ["api.processes.base.provenance", "api.processes.trace._outcome", "api.cli.write_result"]
)
def test_a_run_that_fails_after_its_last_point_leaves_nothing(suyuan, tmp_path: Path, monkeypatch, broken) -> None:
    monkeypatch.setattr("tracing.trajectory_parquet.ROW_GROUP", 10)
    seen = []

    def fails(*_: object, **__: object) -> None:
        seen.extend(path.name for path in tmp_path.iterdir())
        raise SourceUnavailable("the record cannot be made")

    monkeypatch.setattr(broken, fails)
    code, _, err = suyuan(*TRACE, "--output", tmp_path / "a.parquet")
    assert (code, err.strip()) == (2, "suyuan: the record cannot be made")
    assert seen == ["a.parquet.part"]
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_told_to_end_leaves_nothing(tmp_path: Path) -> None:
    many = ["--every", "1s", "--until", "2021-10-20T23:59+08:00", "--output", tmp_path / "a.parquet"]
    words = [str(word) for word in [*TRACE, *many]]
    program = (
        f"from api import cli; from tracing import trajectory_parquet as p; p.ROW_GROUP = 1000; cli.main({words!r})"
    )
    run = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if list(tmp_path.iterdir()):
            break
        time.sleep(0.05)
    run.terminate()
    assert run.communicate(timeout=20)[1] == "suyuan: stopped\n"
    assert list(tmp_path.iterdir()) == []


def test_spread_starts_are_members(suyuan, tmp_path: Path) -> None:
    spread = [*TRACE, "--spread-km", "15", "--spread-members", "5", "--output", tmp_path / "a.csv"]
    code, _, err = suyuan(*spread)
    assert code == 0, err
    heads = pd.read_csv(tmp_path / "a.csv").groupby("trajectory").first()
    assert heads["member"].tolist() == [1, 2, 3, 4, 5]
    assert heads["lon"].nunique() == 5
    assert heads["lon"].iloc[0] == 119.18
    code, _, err = suyuan(*spread, "--ensemble")
    assert code == 2
    assert "choose one" in err


def test_trace_from_a_layer_over_a_period_becomes_a_layer(suyuan, workspace: Path) -> None:
    assert suyuan("layers", "add", "stations", SAMPLES / "stations.csv")[0] == 0
    asked = [
        "trace",
        "--met",
        SAMPLES / "practice_met.arl",
        "--start",
        "2021-10-20T00:00",
        "--until",
        "2021-10-20T06:00",
    ]
    code, _, err = suyuan(*asked, "--every", "3h", "--receptors", "stations", "--height", "100", "--hours", "-6")
    assert code == 0, err
    lines = Workspace(workspace).read("trajectories")
    assert len(lines) == 12 * 3
    assert set(lines["receptor"]) == set(Workspace(workspace).read("stations")["id"])
